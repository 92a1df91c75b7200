"""Weekly hours: midnight, clock changes, holidays, and text that is none."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from detector.errors import InputError
from detector.geo.dates import Holidays
from detector.geo.schedule import Validity, parse_schedule

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
VENDOR = parse_schedule({"mon-fri": ["06:00-09:30", "17:00-02:00"], "sat": ["20:00-04:00"], "holiday": []})


@pytest.mark.parametrize(
    ("local", "is_open"),
    [
        ("2026-05-18T06:00", True),  # Monday, the first minute
        ("2026-05-18T09:29", True),
        ("2026-05-18T09:30", False),  # the end is not included
        ("2026-05-18T01:00", False),  # Monday after midnight: Sunday was closed
        ("2026-05-19T01:59", True),  # Tuesday after midnight: Monday's evening runs on
        ("2026-05-19T02:00", False),
        ("2026-05-23T01:00", True),  # Saturday after midnight: Friday's evening runs on
        ("2026-05-23T17:00", False),  # Saturday has its own hours
        ("2026-05-24T03:59", True),  # Sunday after midnight: Saturday's night
        ("2026-10-01T18:00", False),  # a holiday
        ("2026-10-02T01:00", False),  # the night after a holiday that was closed
    ],
)
def test_schedule_across_midnight_and_holidays(local, is_open):
    at = datetime.fromisoformat(local).replace(tzinfo=SHANGHAI)
    holidays = Holidays(frozenset({date(2026, 10, 1)}))
    assert VENDOR.is_open(at, SHANGHAI, holidays) is is_open
    assert VENDOR.is_open(at.astimezone(UTC), SHANGHAI, holidays) is is_open


@pytest.mark.parametrize(
    ("utc", "is_open"),
    [
        ("2026-03-29T00:59", True),  # 01:59 CET; the next minute is 03:00 CEST
        ("2026-03-29T01:00", False),  # 03:00 CEST: the hour from 2 to 3 never came
        ("2026-10-25T00:30", True),  # 02:30 CEST
        ("2026-10-25T01:30", True),  # 02:30 CET: the repeated hour counts again
        ("2026-10-25T02:00", False),  # 03:00 CET
    ],
)
def test_schedule_across_clock_changes(utc, is_open):
    night = parse_schedule({"sun": ["01:00-03:00"]})
    assert night.is_open(datetime.fromisoformat(utc).replace(tzinfo=UTC), BERLIN) is is_open


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"mon-fry": ["06:00-09:00"]}, "'mon-fry' is no day"),
        ({"mon-tue-wed": []}, "is no day"),
        ({"montag": []}, "'montag' is no day"),
        ({"mon": ["6-9"]}, "'6-9' is no span of hours"),
        ({"mon": ["06:00-25:00"]}, "is no span of hours"),
        ({"mon": ["06:60-09:00"]}, "is no span of hours"),
        ({"mon": ["06:00-24:30"]}, "ends after 24:00"),
        ({"mon": ["06:00-06:00"]}, "write 00:00-24:00"),
        ({"mon-wed": [], "tue": []}, "tue is named twice"),
    ],
)
def test_schedule_text_that_is_none(raw, message):
    with pytest.raises(InputError, match=message):
        parse_schedule(raw)


@pytest.mark.parametrize(
    ("raw", "open_days"),
    [
        ({"daily": ["00:00-24:00"]}, [0, 1, 2, 3, 4, 5, 6]),
        ({"fri-mon": ["00:00-24:00"]}, [0, 4, 5, 6]),  # wraps over the week
        ({"sat,sun": ["00:00-24:00"]}, [5, 6]),
    ],
)
def test_days(raw, open_days):
    schedule = parse_schedule(raw)
    assert [day for day in range(7) if schedule.week[day]] == open_days


def test_validity_includes_both_dates_in_local_time():
    only_may = Validity(date(2026, 5, 1), date(2026, 5, 31))
    # 2026-05-31 16:30 UTC is already 1 June in Shanghai.
    assert only_may.is_valid(datetime(2026, 5, 31, 15, 30, tzinfo=UTC), SHANGHAI)
    assert not only_may.is_valid(datetime(2026, 5, 31, 16, 30, tzinfo=UTC), SHANGHAI)
    assert only_may.is_valid(datetime(2026, 4, 30, 16, 0, tzinfo=UTC), SHANGHAI)
