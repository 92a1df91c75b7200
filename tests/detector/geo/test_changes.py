"""The moments at which hours begin and end are those at which the answer really changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.geo.changes import changes
from detector.geo.dates import Closure, DateRange, Holidays, Season
from detector.geo.schedule import DAYS, Validity, parse_schedule
from detector.vocabulary import Text

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
EVENING = parse_schedule({"daily": ["18:00-02:00"]})
NIGHT = parse_schedule({"sun": ["01:00-03:00"]})
WORKS = Closure("w", *map(datetime.fromisoformat, ("2026-05-18T22:30", "2026-05-19T12:00")), Text("施工", "works"))


@pytest.mark.parametrize(
    ("validities", "after", "zone", "expected"),
    [
        ([Validity()], "2026-05-18T10:00", SHANGHAI, []),
        ([Validity(schedule=EVENING)], "2026-05-18T23:10", SHANGHAI, ["2026-05-19T02:00", "2026-05-19T18:00"]),
        ([Validity(schedule=EVENING)], "2026-05-19T01:59", SHANGHAI, ["2026-05-19T02:00", "2026-05-19T18:00"]),
        ([Validity(schedule=EVENING)], "2026-05-19T02:00", SHANGHAI, ["2026-05-19T18:00", "2026-05-20T02:00"]),
        (
            [Validity(schedule=EVENING, closures=(WORKS,))],
            "2026-05-18T20:00",
            SHANGHAI,
            ["2026-05-18T22:30", "2026-05-19T18:00"],
        ),
        ([Validity(valid_to=date(2026, 5, 20))], "2026-05-18T20:00", SHANGHAI, ["2026-05-21T00:00"]),
        ([Validity(ranges=(DateRange(date(2026, 6, 1)),))], "2026-05-18T20:00", SHANGHAI, ["2026-06-01T00:00"]),
        (
            [Validity(schedule=EVENING, seasons=(Season((5, 1), (10, 15)),))],
            "2026-10-15T20:00",
            SHANGHAI,
            ["2026-10-16T02:00", "2027-05-01T18:00"],  # the evening of the last day, then the next year's first
        ),
        # A pitch and the permit for it.
        (
            [Validity(schedule=EVENING), Validity(valid_to=date(2026, 5, 18))],
            "2026-05-18T20:00",
            SHANGHAI,
            ["2026-05-19T00:00", "2026-05-19T02:00"],
        ),
        # Clocks go forward: 01:59, then 03:00, which is the end. Clocks go back: 02:59, 02:00 again, then 03:00.
        ([Validity(schedule=NIGHT)], "2026-03-29T01:30", BERLIN, ["2026-03-29T03:00", "2026-04-05T01:00"]),
        ([Validity(schedule=NIGHT)], "2026-10-25T01:30", BERLIN, ["2026-10-25T03:00", "2026-11-01T01:00"]),
    ],
)
def test_next_changes(validities, after, zone, expected):
    found = islice(changes(validities, datetime.fromisoformat(after).replace(tzinfo=zone), zone), len(expected) or 1)
    assert [f"{at:%Y-%m-%dT%H:%M}" for at in found] == expected


def test_hours_that_end_inside_the_repeated_hour_end_twice():
    until = Validity(schedule=parse_schedule({"sun": ["01:00-02:30"]}))
    found = islice(changes([until], datetime(2026, 10, 25, 1, 30, tzinfo=BERLIN), BERLIN), 3)
    assert [at.astimezone(UTC).strftime("%H:%M") for at in found] == ["00:30", "01:00", "01:30"]


minutes = st.integers(0, 24 * 12 - 1).map(lambda number: f"{number // 12:02}:{number % 12 * 5:02}")
spans = st.tuples(minutes, minutes).filter(lambda pair: pair[0] != pair[1]).map("-".join)
weeks = st.dictionaries(st.sampled_from([*DAYS, "holiday"]), st.lists(spans, max_size=2), min_size=1)
days = st.dates(date(2026, 3, 20), date(2026, 4, 5))


@settings(max_examples=40, deadline=None)
@given(
    weeks,
    st.lists(days, max_size=2),
    st.tuples(days, days).map(sorted),
    st.sampled_from([SHANGHAI, BERLIN]),
    st.integers(0, 16 * 24 * 60),
)
def test_the_answer_changes_at_each_change_and_nowhere_else(week, holidays, dates, zone, minute):
    validity = Validity(*dates, schedule=parse_schedule(week))
    calendar = Holidays(frozenset(holidays), {date(2026, 3, 22): 2})
    after = datetime(2026, 3, 20, tzinfo=UTC) + timedelta(minutes=minute)
    found = list(changes([validity], after, zone, calendar, horizon_days=3))
    assert found == sorted(set(found))
    ends = [after, *found, after + timedelta(days=1)]
    for start, end in pairwise(ends):
        states = {
            validity.is_valid(start + timedelta(minutes=5 * step), zone, calendar)
            for step in range(int((end - start) / timedelta(minutes=5)))
        }
        assert len(states) <= 1
    for at in found:
        assert validity.is_valid(at, zone, calendar) is not validity.is_valid(at - timedelta(seconds=1), zone, calendar)
