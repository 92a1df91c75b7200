"""`kerbwatch calibrate`: the camera's mounting, and its clock against the receiver's, out of a drive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import cv2
import typer
from rich.console import Console
from rich.table import Table

from detector.errors import InputError
from detector.frame import Frame
from detector.geo.camera import VehicleCamera
from detector.output import write_whole
from detector.site.load import load_site
from edge.calibrate.clock import REACH_S, OffsetEstimate, estimate_offset
from edge.calibrate.flow import motions
from edge.calibrate.mount import Mounting, estimate_mounting
from edge.calibrate.picture import draw_mounting
from edge.clock import parse_utc
from edge.durable import make_dir
from edge.gnss import FixTrack, check_overlap, read_log
from edge.progress import ProgressBar
from edge.sources import Source, SourceDamagedError, Window, frames, looked_at, open_source

app = typer.Typer(no_args_is_help=True, help="Camera mounting and clock out of a drive. 标定")

LOOK_EVERY_S = 0.12
"""Pictures so close that the road's points stay in view at 60 km/h."""

_Source = Annotated[str, typer.Option(help="Video of the drive, or a folder of pictures. 行车视频", show_default=False)]
_Gnss = Annotated[Path, typer.Option(help="GNSS log of the same drive. 定位日志", show_default=False)]
_Site = Annotated[Path, typer.Option(help="Site folder with the camera. 辖区", show_default=False)]
_Camera = Annotated[str | None, typer.Option(help="Camera of the site; default: its vehicle's. 摄像头")]
_Offset = Annotated[
    float, typer.Option(help="Seconds added to the log's times (video clock ahead: positive). 时钟偏移")
]
_Start = Annotated[str | None, typer.Option(help="UTC of the first picture; wins over the file's own word. 起始时间")]
_Interval = Annotated[float | None, typer.Option(help="Seconds between the pictures of a folder. 图片间隔")]
_From = Annotated[float, typer.Option(help="Begin so many seconds into the video. 起点")]
_To = Annotated[float | None, typer.Option(help="Stop so many seconds into the video. 终点")]


@app.command()
def camera(
    source: _Source,
    gnss: _Gnss,
    site: _Site,
    camera: _Camera = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the picture; default: here. 输出文件夹")] = None,
    gnss_offset_s: _Offset = 0.0,
    start_utc: _Start = None,
    interval_s: _Interval = None,
    from_s: _From = 0.0,
    to_s: _To = None,
) -> None:
    """Measure how a camera is mounted: yaw, pitch, roll and height. 标定摄像头的安装角和高度

    Needs 40 m and more of straight, steady driving in the video (100 m is better), on a road without much traffic
    close ahead. Writes calibration.png with the old mounting in orange and the new one in green, and prints the lines
    for cameras.yaml.
    """
    drive = _open(source, gnss, site, camera, gnss_offset_s, start_utc, interval_s, Window(from_s, to_s, LOOK_EVERY_S))
    with ProgressBar() as bar:
        mounting = estimate_mounting(motions(drive.pictures(bar), drive.camera.lens), drive.track)
    found = replace(
        drive.camera,
        yaw_deg=mounting.yaw_deg,
        pitch_deg=mounting.pitch_deg,
        roll_deg=mounting.roll_deg,
        height_m=mounting.height_m,
    )
    folder = out or Path()
    make_dir(folder)
    notes = (f"before: {_note(drive.camera)}", f"measured: {_note(found)}")
    image = draw_mounting(mounting.picture, drive.camera, found, notes)
    write_whole(folder / "calibration.png", cv2.imencode(".png", image)[1].tobytes())
    _print_mounting(Console(), drive.camera, mounting, folder / "calibration.png")


@app.command()
def clock(
    source: _Source,
    gnss: _Gnss,
    site: _Site,
    camera: _Camera = None,
    gnss_offset_s: _Offset = 0.0,
    start_utc: _Start = None,
    interval_s: _Interval = None,
    from_s: _From = 0.0,
    to_s: _To = None,
) -> None:
    """Measure how far the video's clock is ahead of the receiver's. 标定视频与定位的时钟偏移

    Needs turns, or stops and starts, in the video; looks up to 10 s either way of --gnss-offset-s. Prints the
    --gnss-offset-s for a patrol.
    """
    drive = _open(source, gnss, site, camera, gnss_offset_s, start_utc, interval_s, Window(from_s, to_s, LOOK_EVERY_S))
    with ProgressBar() as bar:
        found = estimate_offset(motions(drive.pictures(bar), drive.camera.lens), drive.track, drive.camera)
    _print_offset(Console(), found, gnss_offset_s)


@dataclass(frozen=True, slots=True)
class _Drive:
    """A source, its log on its clock, and the camera."""

    source: Source
    track: FixTrack
    camera: VehicleCamera
    window: Window

    def pictures(self, bar: ProgressBar) -> Iterator[Frame]:
        """The pictures, with progress; a damaged source is used as far as it goes."""
        bar.begin(self.source.source_id, total=self.window.to_s or self.source.duration_s)
        with closing(frames(self.source, self.window)) as pictures:
            yield from _until_damaged(pictures, bar)


def _until_damaged(pictures: Iterable[Frame], bar: ProgressBar) -> Iterator[Frame]:
    try:
        for frame in pictures:
            bar.advance(frame.monotonic_s)
            yield frame
    except SourceDamagedError as damage:
        typer.secho(f"warning: {damage}", err=True)


def _open(
    address: str,
    gnss: Path,
    site: Path,
    camera_id: str | None,
    offset_s: float,
    start_utc: str | None,
    interval_s: float | None,
    window: Window,
) -> _Drive:
    cv2.setNumThreads(1)
    loaded = load_site(site)
    chosen = loaded.camera(camera_id) if camera_id is not None else loaded.default_vehicle
    if chosen is None:
        known = ", ".join(sorted(loaded.cameras)) or "none"
        raise InputError(f"say which camera took the pictures with --camera NAME; cameras.yaml names: {known}")
    if not isinstance(chosen, VehicleCamera):
        raise InputError(f"camera {chosen.camera_id} is on no vehicle: only a drive can be calibrated from")
    start = parse_utc(start_utc, "--start-utc") if start_utc is not None else None
    source = open_source(address, start_utc=start, interval_s=interval_s)
    track = read_log(gnss).shifted(offset_s)
    begin, end = looked_at(source, window)
    reach = timedelta(seconds=REACH_S)
    check_overlap(track, source.source_id, begin - reach, end + reach if end is not None else None)
    return _Drive(source, track, chosen, window)


def _note(camera: VehicleCamera) -> str:
    return (
        f"yaw {camera.yaw_deg:+.1f}  pitch {camera.pitch_deg:+.1f}  roll {camera.roll_deg:+.1f} deg  "
        f"height {camera.height_m:.2f} m"
    )


def _print_mounting(console: Console, before: VehicleCamera, found: Mounting, picture: Path) -> None:
    table = Table("", "原值 before", "实测 measured", "标准差 sigma")
    table.add_row("偏航 yaw", f"{before.yaw_deg:+.2f}°", f"{found.yaw_deg:+.2f}°", f"{found.yaw_sigma_deg:.2f}°")
    table.add_row(
        "俯仰 pitch", f"{before.pitch_deg:+.2f}°", f"{found.pitch_deg:+.2f}°", f"{found.pitch_sigma_deg:.2f}°"
    )
    table.add_row("横滚 roll", f"{before.roll_deg:+.2f}°", f"{found.roll_deg:+.2f}°", f"{found.roll_sigma_deg:.2f}°")
    table.add_row("高度 height", f"{before.height_m:.2f} m", f"{found.height_m:.2f} m", f"{found.height_sigma_m:.2f} m")
    console.print(table)
    skipped = found.skipped
    console.print(
        f"直行 {found.way_m:.0f} m · {found.pairs} pairs of pictures over {found.way_m:.0f} m straight; left out: "
        f"停车 standing {skipped.standing}, 转弯 turning {skipped.turning}, 无定位 no fix {skipped.no_fix}; "
        f"路面点 points on the road {found.road_points}",
        markup=False,
    )
    console.print(f"对照图 · picture: {picture}", markup=False)
    console.print(f"写入 cameras.yaml · lines for camera {before.camera_id} in cameras.yaml:\n", markup=False)
    typer.echo(cameras_yaml(found))


def cameras_yaml(found: Mounting) -> str:
    """The lines as they go into cameras.yaml; the sigmas of pitch and roll include the vehicle's nod and lean."""
    return "\n".join(
        (
            f"    height_m: {found.height_m:.2f}",
            f"    yaw_deg: {found.yaw_deg:.2f}",
            f"    pitch_deg: {found.pitch_deg:.2f}",
            f"    roll_deg: {found.roll_deg:.2f}",
            "    sigmas:",
            f"      heading_deg: {max(found.yaw_sigma_deg, 0.1):.2f}",
            f"      pitch_deg: {max(found.pitch_sigma_deg, found.pitch_spread_deg):.2f}",
            f"      roll_deg: {max(found.roll_sigma_deg, found.roll_spread_deg):.2f}",
        )
    )


def _print_offset(console: Console, found: OffsetEstimate, given_s: float) -> None:
    total_s = given_s + found.offset_s

    def share(value: float | None) -> str:
        return "变化太小 too even" if value is None else f"{value:.0%}"

    sure = f"sigma {found.sigma_s:.2f} s, confidence {found.confidence:.0%}"
    turns, speed = share(found.turn_explained), share(found.speed_explained)
    ahead = f"{total_s:+.2f} s"
    console.print(
        f"视频时钟比定位时钟快 {ahead} · the video's clock is {ahead} ahead of the receiver's ({sure})\n"
        f"转弯吻合 turns explained: {turns}, 车速吻合 speed explained: {speed}",
        markup=False,
    )
    typer.echo(f"--gnss-offset-s {total_s:.2f}")
