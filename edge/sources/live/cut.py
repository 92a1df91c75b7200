"""The process that writes one clip: ``python -m edge.sources.live.cut``.

Reads one line of JSON (where to write), then the messages of a configuration and its packets; writes them into an MP4
file as they are and says the pictures' size.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Final

from edge.sources.live.messages import MessageReader, PacketMessage, StreamMessage

_MEMORY_BYTES_MAX: Final = 1536 * 1024**2
_APART_S: Final = 1.0
"""Stamps that drift this far from the packets' arrival (a camera that sets its clock) are not believed."""
_TICKS_PER_S: Final = 90_000


@dataclass(frozen=True, slots=True)
class CutOrder:
    """Where to write, and for whom."""

    path: str
    parent_pid: int

    def to_line(self) -> bytes:
        """As JSON, one line."""
        return json.dumps(asdict(self)).encode() + b"\n"


def times_of(stream: StreamMessage, packets: list[PacketMessage]) -> list[tuple[int, int]]:
    """Presentation and decoding time of every packet, in ticks of 1/90,000 s from the first.

    The camera's own stamps where they are sound: every decoding stamp above the last, and never far from the packet's
    arrival. Else the arrival itself, kept apart by at least a millisecond: then there is no reordering to lose.
    """
    first = packets[0]
    ticks = float(stream.time_base * _TICKS_PER_S)
    stamped = [
        (round((p.pts - first.dts) * ticks), round((p.dts - first.dts) * ticks))
        for p in packets
        if p.pts is not None and p.dts is not None and first.dts is not None
    ]
    if len(stamped) == len(packets) and _sound(stamped, packets):
        return stamped
    arrived = [round((p.arrived_s - first.arrived_s) * _TICKS_PER_S) for p in packets]
    for i in range(1, len(arrived)):
        arrived[i] = max(arrived[i], arrived[i - 1] + _TICKS_PER_S // 1000)
    return [(at, at) for at in arrived]


def _sound(stamped: list[tuple[int, int]], packets: list[PacketMessage]) -> bool:
    first_s = packets[0].arrived_s
    return (
        all(before[1] < after[1] for before, after in pairwise(stamped))
        and all(pts >= dts for pts, dts in stamped)
        and all(
            abs(dts / _TICKS_PER_S - (p.arrived_s - first_s)) <= _APART_S
            for (_, dts), p in zip(stamped, packets, strict=True)
        )
    )


def write(path: str, stream: StreamMessage, packets: list[PacketMessage]) -> tuple[int, int]:
    """Write the clip; width and height of its pictures.

    Raises:
        ValueError: the packets make no clip: no picture size is in them.
        OSError: the file cannot be written.
    """
    import av
    from av.packet import Packet

    raw = io.BytesIO(stream.headers + b"".join(p.data for p in packets))
    with av.open(raw, format=stream.codec) as source, av.open(path, "w", format="mp4") as clip:
        template = source.streams.video[0]
        width_px, height_px = template.codec_context.width, template.codec_context.height
        if not width_px or not height_px:
            raise ValueError("no picture size")
        out = clip.add_stream_from_template(template)
        times = times_of(stream, packets)
        lasts = [after[1] - before[1] for before, after in pairwise(times)] or [_TICKS_PER_S // 25]
        for packet, (pts, dts), lasts_ticks in zip(
            packets, times, [*lasts, sorted(lasts)[len(lasts) // 2]], strict=False
        ):
            copy = Packet(packet.data)
            copy.time_base = Fraction(1, _TICKS_PER_S)
            copy.pts, copy.dts, copy.duration = pts, dts, lasts_ticks
            copy.is_keyframe = packet.is_key
            copy.stream = out
            clip.mux_one(copy)
    return width_px, height_px


def main() -> int:
    """Write one clip."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES_MAX, _MEMORY_BYTES_MAX))
    order = CutOrder(**json.loads(sys.stdin.buffer.readline()))
    stream, *packets = MessageReader().feed(sys.stdin.buffer.read())
    if not isinstance(stream, StreamMessage) or os.getppid() != order.parent_pid:
        return os.EX_DATAERR
    try:
        size_px = write(order.path, stream, [p for p in packets if isinstance(p, PacketMessage)])
    except OSError:
        return os.EX_IOERR
    sys.stdout.write(json.dumps({"width_px": size_px[0], "height_px": size_px[1]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
