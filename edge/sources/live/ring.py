"""The last seconds of a camera's compressed stream, bounded by bytes; what clips are cut from."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from edge.sources.live.messages import PacketMessage, StreamMessage


@dataclass(frozen=True, slots=True)
class KeptPacket:
    """A packet and the UTC its arrival was given when it came."""

    packet: PacketMessage
    captured_at: datetime


@dataclass(slots=True)
class _Group:
    """A key frame and what follows until the next: can be decoded without anything before."""

    run: int
    stream: StreamMessage
    packets: list[KeptPacket] = field(default_factory=list)
    bytes: int = 0

    @property
    def begins_at(self) -> datetime:
        return self.packets[0].captured_at

    @property
    def ends_at(self) -> datetime:
        return self.packets[-1].captured_at


@dataclass(frozen=True, slots=True)
class Cut:
    """Packets of one connection and one configuration, the first a key frame."""

    stream: StreamMessage
    packets: tuple[KeptPacket, ...]


class PacketRing:
    """Keeps whole groups of pictures and drops the oldest when they exceed the bound. Thread-safe.

    Args:
        bytes_max: bound of the packets' bytes; 0 keeps nothing. A group that alone exceeds it is dropped too.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._groups: deque[_Group] = deque()
        self._bytes = 0
        self._stream: StreamMessage | None = None
        self._run = 0
        self._open = False
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """What is kept now."""
        return self._bytes

    def begin(self, stream: StreamMessage | None) -> None:
        """A new connection (`None`) or configuration: nothing that comes is joined to what was kept before."""
        with self._lock:
            self._run += 1
            self._stream = stream
            self._open = False

    def add(self, packet: PacketMessage, captured_at: datetime) -> None:
        """Keep a packet; those before the first key frame are of no use and dropped."""
        with self._lock:
            if self._stream is None or not self._stream.codec or self._bytes_max == 0:
                return
            if packet.is_key:
                self._groups.append(_Group(self._run, self._stream))
                self._open = True
            if not self._open:
                return
            group = self._groups[-1]
            group.packets.append(KeptPacket(packet, captured_at))
            group.bytes += len(packet.data)
            self._bytes += len(packet.data)
            while self._bytes > self._bytes_max:
                self._bytes -= self._groups.popleft().bytes
                # The group that grows may be the one dropped: then nothing is kept until the next key frame.
                self._open = bool(self._groups)

    def cut(self, about: datetime, *, before_s: float, after_s: float) -> Cut | None:
        """Packets from the last key frame at or before `about - before_s` to `about + after_s`.

        Only groups that follow each other in one connection and one configuration are joined: those around the packet
        nearest to `about`. Less than was asked for comes out where the ring or the connection begins or ends.
        `None` when nothing within the span is kept.
        """
        begins_at, ends_at = about - timedelta(seconds=before_s), about + timedelta(seconds=after_s)
        with self._lock:
            groups = [g for g in self._groups if g.begins_at <= ends_at and g.ends_at >= begins_at]
            if not groups:
                return None
            run = min(groups, key=lambda g: _distance_s(g, about)).run
            joined = [g for g in self._groups if g.run == run and g.begins_at <= ends_at]
            while len(joined) > 1 and joined[1].begins_at <= begins_at:
                joined.pop(0)
            packets = tuple(p for g in joined for p in g.packets if p.captured_at <= ends_at)
        return Cut(joined[0].stream, packets) if packets else None


def _distance_s(group: _Group, about: datetime) -> float:
    """How far a moment lies outside a group."""
    return max((group.begins_at - about).total_seconds(), (about - group.ends_at).total_seconds(), 0.0)
