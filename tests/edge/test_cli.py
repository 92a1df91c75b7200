"""`kerbwatch patrol` as a user types it: a process of its own, its output and its exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import kerbwatch
from tests.edge.clips import cut, write_clip
from tests.edge.peer import CODE, Fault, running_peer
from tests.edge.street import write_street

ROOT = Path(__file__).resolve().parents[2]
DEMO_SITE = ROOT / "edge" / "demo_site"


def _arguments(bundle: Path, source: Path, site: Path, folder: Path, *more: str) -> list[str]:
    return [
        *("patrol", "--source", str(source), "--site", str(site), "--model", str(bundle)),
        *("--start-utc", "2026-05-16T23:30:00Z", "--state", str(folder / "state"), "--out", str(folder / "out"), *more),
    ]


def _wall(bundle: Path, clip: Path, folder: Path, *more: str) -> list[str]:
    look = ("--camera", "wall-cam", "--from-s", "7.48", "--to-s", "8.8", "--every-s", "0.1")
    return _arguments(bundle, clip, DEMO_SITE, folder, *look, *more)


def _start(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "kerbwatch", *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _files(out: Path) -> dict[str, list[str]]:
    return {part: sorted(p.name for p in (out / part).iterdir()) for part in ("reports", "evidence")}


def test_json_goes_to_standard_output_and_reports_to_the_folder(bundle: Path, bikes_clip: Path, tmp_path: Path) -> None:
    process = _start(_wall(bundle, bikes_clip, tmp_path, "--json"))
    printed, errors = process.communicate()
    assert process.returncode == 0, errors
    result = json.loads(printed)
    (report,) = result["reports"]
    assert json.loads(Path(report["path"]).read_text())["body"]["report_id"] == report["report_id"]
    assert len(_files(tmp_path / "out")["evidence"]) == 2
    assert errors == ""


def test_killed_at_any_moment_and_run_again(bundle: Path, bikes_clip: Path, tmp_path: Path) -> None:
    process = _start(_wall(bundle, bikes_clip, tmp_path))
    outbox = tmp_path / "out" / ".kerbwatch" / "outbox.db"
    while not outbox.exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.5)
    process.kill()
    process.communicate()

    again = _start(_wall(bundle, bikes_clip, tmp_path, "--json"))
    printed, errors = again.communicate()
    assert again.returncode == 0, errors
    (report,) = json.loads(printed)["reports"]
    assert _files(tmp_path / "out")["reports"] == [f"{report['report_id']}.json"]


def _run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        kerbwatch.main(arguments)
    out, err = capsys.readouterr()
    code = end.value.code
    return (code if isinstance(code, int) else 0), out, err


def test_a_damaged_source_ends_with_code_3(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = write_clip(tmp_path / "whole.mp4", frames=12, options={"movflags": "faststart"})
    part = cut(whole, tmp_path / "part.mp4", 0.7)
    site = write_street(tmp_path / "site", image_px=(320, 240), height_m=3.0, pitch_deg=-20.0, fov_deg=60.0)
    code, out, _ = _run(_arguments(bundle, part, site, tmp_path), capsys)
    assert code == 3
    assert "0 起问题 · 0 cases" in out
    assert "is cut off after" in " ".join(out.split())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a[: a.index("--out")], "say where the reports go: either --server URL or --out DIR"),
        (lambda a: [*a, "--server", "http://127.0.0.1:9"], "say where the reports go"),
        (lambda a: [*a, "--to-s", "1", "--from-s", "2"], "--to-s 1 must be above --from-s 2"),
        (lambda a: [*a, "--start-utc", "2026-05-16T23:30:00Z"], "2 --start-utc for 1 sources"),
        (lambda a: [v.replace("23:30:00Z", "23:30:00") for v in a], "'2026-05-16T23:30:00' has no zone"),
        (lambda a: [v.replace("street.mp4", "lost.mp4") for v in a], "no such file or folder"),
        (lambda a: [*a, "--gnss", "lost.nmea"], "camera cam stands still"),
        (lambda a: [*a, "--trust", "lost.pub"], "cannot read the public key lost.pub"),
        (lambda a: [*a, "--source", "rtsp://me:secret@cam"], "1 --start-utc for 2 sources"),
    ],
)
def test_what_is_wrong_is_named_without_a_traceback(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: object, message: str
) -> None:
    assert callable(change)
    clip = write_clip(tmp_path / "street.mp4", frames=3)
    site = write_street(tmp_path / "site", image_px=(320, 240), height_m=3.0, pitch_deg=-20.0, fov_deg=60.0)
    code, out, err = _run(change(_arguments(bundle, clip, site, tmp_path)), capsys)
    assert code == 2
    assert out == ""
    assert message in " ".join(err.split())
    assert "Traceback" not in err
    assert "secret" not in err


def test_an_unknown_device_is_told_what_to_do(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KERBWATCH_ENROL_CODE", raising=False)
    clip = write_clip(tmp_path / "street.mp4", frames=3)
    arguments = _arguments(bundle, clip, tmp_path, tmp_path)
    arguments = [*arguments[: arguments.index("--out")], "--server", "http://127.0.0.1:9"]
    code, _, err = _run(arguments, capsys)
    assert code == 2
    assert "this device is not known to http://127.0.0.1:9 yet: ask a reviewer for an enrolment code" in err


def _to_server(bundle: Path, clip: Path, folder: Path, url: str, *more: str) -> list[str]:
    arguments = _wall(bundle, clip, folder, "--server", url, "--json", *more)
    out = arguments.index("--out")
    return arguments[:out] + arguments[out + 2 :]


def test_the_server_gets_everything_and_names_the_case(bundle: Path, bikes_clip: Path, tmp_path: Path) -> None:
    with running_peer() as peer:
        first = _start(_to_server(bundle, bikes_clip, tmp_path, peer.url, "--enrol-code", CODE))
        printed, errors = first.communicate()
        assert first.returncode == 0, errors
        (report,) = json.loads(printed)["reports"]
        assert list(peer.reports) == [report["report_id"]]
        assert peer.missing(report["report_id"]) == []
        assert report["case_url"].startswith("http")


def test_a_server_that_is_away_loses_nothing(bundle: Path, bikes_clip: Path, tmp_path: Path) -> None:
    with running_peer() as peer:
        peer.fault = lambda method, path: Fault(status=503) if "/reports" in path else None
        away = _start(_to_server(bundle, bikes_clip, tmp_path, peer.url, "--enrol-code", CODE, "--upload-wait-s", "1"))
        printed, _ = away.communicate()
        assert away.returncode == 75
        assert json.loads(printed)["waiting"] == 1
        peer.fault = lambda method, path: None
        back = _start(_to_server(bundle, bikes_clip, tmp_path, peer.url))
        printed, errors = back.communicate()
        assert back.returncode == 0, errors
        assert len(peer.reports) == 1
        assert len(peer.evidence) == 2


def test_ctrl_c_ends_in_order(bundle: Path, bikes_clip: Path, tmp_path: Path) -> None:
    process = _start(_arguments(bundle, bikes_clip, DEMO_SITE, tmp_path, "--camera", "wall-cam", "--json"))
    while not (tmp_path / "out" / ".kerbwatch" / "outbox.db").exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(2.0)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in errors
