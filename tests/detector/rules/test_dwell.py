"""Dwell: a camera waits, a vehicle comes by again, and what the box remembers counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from detector.hit import SeenBefore
from detector.rules.dwell import fields, watched
from detector.site.rulebook import Dwell
from tests.detector.things import make_track

STALL = Dwell(fixed_min_s=300.0, vehicle_min_s=300.0, vehicle_min_observations=3, min_passes=2)
BIKE = Dwell(fixed_min_s=120.0, vehicle_min_s=0.0, vehicle_min_observations=3)
EVENING = datetime(2026, 5, 18, 11, 31, tzinfo=UTC)  # 19:31 in Shanghai
SHANGHAI = ZoneInfo("Asia/Shanghai")


def track(span_s: float, frames: int = 5):
    return make_track("stall", [(0.0, 0.0, 9.0, 9.0)] * frames, start=EVENING, step_s=span_s / (frames - 1))


def before(minutes: float, passes: int = 1) -> SeenBefore:
    first = EVENING - timedelta(minutes=minutes)
    return SeenBefore(first, first + timedelta(seconds=3), passes)


@pytest.mark.parametrize(
    ("dwell", "thing", "earlier", "observed_by", "verdict"),
    [
        (BIKE, track(119), None, "fixed", "too_brief"),
        (BIKE, track(120), None, "fixed", "enough"),
        (BIKE, track(3), before(10), "fixed", "enough"),  # the camera's earlier stretch saw it too
        (BIKE, track(3), None, "vehicle", "enough"),
        (BIKE, track(3, frames=2), None, "vehicle", "too_brief"),
        (BIKE, track(3, frames=2), before(10), "vehicle", "too_brief"),  # each pass must really see it
        (STALL, track(3), None, "vehicle", "seen_once"),
        (STALL, track(3), None, "drone", "seen_once"),
        (STALL, track(3), before(4.9), "vehicle", "seen_too_soon"),
        (STALL, track(3), before(5), "vehicle", "enough"),
        (STALL, track(299), before(0.5), "vehicle", "enough"),
        (STALL, track(300), None, "vehicle", "enough"),  # it stopped and watched
        (Dwell(300.0, 20.0, 3), track(19), None, "vehicle", "too_brief"),
        (Dwell(300.0, 300.0, 3, 3), track(3), before(40), "vehicle", "seen_too_soon"),
        (Dwell(300.0, 300.0, 3, 3), track(3), before(40, passes=2), "vehicle", "enough"),
    ],
)  # fmt: skip
def test_enough(dwell, thing, earlier, observed_by, verdict):
    assert watched(dwell, thing, earlier, observed_by).verdict == verdict


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [
        (None, {"first_at": "19:31", "again_at": "19:31", "passes": "2", "wait_min": "5"}),
        (before(29), {"first_at": "19:02", "again_at": "19:31", "passes": "2", "wait_min": "5"}),
        (
            before(1440, 4),
            {"first_at": "2026-05-17 19:31", "again_at": "2026-05-18 19:31", "passes": "5", "wait_min": "5"},
        ),
    ],
)  # fmt: skip
def test_sentences_name_local_clock_times(earlier, expected):
    assert fields(watched(STALL, track(3), earlier, "vehicle"), STALL, SHANGHAI) == expected
