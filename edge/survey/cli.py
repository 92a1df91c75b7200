"""`kerbwatch survey`: what drone photos say of themselves, checked against each other."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import cv2
import typer
from rich.console import Console
from rich.table import Table

from detector.errors import InputError
from detector.output import write_whole
from edge.progress import ProgressBar
from edge.survey.check import Finding, SurveyCheck, check_photos, photo_paths
from edge.survey.picture import draw_check
from edge.survey.poses import poses_csv

app = typer.Typer(no_args_is_help=True, help="Check drone photos against each other. 航拍照片检查")

_SAYS = {
    Finding.GOOD: "正常 · good",
    Finding.TURNED_ROUND: "[red]航向反了 180° · turned round[/red]",
    Finding.OFF: "[yellow]航向偏差 · heading off[/yellow]",
    Finding.UNKNOWN: "[dim]无法判断 · cannot be told[/dim]",
}


@app.callback()
def _survey() -> None:
    """Keeps `check` a sub-command while it is the only one."""


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="Folder of drone photos (JPEG with DJI tags). 航拍照片文件夹")],
    mend: Annotated[
        Path | None, typer.Option(help="Write mended poses here, for patrol --poses. 写出修正后的姿态文件")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Draw the photos on the ground, before and after (PNG). 拼图")
    ] = None,
    hfov_deg: Annotated[
        float | None, typer.Option(help="Horizontal field of view; default: from EXIF. 水平视场角")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Find drone photos whose tagged heading is wrong, by the ground that overlapping photos share. 检查航拍照片的航向

    Every matched pixel is laid on the ground from both photos by their own tags; how far apart the two points are is
    the pair's disagreement. Exit codes: 0 all headings good, 1 some are wrong, 2 something given is wrong.
    """
    cv2.setNumThreads(1)
    if picture is not None and picture.suffix.lower() != ".png":
        raise InputError(f"--picture {picture} must end in .png")
    for target in (mend, picture):  # said now, not after minutes of matching
        if target is not None and (target.is_dir() or not target.parent.is_dir()):
            raise InputError(f"cannot write {target}: name a file in a folder that is there (文件夹不存在)")
    paths = photo_paths(folder)
    with ProgressBar() as bar:
        result = _checked(paths, hfov_deg, bar)
        if picture is not None:
            _draw(result, folder, picture, hfov_deg, bar)
    if mend is not None:
        write_whole(mend, poses_csv(result.photos))
    if as_json:
        typer.echo(json.dumps(_as_json(result), ensure_ascii=False, indent=2))
    else:
        _print(Console(), result, mend)
    if any(p.finding in (Finding.TURNED_ROUND, Finding.OFF) for p in result.photos):
        raise typer.Exit(1)


def _checked(paths: list[Path], hfov_deg: float | None, bar: ProgressBar) -> SurveyCheck:
    begun = False

    def show(done: int, total: int, what: str) -> None:
        nonlocal begun
        if not begun:
            bar.begin("比对 · matching", total=float(total))
            begun = True
        bar.advance(float(done), what)

    return check_photos(paths, hfov_deg, show)


def _draw(result: SurveyCheck, folder: Path, picture: Path, hfov_deg: float | None, bar: ProgressBar) -> None:
    bar.begin("绘图 · drawing", total=float(len(result.photos)))
    done = 0

    def tick(name: str) -> None:
        nonlocal done
        bar.advance(float(done), name)
        done += 1

    image = draw_check(result, [folder / p.pose.name for p in result.photos], hfov_deg, tick)
    write_whole(picture, cv2.imencode(".png", image)[1].tobytes())


def _print(console: Console, result: SurveyCheck, mend: Path | None) -> None:
    table = Table("照片 photo", "航向 heading", "修正 correction", "重叠 overlaps", "结论 finding")
    for photo in result.photos:
        turn = "-" if photo.turn_deg is None else f"{photo.turn_deg:+.1f}°"
        table.add_row(
            photo.pose.name, f"{photo.pose.heading_deg:.1f}°", turn, str(photo.overlaps), _SAYS[photo.finding]
        )
    console.print(table)
    if result.pairs:
        tagged, turned, mended = result.medians_m()
        console.print(
            f"{len(result.pairs)} 对重叠照片的地面偏差中位数 · median disagreement of {len(result.pairs)} overlapping "
            f"pairs: 原标签 as tagged {tagged:.1f} m, 反向纠正后 turned back {turned:.1f} m, "
            f"按实测航向 with measured headings {mended:.1f} m"
        )
    else:
        console.print("没有重叠的照片，无法检查 · no photos overlap: nothing can be checked")
    if result.common_clear:
        offset = f"{result.common_deg:+.1f}° ± {result.common_sigma_deg:.1f}°"
        console.print(f"所有航向共同偏差 · all headings share an offset: {offset}")
    for sentence in (*result.unread, *result.odd):
        console.print(f"警告 · warning: {sentence}", markup=False)
    if mend is not None:
        console.print(f"已写出 · written: {mend}; kerbwatch patrol --poses {mend}", markup=False)


def _as_json(result: SurveyCheck) -> dict[str, object]:
    tagged, turned, mended = result.medians_m()
    return {
        "photos": [
            {
                "photo": p.pose.name,
                "finding": p.finding.value,
                "tagged_heading_deg": p.pose.heading_deg,
                "correction_deg": p.turn_deg,
                "mended_heading_deg": p.mended.heading_deg,
                "overlaps": p.overlaps,
            }
            for p in result.photos
        ],
        "pairs": [asdict(p) for p in result.pairs],
        "median_m": {"tagged": tagged, "turned_back": turned, "measured": mended} if result.pairs else None,
        "common_offset_deg": result.common_deg,
        "common_offset_sigma_deg": result.common_sigma_deg,
        "common_offset_clear": result.common_clear,
        "unread": list(result.unread),
        "odd": list(result.odd),
    }
