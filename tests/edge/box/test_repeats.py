"""A thing that stays is not told over and over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from detector.tracks import Box
from detector.vocabulary import Kind
from edge.box.repeats import AGAIN, Repeats

_AT = datetime(2026, 5, 17, 9, 30, tzinfo=UTC)
_BOX = (100.0, 100.0, 200.0, 200.0)


@pytest.mark.parametrize(
    ("kind", "box", "later", "driven_m", "told"),
    [
        (Kind.DISORDERLY_BIKE, _BOX, timedelta(minutes=2), 0.0, True),
        (Kind.DISORDERLY_BIKE, (110.0, 100.0, 210.0, 205.0), timedelta(minutes=59), 2.0, True),  # the box trembles
        (Kind.STREET_STALL, _BOX, timedelta(minutes=2), 0.0, False),
        (Kind.DISORDERLY_BIKE, (180.0, 100.0, 280.0, 200.0), timedelta(minutes=2), 0.0, False),  # the next bike
        (Kind.DISORDERLY_BIKE, _BOX, AGAIN, 0.0, False),  # still there: told again
        (Kind.DISORDERLY_BIKE, _BOX, timedelta(minutes=2), 3.0, False),  # the vehicle has driven on
        (Kind.DISORDERLY_BIKE, _BOX, -timedelta(days=1), 0.0, False),  # the clock was set back
    ],
)
def test_the_same_from_the_same_spot(kind: Kind, box: Box, later: timedelta, driven_m: float, told: bool) -> None:
    repeats = Repeats()
    repeats.tell(Kind.DISORDERLY_BIKE, _BOX, _AT, 1000.0)
    assert repeats.told(kind, box, _AT + later, 1000.0 + driven_m) is told
