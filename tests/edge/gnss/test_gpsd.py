"""gpsd's JSON: recordings, and hostile lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from detector.errors import InputError, SourceError
from edge.gnss import GpsdAddress, LogCounts, read_gpsd, read_log, read_nmea
from edge.gnss.gpsd import GpsdReader
from tests.edge.nmea import drive_east

NOON = datetime(2026, 5, 17, 12, 0, tzinfo=UTC)
EAST = 1 / (111_195.0 * 0.8265)


def tpv(second: float, **other: Any) -> dict[str, Any]:
    at = (NOON + timedelta(seconds=second)).isoformat().replace("+00:00", "Z")
    here = {"lat": 34.26, "lon": 117.2 + 5 * second * EAST, "altMSL": 35.0, "speed": 5.0, "track": 90.0}
    return {"class": "TPV", "device": "/dev/ttyACM0", "mode": 3, "time": at, **here, **other}


SKY = {"class": "SKY", "hdop": 0.9, "uSat": 12}
SATELLITES = {"class": "SKY", "satellites": []}


def write_log(path: Path, *reports: dict[str, Any] | bytes) -> Path:
    path.write_bytes(b"".join((r if isinstance(r, bytes) else json.dumps(r).encode()) + b"\n" for r in reports))
    return path


def test_a_recording(tmp_path: Path) -> None:
    version = {"class": "VERSION", "release": "3.22"}
    track = read_log(write_log(tmp_path / "a.json", version, SKY, tpv(0), SATELLITES, tpv(1), tpv(2)))
    assert track.counts == LogCounts(fixes=3)
    fix = track.at(NOON + timedelta(seconds=0.5))
    assert fix is not None
    assert (fix.speed_m_s, fix.heading_deg, fix.height_m) == (5.0, 90.0, 35.0)
    assert fix.sigma_m == pytest.approx(0.9 * 5 / 2**0.5)
    assert fix.quality == "autonomous"


@pytest.mark.parametrize(
    ("status", "quality"), [(0, "autonomous"), (2, "dgnss"), (3, "rtk_fixed"), (4, "rtk_float"), (5, "estimated")]
)
def test_status(tmp_path: Path, status: int, quality: str) -> None:
    assert read_gpsd(write_log(tmp_path / "a.json", tpv(0, status=status))).fixes[0].quality == quality


def test_the_receivers_own_error_wins(tmp_path: Path) -> None:
    gst = {"class": "GST", "time": tpv(0)["time"], "lat": 0.3, "lon": 0.4}
    fixes = read_gpsd(write_log(tmp_path / "a.json", SKY, gst, tpv(0), tpv(10))).fixes
    assert fixes[0].sigma_m == pytest.approx(0.3536, abs=1e-4)
    assert fixes[1].sigma_m == pytest.approx(3.18, abs=0.01)  # ten seconds later it is no longer true


@pytest.mark.parametrize(
    ("reports", "counts"),
    [
        ((tpv(0, mode=1), tpv(1)), LogCounts(fixes=1, no_fix=1)),
        ((tpv(0, lat=None), tpv(1)), LogCounts(fixes=1, no_fix=1)),
        ((tpv(0, lat=0, lon=0), tpv(1)), LogCounts(fixes=1, no_fix=1)),
        ((tpv(0, time="yesterday"), tpv(1)), LogCounts(fixes=1, no_fix=1)),
        ((tpv(0, time="0001-01-01T00:00:00+14:00"), tpv(1)), LogCounts(fixes=1, no_fix=1)),
        ((tpv(0, time="9999-12-31T23:59:59-12:00"), tpv(1)), LogCounts(fixes=1, no_fix=1)),
        ((tpv(5), tpv(1), tpv(6)), LogCounts(fixes=2, out_of_order=1)),
        ((tpv(1), tpv(1, speed=4.0), tpv(2)), LogCounts(fixes=2)),  # one moment in two reports: the last stands
        (({**SKY, "hdop": 99.9}, tpv(1)), LogCounts(implausible=1)),
        (({**SKY, "uSat": 2}, tpv(1)), LogCounts(implausible=1)),
        ((b'{"class":"TPV', b"[1]", b"[" * 100_000, tpv(1)), LogCounts(fixes=1, bad_checksum=4)),
        ((tpv(1, lat=1e400), tpv(2, lat=10**400), tpv(3, lat=True)), LogCounts(no_fix=3)),
        ((tpv(1, status=8),), LogCounts(fixes=1)),
    ],
)  # fmt: skip
def test_what_is_left_out_is_counted(tmp_path: Path, reports: tuple[Any, ...], counts: LogCounts) -> None:
    assert read_gpsd(write_log(tmp_path / "a.json", *reports)).counts == counts


@pytest.mark.parametrize("speed", [-5.0, 1e308])
def test_a_speed_that_nothing_has_is_none(tmp_path: Path, speed: float) -> None:
    (fix,) = read_gpsd(write_log(tmp_path / "a.json", tpv(1, speed=speed, track=90.0))).fixes
    assert (fix.speed_m_s, fix.heading_deg) == (None, None)


def test_a_simulator_says_so(tmp_path: Path) -> None:
    assert read_gpsd(write_log(tmp_path / "a.json", tpv(1, status=8))).synthetic


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"holds no report of gpsd.*gpspipe -w"):
        read_log(write_log(tmp_path / "a.json", {"class": "VERSION"}))
    with pytest.raises(SourceError, match="no such GNSS log"):
        read_log(tmp_path / "none.json")
    with pytest.raises(SourceError, match="no such GNSS log"):
        read_gpsd(tmp_path / "none.json")


def test_an_nmea_log_is_told_apart(tmp_path: Path) -> None:
    log = drive_east(tmp_path / "a.nmea", NOON, 3)
    assert read_log(log) == read_nmea(log)


def test_a_cycle_begins_when_gpsd_says_so() -> None:
    reader = GpsdReader()
    toff = {"class": "TOFF", "device": "/dev/ttyACM0", "real_sec": int(NOON.timestamp()), "real_nsec": 0}
    for report, heard_s in ((toff, 5.0), (tpv(0), 5.4), (tpv(1), 6.5)):
        done = reader.feed(json.dumps(report).encode(), heard_s)
    assert [heard.heard_s for heard in [*done, *reader.flush()]] == [5.0, 6.5]  # of the second one nothing was said


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("gpsd://10.0.0.7", GpsdAddress("10.0.0.7")),
        ("gpsd://box:2950", GpsdAddress("box", 2950)),
        ("gpsd://", None),
        ("http://box", None),
        ("gpsd://box:0", None),
        ("gpsd://box:70000", None),
        ("gpsd://box:x", None),
        ("gpsd://box/dev", None),
    ],
)
def test_address(text: str, address: GpsdAddress | None) -> None:
    if address is None:
        with pytest.raises(InputError, match=r"is no gpsd address: write gpsd://127\.0\.0\.1:2947"):
            GpsdAddress.parse(text)
    else:
        assert GpsdAddress.parse(text) == address
