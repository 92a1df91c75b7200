"""What a box's settings are refused for before anything is opened."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

import kerbwatch
from edge.box.run import stop_signals
from tests.edge.box.running import SITE


def _check(folder: Path, *, camera: str = "wall-cam", address: str = "rtsp://127.0.0.1/x", more: str = "") -> None:
    config = folder / "box.yaml"
    config.write_text(
        f"state: state\nsite: {SITE}\ncameras:\n  - {{camera_id: {camera}, address: '{address}'}}\n{more}", "utf-8"
    )
    kerbwatch.main(["box", "check", str(config)])


def test_settings_that_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        _check(tmp_path, more="gnss: {gpsd: '127.0.0.1:2947'}\nuplink: {server: https://cases.example.org}\n")
    assert ended.value.code == 0
    assert "no fault found" in capsys.readouterr().out
    assert os.umask(0o022) == 0o022


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"address": "http://127.0.0.1/x"}, "camera 'wall-cam': http:// is not taken as a camera"),
        ({"address": "/etc/passwd"}, "camera 'wall-cam': no camera address"),
        ({"address": "rtsp://127.0.0.1/x?password=open"}, "camera 'wall-cam': the camera's address holds a user"),
        ({"camera": "nobody"}, "the site has no camera 'nobody'"),
        ({"more": "gnss: {gpsd: '127.0.0.1:99999'}\n"}, "is no gpsd address"),
        ({"more": "uplink: {server: 'https://cases.example.org:99999'}\n"}, "the server address is not well formed"),
        ({"more": "uplink: {server: http://cases.example.org}\n"}, "in clear text: use https://"),
        ({"more": 'model: "a\\0b"\n'}, "model: holds a character that no path may have"),
        ({"more": 'model: "\\ud800"\n'}, "model: holds a character that no path may have"),
        ({"more": f"model: {'m' * 300}\n"}, "model: is too long for a path"),
        ({"more": "2020-13-45: 1\n"}, "is not YAML: month must be in 1..12"),
        ({"more": f"threads: {'9' * 5000}\n"}, "is not YAML: Exceeds the limit"),
    ],
)
def test_settings_that_do_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: dict[str, str], error: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        _check(tmp_path, **given)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert error in said
    assert "=open" not in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_that_ask_it_to_stop(number: signal.Signals) -> None:
    with stop_signals() as told:
        os.kill(os.getpid(), number)
        assert told.wait(5.0)
