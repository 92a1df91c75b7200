"""How much the vault may hold and for how long, and what it says of an original it holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from detector.errors import InputError
from edge.box.settings import EvidenceSettings
from edge.vault.sealed_file import Header


@dataclass(frozen=True, slots=True)
class VaultLimits:
    """Room and time of the vault.

    Attributes:
        bytes_max: of sealed originals.
        reserve_bytes: left free on the file system for everything else on the box.
        days: an original that nobody wants kept is deleted after so many days; after twice as many when the server
            never answered.
    """

    bytes_max: int = 16 * 1024**3
    reserve_bytes: int = 512 * 1024**2
    days: int = 15

    def __post_init__(self) -> None:
        if self.bytes_max < 0 or self.reserve_bytes < 0 or self.days < 1:
            raise InputError(
                f"vault of {self.bytes_max} bytes, {self.reserve_bytes} in reserve, {self.days} days: "
                "the bytes must not be below 0, and the days not below 1"
            )

    @staticmethod
    def of(settings: EvidenceSettings) -> VaultLimits:
        """As `box.yaml` has them."""
        return VaultLimits(settings.originals_bytes_max, settings.disk_reserve_bytes, settings.originals_days)

    @property
    def life(self) -> timedelta:
        """`days`."""
        return timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class KeptOriginal:
    """One original as the index has it.

    Attributes:
        state: ``lost`` when somebody removed its file by hand.
        readable: its master key is there.
        kept_until: seconds of the UNIX epoch; `None` while no time was known yet, and after its end.
        kept_because: ``server``: a person confirmed the case, or holds it.
        wanted: a person at the server asks for it.
        ended_because: why it is no longer there, "" while it is.
    """

    header: Header
    sealed_bytes: int
    state: Literal["kept", "deleted", "lost"]
    readable: bool
    kept_until: float | None
    kept_because: Literal["new", "server"]
    wanted: bool
    released_at: float | None
    ended_at: float | None
    ended_because: str
