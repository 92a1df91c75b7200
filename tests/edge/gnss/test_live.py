"""A receiver listened to live: real words through a pseudo terminal, pulled out and put in, noise, a real gpsd."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from detector.errors import InputError
from edge.box.settings import GnssSettings
from edge.box_time import BoxTime
from edge.gnss import GNSS_ERA, read_nmea
from edge.gnss.live import LiveReceiver
from tests.edge.gnss.daemon import peer, running_gpsd
from tests.edge.gnss.receiver import PluggedReceiver, driving, plugged, wait_for
from tests.edge.gnss.test_gpsd import NOON

SEARCHING = "$GNRMC,,V,,,,,,,,,,N*4D"


def trouble(receiver: LiveReceiver) -> str:
    return receiver.health().trouble


@contextmanager
def listening(plug: PluggedReceiver, clock: BoxTime | None = None) -> Iterator[LiveReceiver]:
    """A receiver that has opened its device; what comes before is thrown away, as it may be cut anywhere."""
    with LiveReceiver(plug.settings, clock or BoxTime()) as receiver:

        def answers() -> bool:
            plug.say(SEARCHING)
            return receiver.health().state == "no_fix"

        assert receiver.health().state == "silent"
        assert wait_for(answers)
        yield receiver


@pytest.mark.parametrize("name", ["bundg_zeus_9.log", "quectel-l76k-dual.log", "ublox-zed-f9p-nmea.log"])
def test_a_real_receiver_gives_what_its_log_says(shared_data: Path, tmp_path: Path, name: str) -> None:
    log = shared_data / "gnss" / name
    track = read_nmea(log)
    with plugged(tmp_path) as plug, listening(plug) as receiver:
        plug.pour(log.read_bytes() + b"\r\n")
        assert wait_for(lambda: len(receiver.fixes) == len(track.fixes))
        assert receiver.fixes == track.fixes
        middle = track.fixes[3].at + timedelta(seconds=0.4)
        assert receiver.at(middle) == track.at(middle) is not None
        assert receiver.settled(middle)
        assert receiver.satellites is not None


def test_fixes_come_while_they_are_of_use(tmp_path: Path) -> None:
    clock = BoxTime()
    with plugged(tmp_path) as plug, listening(plug, clock) as receiver:
        plug.fix(clock.now() - timedelta(seconds=1), 0.0)
        plug.fix(clock.now(), 5.0)
        # The second fix is handed out although no third one has begun.
        assert wait_for(lambda: len(receiver.fixes) == 2, 2.0)
        a, b = receiver.fixes
        between = receiver.at(a.at + (b.at - a.at) / 2)
        assert between is not None
        assert between.lon_deg == pytest.approx((a.lon_deg + b.lon_deg) / 2)
        assert receiver.speed_m_s == pytest.approx(5.0, abs=0.01)
        health = receiver.health()
        assert (health.state, health.quality, health.trouble) == ("fix", "autonomous", "")
        assert health.sigma_m == pytest.approx(3.18, abs=0.01)
        assert not receiver.synthetic


def test_a_moment_is_over_when_all_that_is_usual_has_come(tmp_path: Path) -> None:
    """On a line that never falls quiet, the fix need not wait for the next moment."""
    over = threading.Event()
    with plugged(tmp_path) as plug, listening(plug) as receiver:

        def chatter() -> None:
            while not over.wait(0.02):
                plug.say("$GPGSV,1,1,00*79")

        thread = threading.Thread(target=chatter)
        thread.start()
        try:
            for second in range(7):
                plug.fix(NOON + timedelta(seconds=second), 5.0 * second)
            assert wait_for(lambda: len(receiver.fixes) == 7)
        finally:
            over.set()
            thread.join()


def test_pulled_out_and_put_in_again(tmp_path: Path) -> None:
    with plugged(tmp_path) as plug, driving(plug), LiveReceiver(plug.settings, BoxTime()) as receiver:
        for times in (1, 2):
            assert wait_for(lambda n=times: receiver.connections == n and len(receiver.fixes) > 5 * n)
            before_m = receiver.odometer_m
            plug.unplug()
            assert wait_for(lambda: receiver.health().state == "silent")
            assert wait_for(
                lambda: "usb-receiver is not there: is the receiver plugged in?" in receiver.health().trouble
            )
            assert receiver.settled(datetime.now(UTC))
            assert receiver.odometer_m >= before_m > 0
            plug.plug()
        assert wait_for(lambda: receiver.health().state == "fix")
        assert all(a.at < b.at for a, b in pairwise(receiver.fixes))


def test_a_wrong_baud_rate_is_told(tmp_path: Path) -> None:
    with plugged(tmp_path) as plug, LiveReceiver(plug.settings, BoxTime()) as receiver:
        noise = bytes(i * 37 % 251 for i in range(100))

        def told() -> bool:
            plug.say(noise)
            return "gives only noise at 9600 baud: set gnss.baud" in receiver.health().trouble

        assert wait_for(told)
        assert receiver.health().state == "silent"
        plug.fix(datetime.now(UTC), 0.0)
        plug.fix(datetime.now(UTC) + timedelta(seconds=1), 0.0)
        assert wait_for(lambda: receiver.health().state == "fix")
        assert receiver.health().trouble == ""


def test_no_fix_and_silence_are_told_apart(tmp_path: Path) -> None:
    with plugged(tmp_path) as plug, listening(plug) as receiver:
        assert "does the antenna see the sky" in receiver.health().trouble
        assert receiver.settled(datetime.now(UTC))
        assert receiver.speed_m_s is None
        assert wait_for(lambda: "is silent: is the receiver connected to it, and powered?" in receiver.health().trouble)
        assert receiver.health().state == "silent"


@pytest.mark.parametrize(
    ("name", "message"),
    [("none", "is not there: is the receiver plugged in"), ("file", "cannot be opened as a serial device")],
)
def test_what_is_no_serial_device(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "file").write_text("")
    with LiveReceiver(GnssSettings(serial=tmp_path / name), BoxTime()) as receiver:
        assert wait_for(lambda: message in receiver.health().trouble)
        assert receiver.settled(datetime.now(UTC))


def test_a_device_that_another_program_holds(tmp_path: Path) -> None:
    with plugged(tmp_path) as plug, driving(plug), LiveReceiver(plug.settings, BoxTime()) as first:
        assert wait_for(lambda: first.health().state == "fix")
        with LiveReceiver(plug.settings, BoxTime()) as second:
            assert wait_for(lambda: "is held by another program" in second.health().trouble)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_a_device_that_may_not_be_opened(tmp_path: Path) -> None:
    device = tmp_path / "tty"
    device.touch(mode=0o000)
    with LiveReceiver(GnssSettings(serial=device), BoxTime()) as receiver:
        assert wait_for(lambda: "often dialout" in receiver.health().trouble)


def test_a_date_of_the_last_era_is_mended(tmp_path: Path) -> None:
    clock = BoxTime()
    days = -GNSS_ERA.days
    with plugged(tmp_path) as plug, driving(plug, days=days), LiveReceiver(plug.settings, clock) as receiver:
        assert wait_for(lambda: clock.told_by == "gnss")
        assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=1)
        moment = clock.now()
        assert wait_for(lambda: receiver.settled(moment), 3.0)
        assert receiver.at(moment) is not None
        assert "1 x 1024 weeks off" in receiver.health().trouble


def test_a_receiver_that_sets_its_clock_back_goes_on(tmp_path: Path) -> None:
    with plugged(tmp_path) as plug, LiveReceiver(plug.settings, BoxTime()) as receiver:
        with driving(plug, days=400):
            assert wait_for(lambda: len(receiver.fixes) > 5)
            assert "s off: no picture finds its place" in receiver.health().trouble
        with driving(plug):
            assert wait_for(lambda: bool(receiver.fixes) and receiver.fixes[-1].at < datetime.now(UTC))
            assert wait_for(lambda: len(receiver.fixes) > 5)
        assert all(fix.at < datetime.now(UTC) for fix in receiver.fixes)


def test_a_synthetic_drive_says_so(tmp_path: Path) -> None:
    with plugged(tmp_path) as plug, listening(plug) as receiver:
        plug.say("# Kerbwatch synthetic position")
        plug.fix(datetime.now(UTC), 0.0)
        assert wait_for(lambda: receiver.synthetic)
        assert receiver.fixes[0].synthetic


def test_a_real_gpsd(shared_data: Path) -> None:
    log = shared_data / "gnss" / "quectel-l76k-dual.log"
    known = {fix.at: fix for fix in read_nmea(log).fixes}
    with running_gpsd(log) as address:
        settings = GnssSettings(gpsd=f"{address.host}:{address.port}")
        with LiveReceiver(settings, BoxTime()) as receiver:
            assert wait_for(lambda: len(receiver.fixes) >= 5, 20.0)
            assert receiver.health().state == "fix"
            assert receiver.satellites is None or receiver.satellites > 0
            for fix in receiver.fixes:
                said = known[fix.at]
                within_a_seconds_way = pytest.approx((said.lon_deg, said.lat_deg), abs=5e-5)
                assert (fix.lon_deg, fix.lat_deg) == within_a_seconds_way
                assert fix.speed_m_s == pytest.approx(said.speed_m_s, abs=0.5)
    assert "gpsd" in receiver.health().trouble or receiver.health().state == "silent"


def test_nobody_listens_where_gpsd_should() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with LiveReceiver(GnssSettings(gpsd=f"127.0.0.1:{port}"), BoxTime()) as receiver:
        assert wait_for(lambda: f"127.0.0.1:{port}: Connection refused; is gpsd running there?" in trouble(receiver))


def test_gpsd_without_a_receiver() -> None:
    told = {
        b'{"class":"VERSION"}\n{"class":"DEVICES","devices":[]}\n': "has no receiver: is it plugged in",
        b'{"class":"DEVICES","devices":[{"path":"/dev/ttyACM0"}]}\n': "hears nothing from its receiver",
        b"SSH-2.0-OpenSSH_9.2\r\n": "does not speak as gpsd does",
    }
    with ExitStack() as stack:
        addresses = [stack.enter_context(peer(says, then_wait=True)) for says in told]
        settings = [GnssSettings(gpsd=f"{address.host}:{address.port}") for address in addresses]
        receivers = [stack.enter_context(LiveReceiver(s, BoxTime())) for s in settings]
        for receiver, message in zip(receivers, told.values(), strict=True):
            assert wait_for(lambda r=receiver, m=message: m in trouble(r))
            assert receiver.health().state == "silent"


def test_a_gpsd_that_hangs_up() -> None:
    with (
        peer(b'{"class":"VERSION"}\n') as address,
        LiveReceiver(GnssSettings(gpsd=f"{address.host}:{address.port}"), BoxTime()) as receiver,
    ):
        assert wait_for(lambda: "hung up (gpsd" in trouble(receiver))


def test_what_is_no_address() -> None:
    with pytest.raises(InputError, match="is no gpsd address"):
        LiveReceiver(GnssSettings(gpsd="box:0"), BoxTime())


def test_closing_twice_and_before_the_start(tmp_path: Path) -> None:
    with plugged(tmp_path) as plug:
        LiveReceiver(plug.settings, BoxTime()).close()
        with LiveReceiver(plug.settings, BoxTime()) as receiver:
            receiver.close()
        assert receiver.health().state == "silent"


def test_the_rig_breaks_nothing_when_nobody_listens(tmp_path: Path) -> None:
    plug = PluggedReceiver(tmp_path)
    plug.say(SEARCHING)
    plug.unplug()
    plug.unplug()
