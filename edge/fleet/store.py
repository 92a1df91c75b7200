"""The packs of one box: which one runs, how a new one is tried, and how the box comes back from a bad one.

::

    switch_to     new pack is current, the proven one is previous, probation begins      (one write of state.json)
    begin_start   counts the start before anything heavy; the 4th that nobody survived takes the pack back
    alive         once a minute: slow, blind or replaced?  Or is probation over?
    give_up       current failed: previous is current again, the failed one is remembered

Nothing is ever switched half-way: `state.json` alone decides, its packs are on the disk before it names them, and
what it no longer names is removed after it was written. A power cut at any point leaves the state before or after.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import structlog

from detector.errors import KerbwatchError, PackError
from detector.pack.signed import CheckedPack, check_folder, pack_trust
from edge.fleet.places import Places
from edge.fleet.running import RunningPack, StartDecision
from edge.fleet.signs import Fault, Signs, blind, learned, too_slow
from edge.fleet.state import FleetState, GivenUp, Reason, Slot, Trial, load_state, save_state

if TYPE_CHECKING:
    from detector.model.signers import Trust
    from detector.model.yolo import Detector
    from edge.box.settings import BoxSettings

STARTS_MAX: Final = 3
"""Starts on probation that may die in their first minutes."""
SURVIVED_S: Final = 180.0
"""A start that lived so long did not crash at once."""
SLOW_MINUTES: Final = 5
"""Told to be too slow so often one after the other, a pack is too slow: a busy minute is not."""
_LEARN_EVERY_S: Final = 600.0

log = structlog.get_logger("packs")


class PackStore:
    """See the module's docstring. `alive`, `prove` and `give_up` belong to the thread that called `begin_start`; the
    others may be called from any, and any number of processes may have a store."""

    def __init__(
        self, places: Places, trust: Trust, *, probation_s: float, now: Callable[[], datetime] | None = None
    ) -> None:
        self.places = places
        self.trust = trust
        self._probation_s = probation_s
        self._now = now or (lambda: datetime.now(UTC))
        self._running: RunningPack | None = None
        self._stands_in = False
        self._began_s = self._told_s = self._learned_s = time.monotonic()
        self._slow = 0

    @classmethod
    def open(cls, settings: BoxSettings, *, now: Callable[[], datetime] | None = None) -> PackStore:
        """The packs of a box.

        Args:
            now: UTC for what is remembered; nothing is decided by it.

        Raises:
            InputError: the state folder cannot be made, or a key in `trust` is none.
            TransientError: the disk is full.
        """
        trust = pack_trust(settings.trust)
        return cls(Places(settings.state), trust, probation_s=settings.fleet.probation_s, now=now)

    @property
    def running(self) -> RunningPack | None:
        """The pack that `begin_start` chose."""
        return self._running

    def state(self) -> FleetState:
        """What is remembered; nothing on a new box, or when the disk lost both copies of it."""
        return load_state(self.places.root) or FleetState()

    def begin_start(self) -> StartDecision:
        """Decide what runs, before anything heavy is opened; on probation the start is counted first, durably.

        Never fails for a pack's sake: what is damaged or keeps dying gives way to what ran before it, and in the end
        to the box's own settings.

        Raises:
            TransientError: another process held the state for 20 s.
        """
        with self.places.locked():
            state, gave_up = self.state(), None
            if state.current is not None and state.trial is not None and state.trial.starts >= STARTS_MAX:
                detail = f"{state.trial.starts} starts ended within {SURVIVED_S:.0f} s"
                state, gave_up = self._without(state, state.current, Fault("crash_loop", detail))
            pack, state, damaged = self._first_whole(state)
            gave_up = damaged or gave_up
            start, self._stands_in = 0, False
            if pack is not None and state.trial is not None:
                start = state.trial.starts + 1
                counted = state.tried(state.trial.model_copy(update={"starts": start}))
                if not self._try_save(counted):
                    # A start that is not counted would be repeated for ever: the proven pack stands in for this one.
                    pack, start, self._stands_in = self._proven(state), 0, True
            elif gave_up is not None:
                self._try_save(state)
            self._sweep(state)
        self._running = pack
        self._began_s = self._told_s = self._learned_s = time.monotonic()
        self._slow = 0
        return StartDecision(pack, start, gave_up)

    def stopped(self) -> None:
        """A box that is told to stop did not crash: its start on probation does not count."""
        with self.places.locked():
            state = self.state()
            if self._is_running(state) and state.trial is not None and state.trial.starts > 0:
                trial = state.trial.model_copy(update={"starts": state.trial.starts - 1})
                self._try_save(state.tried(trial))

    def alive(self, signs: Signs) -> bool:
        """Tell how the box does, about once a minute; True when it must end and start again, with another pack.

        Raises:
            TransientError: another process held the state for 20 s.
        """
        if self._stands_in:
            return False
        with self.places.locked():
            state = self.state()
            if not self._is_running(state):
                return True
            at_s = time.monotonic()
            lived_s, self._told_s = at_s - self._told_s, at_s
            if self._running is None or state.trial is None:
                self._learn(state, signs, at_s)
                return False
            fault = self._fault(self._running, state, signs)
            if fault is not None:
                return self._restart_without(state, fault)
            self._survived(state, state.trial, lived_s, signs)
            return False

    def prove(self, detector: Detector) -> bool:
        """Look for the golden clip with the box's own open detector, on probation; True when the box must restart.

        Raises:
            TransientError: another process held the state for 20 s.
        """
        from detector.pack.golden import misses

        pack = self._running
        if pack is None or self._stands_in or self.state().trial is None:
            return False
        try:
            missed = misses(detector, pack.golden, clip_only=True)
        except KerbwatchError as error:
            return self.give_up(Fault("golden_clip", str(error)))
        if not missed:
            return False
        return self.give_up(Fault("golden_clip", f"{len(missed)} missed, first {missed[0]}"))

    def give_up(self, fault: Fault) -> bool:
        """Go back to the pack before, if the one that runs here is still the current one; True: restart.

        Raises:
            TransientError: another process held the state for 20 s.
        """
        with self.places.locked():
            state = self.state()
            return self._restart_without(state, fault) if self._is_running(state) else True

    def switch_to(self, slot: Slot) -> None:
        """Make an unpacked pack the current one, on probation; its folder is on the disk for good by now.

        Raises:
            TransientError, InputError: the state could not be written; the box goes on as it was.
        """
        with self.places.locked():
            save_state(self.places.root, self.state().switched_to(slot))

    def roll_back(self) -> FleetState:
        """Go back to the pack before at a person's word; a box that runs restarts within a minute.

        Raises:
            PackError: the box runs on its own settings already.
            TransientError, InputError: the state could not be written.
        """
        with self.places.locked():
            state = self.state()
            if state.current is None:
                raise PackError("no pack is in use: the box runs on its own settings already")
            state, _ = self._without(state, state.current, Fault("by_hand", ""))
            save_state(self.places.root, state)
        return state

    def remember(self, version: str, sha256: str, fault: Fault) -> None:
        """Remember a pack that failed before it was switched to, so that it is not fetched again.

        Raises:
            TransientError, InputError: it could not be written.
        """
        with self.places.locked():
            save_state(self.places.root, self.state().remembering(self._entry(version, sha256, fault)))

    def _is_running(self, state: FleetState) -> bool:
        return state.current == (self._running.slot if self._running else None)

    def _first_whole(self, state: FleetState) -> tuple[RunningPack | None, FleetState, GivenUp | None]:
        """The first of current and previous whose bytes are as they were signed."""
        first_fault: GivenUp | None = None
        while state.current is not None:
            slot = state.current
            try:
                return self._whole(slot), state, first_fault
            except PackError as error:
                state, fault = self._without(state, slot, Fault("damaged", str(error)))
                first_fault = first_fault or fault
        return None, state, first_fault

    def _whole(self, slot: Slot) -> RunningPack:
        folder = self.places.of(slot)
        checked: CheckedPack = check_folder(folder, self.trust)
        if checked.sums_sha256 != slot.sums_sha256:
            raise PackError(f"{folder} holds another pack than was installed: install it again")
        return RunningPack.of(slot, folder, checked)

    def _proven(self, state: FleetState) -> RunningPack | None:
        before = state.model_copy(update={"current": state.previous, "previous": None, "trial": None})
        return self._first_whole(before)[0]

    def _without(self, state: FleetState, slot: Slot, fault: Fault) -> tuple[FleetState, GivenUp]:
        entry = self._entry(slot.version, slot.sha256, fault)
        return state.without_current(entry), entry

    def _entry(self, version: str, sha256: str, fault: Fault) -> GivenUp:
        reason: Reason = fault.reason
        return GivenUp(version=version, sha256=sha256, reason=reason, detail=fault.detail[:500], at=self._now())

    def _restart_without(self, state: FleetState, fault: Fault) -> bool:
        if state.current is None:
            return False
        state, entry = self._without(state, state.current, fault)
        log.error("a pack is given up", version=entry.version, reason=entry.reason, detail=entry.detail)
        # Not written, the pack would come back at the next start and be found at fault again: still a restart.
        self._try_save(state)
        return True

    def _fault(self, pack: RunningPack, state: FleetState, signs: Signs) -> Fault | None:
        slow = too_slow(signs, state.proven, pack.manifest.limits)
        self._slow = self._slow + 1 if slow else 0
        return blind(signs, state.proven) or (slow if self._slow >= SLOW_MINUTES else None)

    def _survived(self, state: FleetState, trial: Trial, lived_s: float, signs: Signs) -> None:
        survived_s = trial.survived_s + lived_s
        if survived_s >= self._probation_s and not self._slow:
            log.info("a pack has proven itself", version=state.current.version if state.current else "")
            self._try_save(state.settled(learned(signs, state.proven)))
            return
        starts = 0 if time.monotonic() - self._began_s >= SURVIVED_S else trial.starts
        self._try_save(state.tried(Trial(starts=starts, survived_s=survived_s)))

    def _learn(self, state: FleetState, signs: Signs, at_s: float) -> None:
        if at_s - self._learned_s < _LEARN_EVERY_S:
            return
        self._learned_s = at_s
        self._try_save(state.settled(learned(signs, state.proven)))

    def _try_save(self, state: FleetState) -> bool:
        try:
            save_state(self.places.root, state)
        except KerbwatchError as error:
            log.warning("what packs run cannot be written", why=str(error))
            return False
        return True

    def _sweep(self, state: FleetState) -> None:
        try:
            self.places.sweep((state.current, state.previous))
        except (OSError, KerbwatchError) as error:
            log.warning("old packs cannot be removed", why=str(error))
