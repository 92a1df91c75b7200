"""What a box remembers of its packs, in one small file that is written whole or not at all.

The file is written twice, `state.json` and then `state.copy.json`, each with a hash of itself: a file that the disk
damaged is told from a whole one, and the copy, which is at most one step older, takes its place. Every state that was
ever written leaves a box that can run, so an older one does too.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detector.heartbeat import Count, Version
from detector.pack.version import version_key
from detector.report import Sha256, Utc
from edge.durable import write_atomic

STATE: Final = "state.json"
COPY: Final = "state.copy.json"
_MAX_BYTES: Final = 1024 * 1024
_FAILED_MAX: Final = 50

Reason = Literal["self_test", "crash_loop", "golden_clip", "slow", "blind", "by_hand", "damaged"]
"""Why a pack was given up: its self-test; starts that did not survive; the golden clip; seconds per look; a camera that
shows pictures in which nothing is found any more; a person; its bytes on the disk, which is not the pack's fault."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Slot(_Part):
    """A pack by name and bytes.

    Attributes:
        sha256: of its archive.
        sums_sha256: of its list of hashes: what the folder on the disk is held against.
    """

    version: Version
    sha256: Sha256
    sums_sha256: Sha256

    @property
    def folder(self) -> str:
        """Name of its folder."""
        return f"{self.version}-{self.sha256[:12]}"


class GivenUp(_Part):
    """A pack that did not do."""

    version: Version
    sha256: Sha256
    reason: Reason
    detail: Annotated[str, Field(max_length=500)] = ""
    at: Utc


class CameraTotals(_Part):
    """What a camera gave in one run: looks of the network, and boxes found in them."""

    looks: Count
    found: Count


class Trial(_Part):
    """How a new pack does on probation.

    Attributes:
        starts: begun since the last one that lived through the first minutes; counted before anything heavy begins.
        survived_s: time it ran, over all its starts.
    """

    starts: Count = 0
    survived_s: Annotated[float, Field(ge=0)] = 0.0


class Proven(_Part):
    """What the pack in use does when all is well; a new one is held against it."""

    seconds_per_look: float | None = None
    cameras: dict[str, CameraTotals] = {}


class FleetState(_Part):
    """The whole file. `current` and `previous` are `None` for the box's own settings.

    Invariant: without `trial` the current pack has proven itself; with it, `previous` is the last that did.
    """

    current: Slot | None = None
    previous: Slot | None = None
    trial: Trial | None = None
    newest: Slot | None = None
    """The newest that was ever switched to: nothing older is taken from afar."""
    given_up: tuple[GivenUp, ...] = ()
    """Newest last."""
    proven: Proven = Proven()

    def remembering(self, entry: GivenUp) -> FleetState:
        """The state that remembers a failed pack; one entry for each file."""
        others = tuple(known for known in self.given_up if known.sha256 != entry.sha256)
        return self.model_copy(update={"given_up": (*others, entry)[-_FAILED_MAX:]})

    def without_current(self, entry: GivenUp) -> FleetState:
        """The state in which the current pack was given up and what ran before it is current again."""
        back = {"current": self.previous, "previous": None, "trial": None}
        return self.remembering(entry).model_copy(update=back)

    def switched_to(self, slot: Slot) -> FleetState:
        """The state in which a new pack is on probation.

        The last proven pack stays as `previous`: a pack that is itself on probation is none to come back to.
        """
        previous = self.current if self.trial is None else self.previous
        known = self.newest
        newer = known is None or version_key(slot.version) > version_key(known.version)
        update = {"current": slot, "previous": previous, "trial": Trial(), "newest": slot if newer else known}
        return self.model_copy(update=update)

    def tried(self, trial: Trial) -> FleetState:
        """The state with another count of the trial."""
        return self.model_copy(update={"trial": trial})

    def settled(self, proven: Proven) -> FleetState:
        """The state in which the current pack has proven itself, and usually gives so much."""
        return self.model_copy(update={"trial": None, "proven": proven})

    def failure_of(self, sha256: str) -> GivenUp | None:
        """Why this very file was given up, if it was; damage of the disk does not count against it."""
        found = [entry for entry in self.given_up if entry.sha256 == sha256 and entry.reason != "damaged"]
        return found[0] if found else None


def load_state(folder: Path) -> FleetState | None:
    """What was last written; `None` when there is nothing, or nothing whole."""
    for name in (STATE, COPY):
        state = _read(folder / name)
        if state is not None:
            return state
    return None


def save_state(folder: Path, state: FleetState) -> None:
    """Keep a state; it is on the disk when this returns.

    Raises:
        TransientError: the disk is full; the state before still stands.
        InputError: the folder may not be written.
    """
    body = state.model_dump_json()
    data = json.dumps({"sha256": hashlib.sha256(body.encode()).hexdigest(), "state": body}).encode()
    write_atomic(folder / STATE, data, mode=0o600)
    write_atomic(folder / COPY, data, mode=0o600)


def _read(path: Path) -> FleetState | None:
    try:
        with path.open("rb") as file:
            raw = json.loads(file.read(_MAX_BYTES))
        body = raw["state"]
        if hashlib.sha256(body.encode()).hexdigest() != raw["sha256"]:
            return None
        return FleetState.model_validate_json(body)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError):
        return None
