"""How long a camera's child has been silent, by the monotonic clock."""

from __future__ import annotations

from edge.sources.live.messages import Message, PacketMessage, PictureMessage
from edge.sources.live.patience import Patience


class Watchdog:
    """Listens to what a child says and tells when it must go. Seconds are those of `time.monotonic`."""

    def __init__(self, patience: Patience, now_s: float) -> None:
        self._patience = patience
        self._packet_s = self._picture_s = now_s
        self._first_s: float | None = None

    @property
    def good_s(self) -> float:
        """For how long pictures have come."""
        return 0.0 if self._first_s is None else self._picture_s - self._first_s

    def heard(self, message: Message, now_s: float) -> None:
        """Note a sign of life."""
        match message:
            case PictureMessage():
                self._packet_s = self._picture_s = now_s
                self._first_s = now_s if self._first_s is None else self._first_s
            case PacketMessage():
                self._packet_s = now_s
            case _:
                pass

    def left_s(self, now_s: float) -> float:
        """How much longer the child may be silent."""
        by_picture_s = self._picture_s + self._patience.first_s - now_s
        by_packet_s = self._packet_s + self._patience.stall_s - now_s
        return max(0.0, by_picture_s if self._first_s is None else min(by_picture_s, by_packet_s))

    def silence(self, now_s: float) -> str:
        """Why the child must go; "" while it may stay."""
        if self.left_s(now_s) > 0:
            return ""
        if self._first_s is None:
            return f"no picture within {self._patience.first_s:g} s: the camera does not answer"
        if now_s - self._packet_s >= self._patience.stall_s:
            return f"nothing came for {self._patience.stall_s:g} s: the camera or its network hangs"
        return f"only damaged pictures for {self._patience.first_s:g} s"
