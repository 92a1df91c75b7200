"""One connection to a receiver: bytes to lines to fixes, each handed out as soon as its moment is over."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from typing import Final

from edge.gnss.reader import Heard
from edge.gnss.wires import Wire

_LINE_MAX_BYTES: Final = 65_536
_QUIET_S: Final = 0.15
"""A wire this quiet has said what it has to say of a moment; most receivers speak without pause until then."""
_QUIET_MAX_S: Final = 1.2
"""For receivers that pause in between: doubled up to this when more comes of a moment that was over."""
_USUAL: Final = 5
"""So many moments tell what a receiver says of each; one that lacks a sentence does not shorten the next."""
_BACK_IN_TIME_MAX: Final = 10
"""So many moments in a row before the last one: the receiver has set its clock back."""


class Listener:
    """Listens to one wire, for one thread.

    Attributes:
        word_s: when the last line that could be understood came (`time.monotonic`); when it began, before the first.
        fixes: heard so far.
    """

    def __init__(self, wire: Wire) -> None:
        self.word_s = time.monotonic()
        self.fixes = 0
        self._wire = wire
        self._reader = wire.reader
        self._rest = b""
        self._rest_s = self._byte_s = self.word_s
        self._bytes_since_word = 0
        self._quiet_s = _QUIET_S
        self._usual: deque[frozenset[str]] = deque(maxlen=_USUAL)
        self._behind = 0

    @property
    def words(self) -> int:
        """Lines understood."""
        return self._reader.words

    @property
    def satellites(self) -> int | None:
        """In use, when the receiver tells."""
        return self._reader.satellites

    @property
    def synthetic(self) -> bool:
        """Whether the positions are made up."""
        return self._reader.synthetic

    def hear(self) -> list[Heard]:
        """Fixes whose moments are over, waiting up to `edge.gnss.wires.TICK_S` for something to come.

        Raises:
            TransientError: the line is broken.
        """
        got = self._wire.read()
        now_s = time.monotonic()
        if got:
            self._byte_s = now_s
            before, behind = self._reader.words, self._reader.tally["out_of_order"]
            fixes = [heard for line, at_s in self._lines(got, now_s) for heard in self._feed(line, at_s)]
            self._note(len(got), before, now_s)
            self._mind_time(behind, bool(fixes))
        else:
            fixes = self._close_when_quiet(now_s)
        self.fixes += len(fixes)
        return fixes

    def _feed(self, line: bytes, at_s: float) -> list[Heard]:
        """Take a line; a moment is over when all has come of it that came of those before."""
        reader = self._reader
        moment, gathered = reader.moments, reader.gathered
        fixes = reader.feed(line, at_s)
        if reader.moments != moment and gathered:
            self._usual.append(gathered)
        if reader.late:
            self._usual.append(frozenset(reader.late))
            reader.late.clear()
            self._quiet_s = min(2.0 * self._quiet_s, _QUIET_MAX_S)
        if self._is_whole(reader.gathered):
            self._usual.append(reader.gathered)
            fixes += reader.flush()
        return fixes

    def _is_whole(self, gathered: frozenset[str]) -> bool:
        return bool(gathered) and len(self._usual) == _USUAL and all(gathered >= usual for usual in self._usual)

    def _close_when_quiet(self, now_s: float) -> list[Heard]:
        # A line that has begun will most likely go on.
        if now_s - self._byte_s < (_QUIET_MAX_S if self._rest else self._quiet_s) or not self._reader.gathered:
            return []
        self._usual.append(self._reader.gathered)
        return self._reader.flush()

    def why_wordless(self) -> str:
        """What a keeper should look at when no word has come for long."""
        return self._wire.why_wordless(self._bytes_since_word)

    def _lines(self, got: bytes, now_s: float) -> Iterator[tuple[bytes, float]]:
        """Whole lines, and when the first byte of each came."""
        begun_s = self._rest_s if self._rest else now_s
        *whole, rest = (self._rest + got).split(b"\n")
        self._rest = rest if len(rest) <= _LINE_MAX_BYTES else b""
        self._rest_s = now_s if whole else begun_s
        for line in whole:
            yield line, begun_s
            begun_s = now_s

    def _note(self, got_bytes: int, words_before: int, now_s: float) -> None:
        self._bytes_since_word += got_bytes
        if self._reader.words > words_before:
            self.word_s, self._bytes_since_word = now_s, 0

    def _mind_time(self, out_of_order_before: int, found: bool) -> None:
        self._behind = 0 if found else self._behind + self._reader.tally["out_of_order"] - out_of_order_before
        if self._behind >= _BACK_IN_TIME_MAX:
            self._behind = 0
            self._reader.forget_time()
