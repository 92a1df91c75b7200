"""A whole box: a recording stands for its camera, everything else is as on a vehicle."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from socket import socket

import av
import httpx
import pytest

from detector.evidence.seal import read_sealed
from edge.demo import find_clip
from edge.device import open_key
from edge.outbox import Outbox
from edge.vault.vault import Vault
from tests.edge.clips import write_pictures

ROOT = Path(__file__).resolve().parents[3]
SITE = ROOT / "edge" / "demo_site"
WALL_S = (7.48, 9.64)
"""The shot of two bicycles without riders."""


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wall shot there and back: a camera that stands, and bicycles that stay."""
    path = tmp_path_factory.mktemp("wall") / "wall.mp4"
    with av.open(str(find_clip())) as clip:
        shot = [p.to_ndarray(format="bgr24") for p in clip.decode(video=0) if WALL_S[0] <= (p.time or 0.0) < WALL_S[1]]
    write_pictures(path, [*shot, *reversed(shot)] * 3, fps=25, key_every=25)
    return path


def _free_port() -> int:
    with closing(socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _config(folder: Path, wall: Path, port: int, more: str = "") -> Path:
    path = folder / "box.yaml"
    path.write_text(
        f"state: state\nsite: {SITE}\n"
        f"cameras:\n  - {{camera_id: wall-cam, address: 'file://{wall}?loop', look: {{by: time, every_s: 0.3}}}}\n"
        f"page: {{port: {port}}}\n{more}"
    )
    return path


def _run(config: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-W", "error", "-m", "kerbwatch", "box", "run", str(config), *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def _wait(true: Callable[[], bool], process: subprocess.Popen[bytes], timeout_s: float = 60.0) -> None:
    until_s = time.monotonic() + timeout_s
    while not true():
        if process.poll() is not None or time.monotonic() > until_s:
            process.kill()
            assert process.stdout is not None
            raise AssertionError(process.stdout.read().decode()[-3000:])
        time.sleep(0.1)


def _metric(port: int, name: str) -> float:
    try:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5.0, trust_env=False).text
    except httpx.TransportError:
        return -1.0
    return next((float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name)), -1.0)


def test_what_stands_before_the_camera_is_reported_with_its_original(tmp_path: Path, wall: Path) -> None:
    port = _free_port()
    process = _run(_config(tmp_path, wall, port), "--allow-recordings")
    _wait(lambda: _metric(port, "kerbwatch_box_camera_looks_total") >= 20, process)
    process.send_signal(signal.SIGTERM)
    words, _ = process.communicate(timeout=60.0)
    assert process.returncode == 0, words.decode()[-3000:]
    lines = [json.loads(line) for line in words.decode().splitlines()]
    assert [line["event"] for line in lines][-2:] == ["the box watches", "the box ends: what is in view is judged"]
    state = tmp_path / "state"
    with Outbox.open(state) as outbox:
        reports = [read_sealed(report.sealed).body for report in outbox.reports()]
        assert reports, words.decode()
    assert {body.kind.value for body in reports} == {"disorderly_bike"}
    assert all(item.blurred for body in reports for item in body.evidence)
    with Vault.open(state) as vault:
        kept = {original.header.sha256: original for original in vault.originals()}
        for body in reports:
            roles = {original.role for original in body.originals}
            assert "frame" in roles
            for original in body.originals:
                with vault.reader(kept[original.sha256]) as reader:
                    assert len(reader.read()) == original.size_bytes
    assert open_key(state).device_id == reports[0].device_id


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ("gnss: {}\n", "gnss: give serial or gpsd, one of them"),
        ("speed: 3\n", "speed: Extra inputs are not permitted"),
        ("fleet: {follow: true}\n", "fleet.follow needs an uplink: packs come from the server"),
    ],
)
def test_settings_that_are_wrong_are_named(tmp_path: Path, wall: Path, more: str, error: str) -> None:
    process = _run(_config(tmp_path, wall, 0, more))
    words, _ = process.communicate(timeout=60.0)
    assert process.returncode == 2
    assert error in words.decode()


def test_a_recording_is_no_camera_unless_it_is_allowed(tmp_path: Path, wall: Path) -> None:
    process = _run(_config(tmp_path, wall, 0))
    words, _ = process.communicate(timeout=60.0)
    assert process.returncode == 2
    assert "--allow-recordings" in words.decode() or "file" in words.decode()
