"""The bytes of one evidence file, chunk by chunk, as far as the link's rules let them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import file_digest
from typing import Final

from detector.errors import TransientError
from edge import tus
from edge.parcels import FileJob, Load
from edge.uplink.limits import Limits
from edge.uplink.pace import Pace
from edge.wire import ServerClient, TooLarge

CHUNK_OVERHEAD_BYTES: Final = 2 * 1024
"""Heads of a PATCH and of its answer, and what TCP adds, on the safe side, for a chunk of `Pace.chunk_min_bytes`."""
_OVERHEAD_SHARE: Final = 1.05
"""TCP, IP and TLS on top of a large chunk, see `edge.wire_bytes`."""


class Paused(TransientError):
    """The file waits for something more urgent, for tomorrow's bytes or for a better link; nothing went wrong."""


@dataclass(slots=True)
class Offset:
    """Where an upload stands; `moved` once this run brought it on, `refused_bytes`: the chunk that was too large."""

    bytes: int
    moved: bool = False
    refused_bytes: int | None = None

    def advance(self, to_bytes: int) -> None:
        """The server stands at this byte now."""
        self.moved = self.moved or to_bytes > self.bytes
        self.bytes = to_bytes


class FileSender:
    """Sends the bytes of files; remembers how large a chunk the server takes."""

    def __init__(self, client: ServerClient, pace: Pace, limits: Limits) -> None:
        self._client = client
        self._pace = pace
        self._limits = limits

    def at_smallest(self, at: Offset) -> bool:
        """Whether a smaller chunk could not help either."""
        return at.refused_bytes is None or at.refused_bytes <= self._pace.chunk_min_bytes

    def send_bytes(self, job: FileJob, url: str, at: Offset, moved: Callable[[], None]) -> None:
        """Send from the offset to the end; `moved` is called after every chunk.

        Raises:
            Paused: not to the end.
            TransientError, PermanentError: see `edge.tus`.
        """
        try:
            with job.path.open("rb") as file:
                while at.bytes < job.size_bytes:
                    chunk_bytes = self.chunk_bytes(Load.CLIPS if job.path.suffix == ".mp4" else Load.STILLS)
                    file.seek(at.bytes)
                    chunk = file.read(chunk_bytes)
                    if not chunk:
                        raise tus.ChecksumMismatch(f"{job.path} is shorter than the {job.size_bytes} bytes it had")
                    self.append(url, at, chunk)
                    moved()
        except FileNotFoundError:
            raise tus.ChecksumMismatch(f"{job.path} was removed by hand: put it back") from None

    def append(self, url: str, at: Offset, chunk: bytes) -> None:
        """Send one chunk.

        Raises:
            TransientError, PermanentError: see `edge.tus`.
        """
        try:
            at.advance(tus.append(self._client, url, at.bytes, chunk))
        except TooLarge:
            at.refused_bytes = len(chunk)
            self._smaller_than(len(chunk))
            raise

    def _smaller_than(self, refused_bytes: int) -> None:
        chunk_bytes = self._pace.chunk_bytes
        while chunk_bytes >= refused_bytes and chunk_bytes > self._pace.chunk_min_bytes:
            chunk_bytes = max(chunk_bytes // 2, self._pace.chunk_min_bytes)
        self._pace = replace(self._pace, chunk_bytes=chunk_bytes)

    def chunk_bytes(self, load: Load) -> int:
        """Bytes that may go now.

        Raises:
            Paused: none.
        """
        if self._limits.interrupt() or self._limits.heaviest() < load:
            raise Paused("something more urgent comes first; the upload goes on at this byte")
        room_bytes = self._limits.room_bytes(load)
        if room_bytes is None:
            return self._pace.chunk_bytes
        room_bytes = int((room_bytes - CHUNK_OVERHEAD_BYTES) / _OVERHEAD_SHARE)
        if room_bytes < self._pace.chunk_min_bytes:
            raise Paused("today's bytes are used up; the upload goes on at this byte")
        return min(self._pace.chunk_bytes, room_bytes)


def is_whole(job: FileJob) -> bool:
    """Whether the file here still is what its name says."""
    try:
        with job.path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest() == job.sha256
    except FileNotFoundError:
        return False
