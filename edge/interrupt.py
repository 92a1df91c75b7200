"""Ctrl-C that is never lost.

Python raises KeyboardInterrupt wherever it happens to be; inside a callback from a decoder's C code it is printed and
forgotten, and the patrol would go on. So the signal only leaves a note, and the patrol looks at it between pictures.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class CtrlC:
    """Whether Ctrl-C was pressed; a second press interrupts at once, wherever the program is."""

    def __init__(self) -> None:
        self._pressed = False

    def note(self, number: int, frame: FrameType | None) -> None:
        """The signal handler."""
        if self._pressed:
            signal.default_int_handler(number, frame)
        self._pressed = True

    def check(self) -> None:
        """Raise KeyboardInterrupt when Ctrl-C was pressed since the last check."""
        if self._pressed:
            self._pressed = False
            raise KeyboardInterrupt


@contextmanager
def ctrl_c() -> Iterator[CtrlC]:
    """Take Ctrl-C as a note inside the block; outside the main thread it stays quiet."""
    noted = CtrlC()
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return
    before = signal.signal(signal.SIGINT, noted.note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)
