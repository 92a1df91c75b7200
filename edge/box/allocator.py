"""glibc's allocator, told what a box does: few threads, and pictures of megabytes that come and go all day.

By default glibc keeps freed pictures for the next one, in an arena for each thread, and what lies between them keeps
memory from being given back: the box took 30 MB more after a minute, and its growth could not be told from a leak.
"""

from __future__ import annotations

import ctypes
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_LARGE_BYTES: Final = 1024 * 1024


def give_back_early() -> bool:
    """Give large pieces back to the system as soon as they are free; False where the C library knows no such thing."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    # Set by hand, the thresholds also no longer grow by themselves (mallopt(3)).
    asked = [(_M_ARENA_MAX, 2), (_M_MMAP_THRESHOLD, _LARGE_BYTES), (_M_TRIM_THRESHOLD, _LARGE_BYTES)]
    return all(mallopt(parameter, value) == 1 for parameter, value in asked)
