"""Pictures that were built on what is missing are not handed out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks import rtsp
from edge.sources.live.nal import parameter_sets
from edge.sources.live.whole import WholePictures

KEY_EVERY = 10
LEFT_OUT = set(range(14, 20))


class StreamPacket:
    """A packet with a decoder behind it, as the demuxer gives it."""

    def __init__(self, context: av.CodecContext, data: bytes, count: int) -> None:
        self._context, self._packet = context, av.Packet(data)
        self._packet.pts = self.pts = count
        self.is_keyframe = count % KEY_EVERY == 0

    def decode(self) -> list[av.VideoFrame]:
        return self._context.decode(self._packet)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize(
    ("change", "missing"),
    [
        (lambda units: units, set()),
        # Joined in the middle of a group.
        (lambda units: {n: u for n, u in units.items() if n >= 3}, set(range(10))),
        (lambda units: {n: u for n, u in units.items() if n not in (14, 15)}, LEFT_OUT),
        (lambda units: {n: u for n, u in units.items() if n != 20}, set(range(20, 30))),
        (lambda units: {**units, 14: b"\0\0\0\1garbage"}, LEFT_OUT),
    ],
    ids=["whole", "joined late", "pictures lost", "key frame lost", "garbage"],
)
def test_only_whole_pictures(
    pictures: Callable[[rtsp.Stream], Path],
    codec: str,
    change: Callable[[dict[int, bytes]], dict[int, bytes]],
    missing: set[int],
):
    stream = rtsp.Stream(codec=codec, key_every=KEY_EVERY)
    units = dict(enumerate(rtsp.read_pictures(pictures(stream))[:40]))
    context = av.CodecContext.create(codec, "r")
    context.extradata = parameter_sets(codec, units[0])
    whole, got = WholePictures(), set[int]()
    for count, unit in change(units).items():
        for picture in whole.decode(StreamPacket(context, unit, count)):  # type: ignore[arg-type]
            image = picture.to_ndarray(format="rgb24")
            number = rtsp.number_of(image)
            assert np.abs(image.astype(int) - rtsp.numbered(stream, number)).mean() < 1.0, (
                f"picture {number} is smeared"
            )
            got.add(number)
    assert got == set(range(40)) - missing
