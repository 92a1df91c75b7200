"""Which tracks are judged together."""

from __future__ import annotations

from datetime import timedelta

from detector.tracking import TrackUpdate
from edge.stretch import TRACKS_MAX, Stretch
from tests.edge.hits import MORNING, track


def _ended(*ordinals: int) -> TrackUpdate:
    return TrackUpdate(finished=tuple(track(i) for i in ordinals))


def _seen(*ordinals: int) -> TrackUpdate:
    return TrackUpdate(assignments=tuple((f"street.mp4/0/{i}", 0) for i in ordinals))


def test_a_batch_waits_while_something_is_in_view() -> None:
    stretch = Stretch(gap_s=60)
    later = MORNING + timedelta(hours=1)
    stretch.take(_seen(0, 1))
    stretch.take(_ended(0))
    assert not stretch.ripe(later)
    stretch.take(_ended(1))
    assert stretch.ripe(later)
    assert [t.ordinal for t in stretch.release()] == [0, 1]
    assert not stretch.ripe(later)
    assert stretch.release() == ()


def test_a_batch_waits_as_long_as_rules_gather() -> None:
    stretch = Stretch(gap_s=60)
    stretch.take(_ended(0))
    assert not stretch.ripe(MORNING + timedelta(seconds=60))
    assert stretch.ripe(MORNING + timedelta(seconds=61))


def test_noise_holds_nothing_up() -> None:
    stretch = Stretch(gap_s=0)
    stretch.take(_seen(0, 1))
    stretch.take(TrackUpdate(finished=(track(0),), dropped=("street.mp4/0/1",)))
    assert stretch.ripe(MORNING + timedelta(seconds=1))


def test_a_full_batch_waits_for_nothing() -> None:
    stretch = Stretch(gap_s=1e9)
    stretch.take(_seen(*range(TRACKS_MAX + 1)))
    stretch.take(_ended(*range(TRACKS_MAX - 1)))
    assert not stretch.ripe(MORNING)
    stretch.take(_ended(TRACKS_MAX - 1))
    assert stretch.ripe(MORNING)


def test_where_the_view_is_never_empty_nothing_waits_for_ever() -> None:
    stretch = Stretch(gap_s=5, wait_s=30)
    stretch.take(_seen(0, 1))
    stretch.take(_ended(0))
    ended_at = track(0).last_seen_at
    assert not stretch.ripe(ended_at + timedelta(seconds=30))
    assert stretch.ripe(ended_at + timedelta(seconds=31))


def test_nothing_is_ripe_before_its_rest_is_over() -> None:
    stretch = Stretch(gap_s=1, rest_s=6)
    stretch.take(_ended(0))
    ended_at = track(0).last_seen_at
    assert not stretch.ripe(ended_at + timedelta(seconds=6))
    assert stretch.ripe(ended_at + timedelta(seconds=7))
