"""The ring of packets: bounded, whole groups, one connection and one configuration in a cut."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sources.live.messages import PacketMessage, StreamMessage
from edge.sources.live.ring import PacketRing

BEGUN = datetime(2026, 5, 4, tzinfo=UTC)
STREAM = StreamMessage("h264", b"sets", Fraction(1, 90_000))


def at(seconds: float) -> datetime:
    return BEGUN + timedelta(seconds=seconds)


def filled(ring: PacketRing, begin: int, end: int, *, key_every: int = 4, size: int = 10) -> PacketRing:
    """One packet a second."""
    for second in range(begin, end):
        ring.add(PacketMessage(float(second), None, None, second % key_every == 0, b"x" * size), at(second))
    return ring


def seconds(ring: PacketRing, about: float, before_s: float, after_s: float) -> list[float]:
    cut = ring.cut(at(about), before_s=before_s, after_s=after_s)
    return [] if cut is None else [kept.packet.arrived_s for kept in cut.packets]


def begun(bytes_max: int = 10_000) -> PacketRing:
    ring = PacketRing(bytes_max)
    ring.begin(STREAM)
    return ring


@pytest.mark.parametrize(
    ("about", "before_s", "after_s", "first", "last"),
    [
        # From the key frame at or before its begin, to its end.
        (10, 3, 3, 4, 13),
        (10, 2, 0, 8, 10),
        # A moment between two groups belongs to the first.
        (10, 2.5, 0, 4, 10),
        # What is not there yet cannot be in it.
        (18, 2, 60, 16, 19),
        (0, 60, 1, 0, 1),
    ],
)
def test_a_cut_begins_at_a_key_frame(about: float, before_s: float, after_s: float, first: float, last: float):
    cut = seconds(filled(begun(), 0, 20), about, before_s, after_s)
    assert (cut[0], cut[-1]) == (first, last)
    assert cut == [float(s) for s in range(int(first), int(last) + 1)]


@pytest.mark.parametrize("about", [-30, 40])
def test_what_the_ring_does_not_hold(about: float):
    assert seconds(filled(begun(), 0, 20), about, 5, 5) == []


def test_the_oldest_groups_go_first():
    ring = filled(begun(100), 0, 20)
    assert ring.bytes <= 100
    assert seconds(ring, 19, 60, 0)[0] == 12.0


def test_a_group_larger_than_the_ring_is_dropped_until_the_next_key_frame():
    ring = filled(begun(100), 0, 29, key_every=30)
    assert ring.bytes == 0
    filled(ring, 30, 35, key_every=30)
    assert seconds(ring, 32, 60, 60) == [30.0, 31.0, 32.0, 33.0, 34.0]


def test_two_connections_or_configurations_never_share_a_cut():
    ring = filled(begun(), 0, 8)
    ring.begin(None)
    ring.begin(StreamMessage("h264", b"other sets", Fraction(1, 90_000)))
    filled(ring, 8, 16)
    assert seconds(ring, 6, 5, 5) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    cut = ring.cut(at(9), before_s=5, after_s=5)
    assert cut is not None
    assert cut.stream.headers == b"other sets"
    assert [kept.packet.arrived_s for kept in cut.packets] == [8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0]


def test_packets_before_a_key_frame_and_raw_pictures_are_not_kept():
    assert filled(begun(), 1, 4).bytes == 0
    raw = PacketRing(1000)
    raw.begin(StreamMessage("", b"", Fraction(1, 1000)))
    assert filled(raw, 0, 8).bytes == 0
    assert filled(begun(0), 0, 8).bytes == 0


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 60), st.integers(0, 9)), max_size=200), st.integers(0, 200))
def test_never_above_its_bound_and_always_from_a_key_frame(packets: list[tuple[bool, int, int]], bytes_max: int):
    ring = PacketRing(bytes_max)
    ring.begin(STREAM)
    for second, (is_key, size, chance) in enumerate(packets):
        if chance == 0:
            ring.begin(STREAM)
        ring.add(PacketMessage(float(second), None, None, is_key, b"x" * size), at(second))
        assert ring.bytes <= bytes_max
        cut = ring.cut(at(second), before_s=50, after_s=0)
        assert cut is None or cut.packets[0].packet.is_key
