"""`kerbwatch site import` and `kerbwatch site export`: the doors through which layers come and go. 导入导出"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from detector.errors import InputError
from detector.geo.crs import parse_crs
from detector.geo.crs.names import TAKEN
from detector.geo.zones import ZoneKind
from detector.site.importing import Layer, LayerError, read_layer, read_surroundings, write_layer
from detector.site.load import load_site

_CRS_HELP = f"The coordinate system 坐标系: {TAKEN}."


def import_layer(
    folder: Annotated[Path, typer.Argument(help="The site folder.")],
    source: Annotated[Path, typer.Argument(help="A GeoJSON FeatureCollection of polygons.")],
    crs: Annotated[str, typer.Option(help=_CRS_HELP)],
    out: Annotated[Path, typer.Option(help="The file to write, inside the site folder: zones/NAME.geojson.")],
    kind: Annotated[ZoneKind | None, typer.Option(help="Zone kind of features that name none.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report only; write nothing. 只报告，不写入")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite the file if it is there.")] = False,
    sure: Annotated[
        bool, typer.Option("--sure", help="Take the layer although it looks as if it were in another system.")
    ] = False,
) -> None:
    """Bring a layer into a site as zones in WGS-84: 导入图层（转换为WGS-84）.

    Refused, with the likely cause: metres for degrees, swapped axes, another zone, a layer outside the site's bbox,
    and one that lies along the site's own zones only when read in another system.
    """
    console = Console(soft_wrap=True)
    target = _target(folder, out)
    if target.exists() and not (replace or dry_run):
        raise InputError(f"{target} is there already; give --replace to write it anew, or another --out")
    system = parse_crs(crs)
    around = read_surroundings(folder, target)
    try:
        layer = read_layer(source, system, around, kind=kind, sure=sure)
    except LayerError as error:
        for problem in error.problems:
            console.print(f"[red]✗[/] {escape(str(problem))}", highlight=False)
        raise
    for line in _report(layer):
        console.print(escape(line), highlight=False)
    for warning in layer.warnings:
        console.print(f"[yellow]![/] {escape(warning)}", highlight=False)
    if dry_run:
        console.print("未写入 · nothing was written (--dry-run)", highlight=False)
        return
    write_layer(layer, target)
    done = f"[green]✓[/] {escape(str(target))}; 请运行 · now run: kerbwatch site check {escape(str(folder))}"
    console.print(done, highlight=False)


def export_map(
    folder: Annotated[Path, typer.Argument(help="The site folder.")],
    out: Annotated[Path, typer.Option(help="The GeoJSON file to write.")],
    crs: Annotated[
        str | None, typer.Option(help=_CRS_HELP + " Without it: public_map_crs of site.yaml, else WGS84.")
    ] = None,
    with_privacy: Annotated[
        bool, typer.Option("--with-privacy", help="Write privacy zones too. 同时导出隐私区")
    ] = False,
) -> None:
    """Write the zones for others, e.g. for a public map in GCJ-02: 导出区域（不含许可持有人）."""
    from detector.site.exporting import export_site

    site = load_site(folder)
    system = parse_crs(crs) if crs is not None else site.public_map_crs
    done = export_site(site, system, out, with_privacy=with_privacy)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(done.by_kind.items()))
    console = Console(soft_wrap=True)
    console.print(f"[green]✓[/] {escape(str(out))}: {system} · {kinds}", highlight=False)
    if done.private_left_out:
        console.print(
            f"  {done.private_left_out} 个隐私区未导出 · privacy zone(s) left out (--with-privacy writes them)",
            highlight=False,
        )


def _target(folder: Path, out: Path) -> Path:
    target = out if out.is_absolute() else folder / out
    if target.suffix != ".geojson" or target.parent.resolve() != (folder / "zones").resolve():
        raise InputError(f"--out {out} is no zone file of the site; write e.g. --out zones/bays.geojson")
    return target


def _report(layer: Layer) -> list[str]:
    kinds = sorted({zone.kind.value for zone in layer.zones})
    lines = [f"{len(layer.zones)} 个区域 · zones ({', '.join(kinds)}), {layer.crs} -> WGS-84"]
    if layer.moved_median_m is None:
        lines.append("  由投影坐标（米）换算 · converted from metres of a projection")
    else:
        lines.append(f"  移动中位数 · moved by {layer.moved_median_m:.1f} m on the median")
    lines.append("  全部位于辖区范围内 · all inside the bbox of site.yaml")
    said = {
        "fits": "与现有区域吻合 · lies along the site's own zones",
        "shifted": "与现有区域不吻合 · does not lie along the site's own zones",
        "cannot_tell": "无法与现有区域核对 · cannot be checked against the site's own zones",
    }
    lines.append(f"  {said[layer.agreement.verdict]} ({layer.agreement.fit:.0%})")
    if layer.set_aside:
        names = ", ".join(sorted(layer.set_aside))
        lines.append(f"  另存为 source_properties · set aside as source_properties: {names}")
    return lines
