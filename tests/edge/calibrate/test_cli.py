"""`kerbwatch calibrate` as a user runs it."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import pytest
import yaml

from kerbwatch import main
from tests.edge.calibrate.street_video import FOV_DEG, SIZE_PX, camera, drive, write_nmea, write_video
from tests.edge.street import write_street

# Straight first, then a swerve: one video for both commands.
ROAD = drive(14.0, lambda _: 6.0, lambda t: 10.0 * math.sin(t - 8.0) if t > 8.0 else 0.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drive")
    write_video(folder / "a.mp4", ROAD, 14.0, camera(1.6, 3.0, -6.0))
    write_nmea(folder / "a.nmea", ROAD, 14.0)
    write_nmea(folder / "late.nmea", ROAD, 14.0, clock_off_s=1.5)
    write_street(folder / "site", image_px=SIZE_PX, height_m=1.9, pitch_deg=-3.0, fov_deg=FOV_DEG, vehicle=True)
    write_street(folder / "fixed", image_px=SIZE_PX, height_m=1.9, pitch_deg=-3.0, fov_deg=FOV_DEG)
    return folder


def arguments(folder: Path, what: str, log: str = "a.nmea", site: str = "site") -> list[str]:
    given = ["--source", str(folder / "a.mp4"), "--gnss", str(folder / log), "--site", str(folder / site)]
    return ["calibrate", what, *given, "--camera", "cam"]


def test_camera_prints_its_lines_and_draws(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([*arguments(folder, "camera"), "--out", str(tmp_path / "new"), "--to-s", "7.8"])
    assert not left.value.code
    shown = capsys.readouterr().out
    lines = yaml.safe_load(shown[shown.index("    height_m:") :])
    assert lines["height_m"] == pytest.approx(1.6, rel=0.05)
    assert lines["pitch_deg"] == pytest.approx(-6.0, abs=0.4)
    assert lines["yaw_deg"] == pytest.approx(3.0, abs=0.4)
    assert set(lines["sigmas"]) == {"heading_deg", "pitch_deg", "roll_deg"}
    assert cv2.imread(str(tmp_path / "new" / "calibration.png")).shape == (720, 1280, 3)


def test_clock_prints_the_option(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([*arguments(folder, "clock", "late.nmea"), "--gnss-offset-s", "0.5"])
    assert not left.value.code
    offset_s = float(capsys.readouterr().out.rsplit("--gnss-offset-s", 1)[1])
    assert offset_s == pytest.approx(1.5, abs=0.15)


def test_a_standing_camera_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments(folder, "camera", site="fixed"))
    assert left.value.code == 2
    assert "camera cam is on no vehicle" in capsys.readouterr().err


def test_the_log_of_another_day_is_refused(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_nmea(folder / "other.nmea", ROAD, 14.0, clock_off_s=86_400.0)
    with pytest.raises(SystemExit) as left:
        main(arguments(folder, "clock", "other.nmea"))
    assert left.value.code == 2
    assert "aligns their starts" in capsys.readouterr().err
