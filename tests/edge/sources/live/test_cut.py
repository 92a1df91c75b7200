"""Times of the packets of a clip."""

from __future__ import annotations

from fractions import Fraction

import pytest

from edge.sources.live.cut import times_of
from edge.sources.live.messages import PacketMessage, StreamMessage

STREAM = StreamMessage("h264", b"", Fraction(1, 1000))
ARRIVED = [10.0, 10.04, 10.13, 10.13]
BY_ARRIVAL = [0, 3600, 11700, 11790]


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        # The camera's own, in milliseconds, from its own zero; reordered pictures keep their order.
        ([(500, 500), (620, 540), (580, 580), (630, 620)], [(0, 0), (10800, 3600), (7200, 7200), (11700, 10800)]),
        # No stamps, standing or going back: by arrival.
        ([(None, None)] * 4, [(t, t) for t in BY_ARRIVAL]),
        ([(500, 500), (500, 500), (580, 580), (620, 620)], [(t, t) for t in BY_ARRIVAL]),
        ([(500, 500), (540, 540), (300, 300), (620, 620)], [(t, t) for t in BY_ARRIVAL]),
        # Shown before it is decoded.
        ([(500, 500), (530, 540), (580, 580), (620, 620)], [(t, t) for t in BY_ARRIVAL]),
        # The camera set its clock on the way.
        ([(500, 500), (540, 540), (9580, 9580), (9620, 9620)], [(t, t) for t in BY_ARRIVAL]),
    ],
)
def test_times(stamps: list[tuple[int | None, int | None]], expected: list[tuple[int, int]]):
    packets = [
        PacketMessage(arrived_s, pts, dts, i == 0, b"x")
        for i, (arrived_s, (pts, dts)) in enumerate(zip(ARRIVED, stamps, strict=True))
    ]
    assert times_of(STREAM, packets) == expected
