"""gpsd's JSON: recordings, hostile lines, and a real gpsd fed with a real receiver's log."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from detector.errors import InputError, SourceError, TransientError
from edge.gnss import GpsdAddress, LogCounts, live_fixes, read_gpsd, read_log, read_nmea
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


@contextmanager
def peer(says: bytes, *, then_wait: bool = False) -> Iterator[GpsdAddress]:
    """Something that listens on a free port, says its words to the first caller, and hangs up or holds the line."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            wire, _ = server.accept()
            with wire:
                wire.sendall(says)
                if then_wait:
                    done.wait(10)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield GpsdAddress("127.0.0.1", server.getsockname()[1])
        finally:
            done.set()
            thread.join()


@pytest.mark.parametrize(
    ("says", "waits", "message"),
    [
        (b"", False, "hung up|reset"),
        (b'{"class":"VERSION"}\n', True, "was silent for 0.2 s"),
        (b"x" * 200_000, True, "sends no lines of JSON"),
    ],
    ids=["hangs up", "falls silent", "speaks something else"],
)
def test_a_peer_that_is_no_gpsd(says: bytes, waits: bool, message: str) -> None:
    with peer(says, then_wait=waits) as address, pytest.raises(TransientError, match=message):
        list(live_fixes(address, timeout_s=0.2))


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(TransientError, match=rf"gpsd://127\.0\.0\.1:{port}: .*is gpsd running there"):
        list(live_fixes(GpsdAddress("127.0.0.1", port), timeout_s=1.0))


@contextmanager
def running_gpsd(log: Path) -> Iterator[GpsdAddress]:
    """A real gpsd on a free loopback port, with a pseudo terminal in place of the receiver."""
    program = shutil.which("gpsd") or shutil.which("gpsd", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("needs gpsd: apt-get install gpsd")
    master, slave = os.openpty()
    tty.setraw(slave)
    name = os.ttyname(slave)
    Path(name).chmod(0o666)  # gpsd gives up root's rights before it opens the device
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    daemon = subprocess.Popen([program, "-N", "-n", "-b", "-S", str(port), name], stderr=subprocess.DEVNULL)
    stop = threading.Event()

    def feed() -> None:
        for line in log.read_bytes().splitlines(keepends=True):
            if stop.is_set():
                return
            if line.startswith(b"$"):
                os.write(master, line.rstrip() + b"\r\n")
                time.sleep(0.01)

    thread = threading.Thread(target=feed)
    try:
        _wait_for(port, daemon)
        thread.start()
        yield GpsdAddress("127.0.0.1", port)
    finally:
        stop.set()
        daemon.terminate()
        daemon.wait(10)
        if thread.ident is not None:
            thread.join(10)
        os.close(master)
        os.close(slave)


def _wait_for(port: int, daemon: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        if daemon.poll() is not None:
            pytest.skip(f"gpsd does not run here (exit code {daemon.returncode})")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.skip("gpsd did not listen within 5 s")


def test_a_real_gpsd_gives_what_the_log_says(shared_data: Path) -> None:
    log = shared_data / "gnss" / "bundg_zeus_9.log"
    expected = {f.at: f for f in read_nmea(log).fixes}
    with running_gpsd(log) as address, closing(live_fixes(address, timeout_s=20.0)) as fixes:
        got = list(islice(fixes, 5))
    assert len(got) == 5
    for fix in got:
        known = expected[fix.at]
        assert (fix.lon_deg, fix.lat_deg) == pytest.approx(
            (known.lon_deg, known.lat_deg), abs=5e-5
        )  # within a second's way
        assert fix.speed_m_s == pytest.approx(known.speed_m_s, abs=0.5)
