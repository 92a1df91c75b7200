"""An unpacked pack, and what a box was told to run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from detector.pack.manifest import PackManifest
from detector.pack.signed import CheckedPack
from edge.fleet.state import GivenUp, Slot


@dataclass(frozen=True, slots=True)
class RunningPack:
    """An unpacked pack whose signature and hashes held a moment ago."""

    slot: Slot
    folder: Path
    manifest: PackManifest
    signer: str

    @staticmethod
    def of(slot: Slot, folder: Path, checked: CheckedPack) -> RunningPack:
        """The pack that was checked."""
        return RunningPack(slot, folder, checked.manifest, checked.signer.name)

    @property
    def version(self) -> str:
        """As the heartbeat tells it."""
        return self.slot.version

    @property
    def site(self) -> Path:
        """Its site folder."""
        return self.folder / "site"

    @property
    def model(self) -> Path:
        """Its model bundle."""
        return self.folder / "model"

    @property
    def golden(self) -> Path:
        """Its golden pictures."""
        return self.folder / "golden"

    @property
    def overrides(self) -> Path:
        """Its settings for boxes; need not be there."""
        return self.folder / "settings.yaml"


@dataclass(frozen=True, slots=True)
class StartDecision:
    """What a box runs now.

    Attributes:
        pack: `None` runs what the box's own settings name.
        start: number of this start on probation, from 1; 0 when the pack has proven itself.
        gave_up: the pack that was given up just now, if one was.
    """

    pack: RunningPack | None
    start: int = 0
    gave_up: GivenUp | None = None

    @property
    def on_probation(self) -> bool:
        """Whether the pack must still prove itself."""
        return self.start > 0
