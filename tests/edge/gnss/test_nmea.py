"""GNSS logs: what real receivers send, and no position that none of them gave."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from detector.errors import InputError, SourceError
from detector.frame import Fix
from edge.gnss import FixTrack, LogCounts, check_overlap, read_nmea
from tests.edge.nmea import SYNTHETIC, drive_east, gga, rmc, sentence

NOON = datetime(2026, 5, 17, 12, 0, tzinfo=UTC)
LON, LAT = 117.2, 34.26
METRE_EAST = 1 / (111_195.0 * 0.8265)


def _s(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def _track(tmp_path: Path, *lines: str) -> FixTrack:
    log = tmp_path / "drive.nmea"
    log.write_text("\r\n".join(lines) + "\r\n")
    return read_nmea(log)


@pytest.mark.parametrize("talker", ["GP", "GN", "BD", "GB", "GL", "GA"])
def test_every_talker(tmp_path: Path, talker: str) -> None:
    track = _track(tmp_path, rmc(NOON, LON, LAT, talker=talker), gga(NOON, LON, LAT, talker=talker))
    assert track.fixes == (track.at(NOON),)
    fix = track.fixes[0]
    assert (fix.lon_deg, fix.lat_deg) == pytest.approx((LON, LAT), abs=1e-7)
    assert fix.speed_m_s == pytest.approx(5.144, abs=0.001)
    assert fix.heading_deg == 90.0
    assert fix.height_m == 35.0
    assert not fix.synthetic


def test_between_two_fixes_it_is_interpolated(tmp_path: Path) -> None:
    track = read_nmea(drive_east(tmp_path / "a.nmea", NOON, 10))
    fix = track.at(_s(3.5))
    assert fix is not None
    assert fix.lon_deg == pytest.approx(LON + 3.5 * 5 * METRE_EAST, abs=1e-8)
    assert fix.at == _s(3.5)
    assert fix.synthetic
    assert track.synthetic


@pytest.mark.parametrize("seconds", [-0.1, 10.1])
def test_outside_the_log_nothing_is_known(tmp_path: Path, seconds: float) -> None:
    assert read_nmea(drive_east(tmp_path / "a.nmea", NOON, 10)).at(_s(seconds)) is None


def test_a_gap_is_not_bridged(tmp_path: Path) -> None:
    track = _track(
        tmp_path, rmc(NOON, LON, LAT), rmc(_s(5), LON + 25 * METRE_EAST, LAT), rmc(_s(11), LON + 55 * METRE_EAST, LAT)
    )
    assert track.at(_s(4.9)) is not None
    assert track.at(_s(8)) is None
    assert track.at(_s(11)) is not None


def test_a_jump_is_left_out(tmp_path: Path) -> None:
    lines = [rmc(_s(i), LON + (i * 5 + (400 if i == 4 else 0)) * METRE_EAST, LAT) for i in range(8)]
    track = _track(tmp_path, *lines)
    assert track.counts.jumps == 1
    there = track.at(_s(4))
    assert there is not None  # drawn between seconds 3 and 5
    assert there.lon_deg == pytest.approx(LON + 20 * METRE_EAST, abs=1e-7)


def test_a_new_place_several_fixes_agree_on_is_believed_but_not_joined(tmp_path: Path) -> None:
    lines = [rmc(_s(i), LON + (i * 5 + (3000 if i >= 4 else 0)) * METRE_EAST, LAT) for i in range(9)]
    track = _track(tmp_path, *lines)
    assert track.counts.jumps == 0
    assert track.counts.fixes == 9
    assert track.at(_s(3.5)) is None
    assert track.at(_s(4.5)) is not None


@pytest.mark.parametrize(
    "lines",
    [
        [sentence("GNRMC,120000.00,V,,,,,,,170526,,,N"), sentence("GNGGA,120000.00,,,,,0,00,,,M,,M,,")],
        [sentence("GPRMC,,V,,,,,,,,,,N")],
        [rmc(NOON, 0.0, 0.0)],  # never 0, 0
        [rmc(NOON, LON, LAT), gga(NOON, LON, LAT, quality=0)],  # GGA says no: no
        [sentence("GPRMC,120000.00,A,9959.0,N,11712.0,E,1.0,90.0,170526,,,A")],
    ],
)
def test_no_fix(tmp_path: Path, lines: list[str]) -> None:
    track = _track(tmp_path, *lines)
    assert track.fixes == ()
    assert track.counts.no_fix == 1
    assert track.at(NOON) is None
    assert track.span() is None
    check_overlap(track, "a.mp4", NOON, None)  # no error: everything is "place unknown"


def test_damaged_sentences_are_counted_and_passed_over(tmp_path: Path) -> None:
    good = rmc(NOON, LON, LAT)
    flipped = rmc(_s(1), LON, LAT).replace("N,117", "N,118")
    log = tmp_path / "a.nmea"
    noise = b"\xba\xce\x00\x01binary $GNRMC,1200*"
    log.write_bytes(
        noise + good.encode() + b"\r\n" + flipped.encode() + b"\n" + b"$GNRMC,120001.00,A,34\n# words\n\xff\xfe"
    )
    counts = read_nmea(log).counts
    assert counts == LogCounts(fixes=1, bad_checksum=3)


def test_before_the_first_date_nothing_is_dated(tmp_path: Path) -> None:
    track = _track(tmp_path, gga(_s(-2), LON, LAT), gga(_s(-1), LON, LAT), gga(NOON, LON, LAT), rmc(NOON, LON, LAT))
    assert track.counts.undated == 2
    assert [f.at for f in track.fixes] == [NOON]


def test_midnight_without_rmc(tmp_path: Path) -> None:
    night = datetime(2026, 5, 17, 23, 59, 59, tzinfo=UTC)
    track = _track(
        tmp_path,
        rmc(night, LON, LAT),
        gga(night + timedelta(seconds=1), LON, LAT),
        gga(night + timedelta(seconds=2), LON, LAT),
    )
    assert [f.at for f in track.fixes] == [night + timedelta(seconds=i) for i in range(3)]


def test_time_going_back_is_left_out(tmp_path: Path) -> None:
    track = _track(tmp_path, rmc(_s(5), LON, LAT), rmc(_s(2), LON, LAT), rmc(_s(6), LON, LAT))
    assert [f.at for f in track.fixes] == [_s(5), _s(6)]
    assert track.counts.out_of_order == 1


@pytest.mark.parametrize(
    ("extra", "sigma_m"),
    [
        ([gga(NOON, LON, LAT, hdop="0.9")], 0.9 * 5.0 / 2**0.5),
        ([gga(NOON, LON, LAT, hdop="0.9", quality=4)], 0.9 * 0.03 / 2**0.5),
        ([gga(NOON, LON, LAT, hdop="")], 2.0 * 5.0 / 2**0.5),  # HDOP unknown: assumed poor
        ([gga(NOON, LON, LAT), sentence("GNGST,120000.00,30,,,,2.0,4.0,5.0")], (20 / 2) ** 0.5),  # its own word wins
        ([], 2.0 * 5.0 / 2**0.5),
    ],
)
def test_sigma(tmp_path: Path, extra: list[str], sigma_m: float) -> None:
    assert _track(tmp_path, rmc(NOON, LON, LAT), *extra).fixes[0].sigma_m == pytest.approx(sigma_m)


@pytest.mark.parametrize("years", [-46, 10])
def test_a_receiver_without_a_fix_is_not_believed_the_date(tmp_path: Path, years: int) -> None:
    cold = rmc(_s(-1).replace(year=NOON.year + years), LON, LAT, status="V")
    track = _track(tmp_path, cold, *(rmc(_s(i), LON, LAT, knots=0.0) for i in range(3)))
    assert track.counts == LogCounts(fixes=3, no_fix=1)
    assert track.span() == (NOON, _s(2))


def test_an_error_beyond_all_measure_stays_a_number(tmp_path: Path) -> None:
    lost = sentence(f"GNGST,{NOON:%H%M%S}.00,,,,,1e300,1e300,9")
    assert _track(tmp_path, rmc(NOON, LON, LAT), lost).fixes[0].sigma_m == 1e6


@pytest.mark.parametrize(
    ("knots", "extra", "heading_deg", "sigma_deg"),
    [
        (0.5, [], None, 180.0),  # standing: the course is noise
        (2.5, [], 90.0, 4.46),
        (20.0, [], 90.0, 0.63),
        (0.0, [sentence("GNHDT,271.5,T")], 271.5, 1.0),  # two antennas know it standing
    ],
)
def test_heading(tmp_path: Path, knots: float, extra: list[str], heading_deg: float | None, sigma_deg: float) -> None:
    fix = _track(tmp_path, rmc(NOON, LON, LAT, knots=knots), *extra).fixes[0]
    assert fix.heading_deg == heading_deg
    assert fix.sigma_heading_deg == pytest.approx(sigma_deg, abs=0.01)


@pytest.mark.parametrize(
    ("first_deg", "then_deg", "expected_deg"),
    [(350.0, 20.0, 5.0), (20.0, 350.0, 5.0), (270.0, 90.0, 180.0), (359.9, 0.1, 0.0), (360.0, 360.0, 0.0)],
)
def test_heading_turns_the_short_way_round(
    tmp_path: Path, first_deg: float, then_deg: float, expected_deg: float
) -> None:
    slow = {"knots": 2.0}
    ends = rmc(NOON, LON, LAT, course_deg=first_deg, **slow), rmc(_s(2), LON, LAT, course_deg=then_deg, **slow)
    track = _track(tmp_path, *ends)
    fix = track.at(_s(1))
    assert fix is not None
    assert fix.heading_deg is not None
    assert 0.0 <= fix.heading_deg < 360.0
    assert abs((fix.heading_deg - expected_deg + 180.0) % 360.0 - 180.0) < 1e-6


@pytest.mark.parametrize(
    "lines",
    [
        [SYNTHETIC, rmc(NOON, LON, LAT)],
        [rmc(NOON, LON, LAT), gga(NOON, LON, LAT, quality=8)],  # the receiver's simulator mode
    ],
)
def test_made_up_positions_say_so(tmp_path: Path, lines: list[str]) -> None:
    fix = _track(tmp_path, *lines).at(NOON)
    assert fix is not None
    assert fix.synthetic


def test_offset_shifts_the_log(tmp_path: Path) -> None:
    track = _track(tmp_path, rmc(NOON, LON, LAT)).shifted(-18.5)
    assert track.span() == (_s(-18.5), _s(-18.5))
    assert isinstance(track.at(_s(-18.5)), Fix)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (
            _s(3600),
            r"a\.mp4 was recorded 2026-05-17T13:00:00Z to 2026-05-17T13:00:10Z, but the GNSS log covers "
            r"2026-05-17T12:00:00Z to 2026-05-17T12:00:10Z: .*--gnss-offset-s \+3600 aligns their starts",
        ),
        (
            NOON + timedelta(weeks=1024, seconds=4),
            r"the receiver's date is 1 x 1024 weeks off .*--gnss-offset-s \+619315200 mends it",
        ),
    ],
)
def test_clocks_that_differ(tmp_path: Path, start: datetime, message: str) -> None:
    track = read_nmea(drive_east(tmp_path / "a.nmea", NOON, 10))
    with pytest.raises(InputError, match=message):
        check_overlap(track, "a.mp4", start, start + timedelta(seconds=10))


@pytest.mark.parametrize(("begin", "end"), [(-5.0, 3.0), (2.0, 4.0), (9.0, None), (-9.0, 60.0)])
def test_clocks_that_overlap(tmp_path: Path, begin: float, end: float | None) -> None:
    track = read_nmea(drive_east(tmp_path / "a.nmea", NOON, 10))
    check_overlap(track, "a.mp4", _s(begin), None if end is None else _s(end))


@pytest.mark.parametrize("content", [b"", b"# only a comment\n", b"\x00\x01\x02" * 500, b"time,lat,lon\n1,2,3\n"])
def test_not_a_log(tmp_path: Path, content: bytes) -> None:
    log = tmp_path / "log.ubx"
    log.write_bytes(content)
    with pytest.raises(SourceError, match=r"log\.ubx holds no NMEA sentence"):
        read_nmea(log)


def test_no_log(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no such GNSS log: .*missing"):
        read_nmea(tmp_path / "missing.nmea")


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("beidou-bd.log", LogCounts(fixes=4, no_fix=5, jumps=1, steps=2)),  # just found its satellites
        ("beidou-gb.log", LogCounts(fixes=2, no_fix=3, steps=1)),
        ("bundg_zeus_9.log", LogCounts(fixes=147, undated=1)),
        ("quectel-eg25-g.log", LogCounts(fixes=17, no_fix=37, jumps=6, steps=11)),  # a phone indoors
        ("quectel-l76k-dual.log", LogCounts(fixes=130)),  # binary messages in between
        ("ublox-zed-f9p-nmea.log", LogCounts(fixes=29)),
    ],
)
def test_real_receivers(shared_data: Path, name: str, counts: LogCounts) -> None:
    assert read_nmea(shared_data / "gnss" / name).counts == counts


def test_a_real_drive_has_no_holes(shared_data: Path) -> None:
    track = read_nmea(shared_data / "gnss" / "bundg_zeus_9.log")
    span = track.span()
    assert span is not None
    seconds = int((span[1] - span[0]).total_seconds())
    assert all(track.at(span[0] + timedelta(seconds=i / 2)) for i in range(2 * seconds))
