"""When pictures would have come undisturbed, and what to do when the decoder falls behind.

A network that hangs for a second delivers a second of pictures at once. Placed by the moment they were read, they would
all lie where the vehicle was at the end of it: 5 m off at 20 km/h. The camera's own stamps tell how far apart they were
taken, so each gets the moment it would have come with the least delay seen lately.
"""

from __future__ import annotations

from typing import Final

_JUMP_S: Final = 5.0
"""A delay that changes by more is the camera's clock being set, or a stream that starts anew."""
_DRIFT: Final = 2e-4
"""How much the least delay may rise, seconds a second: cameras' clocks are off by up to 100 ppm, and so may ours be."""
_BEHIND_S: Final = 0.5
_FOR_S: Final = 2.0


class Arrivals:
    """Tells for each packet of one connection, in order, when it would have come undisturbed."""

    def __init__(self) -> None:
        self._delay_s: float | None = None
        self._at_s = 0.0

    def undisturbed_s(self, stamp_s: float | None, arrived_s: float) -> float:
        """The moment by `time.monotonic`, never after `arrived_s`.

        Args:
            stamp_s: the camera's own, seconds from any zero; `None` when it gives none.
            arrived_s: when the packet was read, by `time.monotonic`.
        """
        if stamp_s is None:
            return arrived_s
        delay_s, least_s = arrived_s - stamp_s, self._delay_s
        if least_s is None or abs(delay_s - least_s) > _JUMP_S:
            least_s = delay_s
        else:
            least_s = min(delay_s, least_s + _DRIFT * (arrived_s - self._at_s))
        self._delay_s, self._at_s = least_s, arrived_s
        return min(arrived_s, stamp_s + least_s)


class Skipping:
    """Leaves pictures out undecoded when the decoder cannot keep up, so that what it gives stays new.

    It goes from key frame to key frame until it has caught up. A short delay is decoded through: it is over sooner than
    the next key frame comes.
    """

    def __init__(self) -> None:
        self._since_s: float | None = None
        self._skips = False

    def skips(self, *, behind_s: float, now_s: float, is_key: bool) -> bool:
        """Whether this packet is left out; ask once for each, in order."""
        if behind_s < _BEHIND_S:
            self._since_s = None
        elif self._since_s is None:
            self._since_s = now_s
        if self._since_s is not None and now_s - self._since_s > _FOR_S:
            self._skips = True
        if is_key and self._since_s is None:
            self._skips = False
        return self._skips and not is_key
