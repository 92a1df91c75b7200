"""`kerbwatch site`: check and draw a site folder. 辖区"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from detector.errors import InputError
from detector.geo.camera import FixedHomography
from detector.site import check_site, load_site, site_warnings
from detector.site.doors_cli import export_map, import_layer
from detector.site.explain_cli import explain_place, read_time

app = typer.Typer(no_args_is_help=True)
app.command("import")(import_layer)
app.command("export")(export_map)
app.command("explain", context_settings={"ignore_unknown_options": True})(explain_place)  # a longitude may be negative

Folder = Annotated[Path, typer.Argument(help="The site folder: site.yaml, zones/, rules/, cameras.yaml, permits.yaml.")]


@app.command()
def check(folder: Folder) -> None:
    """Name file, feature and field of everything wrong: 检查辖区文件夹.

    Exit code 0 when the folder can be used, also with warnings (grids that overlap); 2 when something is wrong.
    """
    console = Console(soft_wrap=True)
    problems = check_site(folder)
    for problem in problems:
        console.print(f"[red]✗[/] {escape(str(problem))}", highlight=False)
    if problems:
        raise InputError(f"{folder} 有 {len(problems)} 处问题 · has {len(problems)} problem(s), listed above")
    site = load_site(folder)
    console.print(
        f"[green]✓[/] {escape(site.name.both())}: {len(site.zones)} 个区域 · zones, {len(site.permits)} 个许可 · "
        f"permits, {len(site.cameras)} 个摄像头 · cameras, {len(site.rules)} 条规则 · rules",
        highlight=False,
    )
    for camera in site.cameras.values():
        if isinstance(camera, FixedHomography):
            console.print(f"  {escape(camera.camera_id)}: {_fit(camera)}", highlight=False)
    for warning in site_warnings(site):
        console.print(f"[yellow]![/] {escape(str(warning))}", highlight=False)
    if site.synthetic_positions:
        console.print("  虚拟位置 · synthetic positions: every report and page will say so")


def _fit(camera: FixedHomography) -> str:
    """What a camera's marked points miss by."""
    each = ", ".join(f"{miss:.2f}" for miss in camera.misfit_m)
    line = f"{len(camera.misfit_m)} 个地面点误差 · ground points miss by {each} m"
    if not camera.left_out_m:
        return f"{line}; 不足 6 点无法互检 · six or more would check each other"
    worst = max(range(len(camera.left_out_m)), key=camera.left_out_m.__getitem__)
    return (
        f"{line}; 逐点互检 {camera.residual_m:.2f} m, 最大 #{worst} · "
        f"foretold by the others {camera.residual_m:.2f} m rms, worst is point {worst} "
        f"with {camera.left_out_m[worst]:.2f} m"
    )


@app.command("map")
def draw_map(
    folder: Folder,
    out: Annotated[Path, typer.Option(help="The picture to write; open it in any browser.")] = Path("site-map.svg"),
    at: Annotated[
        str | None, typer.Option(help="Show what is in force then: the site's local time, 2026-05-18T23:10, or now.")
    ] = None,
) -> None:
    """Draw zones, permits and cameras, or what of it is in force at a time: 绘制辖区图.

    With --at, what is out of its hours or season, closed or without a permit in force is told from what holds.
    """
    from detector.site.draw import draw_site_map

    site = load_site(folder)
    draw_site_map(site, out, read_time(at, site) if at is not None else None)
    Console(soft_wrap=True).print(f"[green]✓[/] {escape(str(out))}", highlight=False)
