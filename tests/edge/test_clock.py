"""Capture time: what is believed, in which order, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from detector.errors import InputError
from edge.clock import capture_start, container_start, parse_utc

MORNING = datetime(2026, 5, 17, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-05-17T09:30:00Z", " 2026-05-17T17:30:00+08:00 ", "2026-05-17 09:30:00+00:00"])
def test_times_with_a_zone_become_utc(text: str) -> None:
    value = parse_utc(text, "--start-utc")
    assert value == MORNING
    assert value.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026-05-17T09:30:00", "has no zone: write it with its zone, e.g. --start-utc 2026-05-17T09:30:00Z"),
        ("17.5.2026", "--start-utc '17.5.2026' is not an ISO 8601 time"),
        ("", "is not an ISO 8601 time"),
        ("0001-01-01T00:00:00+08:00", "is not of the years 2000 to 2099"),
        ("9999-12-31T23:59:59-08:00", "is not of the years 2000 to 2099"),
    ],
)
def test_bad_times(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_utc(text, "--start-utc")


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"creation_time": "2026-05-17T09:30:00.000000Z"}, MORNING),
        ({"creation_time": "2026-05-17 09:30:00"}, MORNING),
        # Apple's own tag knows its zone and is believed first.
        (
            {"creation_time": "2020-01-01T00:00:00Z", "com.apple.quicktime.creationdate": "2026-05-17T17:30:00+0800"},
            MORNING,
        ),
        ({"creation_time": "1904-01-01T00:00:00.000000Z"}, None),  # the clock was never set
        ({"creation_time": "9999-12-31T23:59:59-01:00"}, None),
        ({"creation_time": "yesterday"}, None),
        ({}, None),
    ],
)
def test_container_time(metadata: dict[str, str], expected: datetime | None) -> None:
    assert container_start(metadata) == expected


def test_what_the_user_gives_wins() -> None:
    other = datetime(2020, 1, 1, tzinfo=UTC)
    assert capture_start(MORNING, other, "a.mp4") == MORNING
    assert capture_start(None, other, "a.mp4") == other
    with pytest.raises(InputError, match=r"a\.mp4 does not say when it was recorded"):
        capture_start(None, None, "a.mp4")
