"""From a pack's file to the pack in use: every check in order, then one switch.

signature, hashes, manifest | is it newer, meant for this box and this software | unpack | site, cameras, settings |
self-test in a process of its own, against what runs now | switch

Whatever fails, the box goes on with what it has. A pack that failed for a reason that lies in the pack is remembered.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from detector.errors import KerbwatchError, PackError
from detector.model.signers import read_signer
from detector.pack.signed import CheckedPack, check_archive, check_folder
from detector.pack.version import version_key
from detector.site.load import check_site, load_site
from edge.box.settings import BoxSettings
from edge.fleet.overrides import effective
from edge.fleet.places import remove
from edge.fleet.running import RunningPack
from edge.fleet.signs import Fault
from edge.fleet.state import FleetState, Slot
from edge.fleet.store import PackStore
from edge.fleet.trial import Candidate, Task, TrialResult, judge, run_apart
from edge.fleet.unpack import put_in_place, unpack


class PackFailed(PackError):
    """A pack did not pass its self-test on this box; it is remembered and not tried again."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A pack that is now the current one.

    Attributes:
        again: it was the current one before; nothing was changed.
        result: of its self-test; `None` when it was not tested again.
    """

    pack: RunningPack
    again: bool = False
    result: TrialResult | None = None


def install(
    file: Path,
    store: PackStore,
    settings: BoxSettings,
    *,
    device_id: str | None = None,
    allow_older: bool = False,
    default_model: Path | None = None,
    try_out: Callable[[Task], TrialResult] = run_apart,
    beat: Callable[[], None] = lambda: None,
) -> Installed:
    """Check a pack's file, unpack it, try it and switch to it.

    Args:
        settings: the box's own, without any pack.
        device_id: of this box; `None` skips the pack's list of devices.
        allow_older: a person at the box wants an older version.
        default_model: bundle that a box without `settings.model` and without a pack runs.
        try_out: runs the self-test.
        beat: called now and then, for a watchdog that must not think that this thread died.

    Raises:
        PackFailed: the site in it is no good, or the self-test failed; remembered.
        PackError: not whole, not trusted, not for this box, or not newer.
        TransientError: the disk is full, or another process installs.
    """
    checked = check_archive(file, store.trust)
    beat()
    slot = Slot(version=checked.manifest.version, sha256=checked.sha256, sums_sha256=checked.sums_sha256)
    state = store.state()
    if state.current == slot:
        return Installed(RunningPack.of(slot, store.places.of(slot), checked), again=True)
    check_version(state, slot.version, slot.sha256, allow_older=allow_older)
    _check_meant(checked, device_id)
    with store.places.installing() as alone:
        if not alone:
            raise PackError(f"{store.places.root}: another pack is being installed: try again when it is done")
        folder = unpack(checked, store.places.root, beat)
        try:
            pack = RunningPack.of(slot, folder, checked)
            result = _tried(pack, store, settings, default_model, try_out)
            _switch(store, slot, folder, allow_older=allow_older)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return Installed(RunningPack.of(slot, store.places.of(slot), checked), result=result)


def check_version(state: FleetState, version: str, sha256: str, *, allow_older: bool = False) -> None:
    """See that a box may take a version: nothing older, no other bytes under a known version, nothing that failed.

    Raises:
        PackError: names which of them, and what to do.
    """
    key = version_key(version)
    known = [slot for slot in (state.current, state.previous, state.newest) if slot is not None]
    for other_version, other_sha256 in [(k.version, k.sha256) for k in (*known, *state.given_up)]:
        if version_key(other_version) == key and other_sha256 != sha256:
            raise PackError(
                f"version {version} is known here with other bytes ({other_sha256[:12]}, this one {sha256[:12]}): "
                "give the new pack a version of its own"
            )
    failed = state.failure_of(sha256)
    if failed is not None and not allow_older:
        raise PackError(
            f"version {version} was given up on this box ({': '.join(filter(None, (failed.reason, failed.detail)))}): "
            "build a new version, or take it all the same with --allow-older"
        )
    newest = state.newest
    if newest is not None and key < version_key(newest.version) and not allow_older:
        raise PackError(
            f"version {version} is older than {newest.version}, which ran here: build it again under a newer version, "
            "or take it at the box with --allow-older"
        )


def _check_meant(checked: CheckedPack, device_id: str | None) -> None:
    manifest = checked.manifest
    if manifest.devices and device_id is not None and device_id not in manifest.devices:
        raise PackError(f"{checked.path}: version {manifest.version} names {len(manifest.devices)} boxes, not this one")
    here = _software()
    if manifest.needs_software and here and version_key(here) < version_key(manifest.needs_software):
        raise PackError(
            f"{checked.path}: version {manifest.version} needs Kerbwatch {manifest.needs_software}, this is {here}: "
            "update the box first"
        )


def _software() -> str:
    """Numbers of this version; "" in a checkout, which is as new as it gets."""
    try:
        found = re.match(r"[0-9]+(\.[0-9]+){0,3}", version("kerbwatch"))
    except PackageNotFoundError:
        return ""
    return found[0] if found else ""


def _tried(
    pack: RunningPack,
    store: PackStore,
    settings: BoxSettings,
    default_model: Path | None,
    try_out: Callable[[Task], TrialResult],
) -> TrialResult:
    """Site, settings and self-test of an unpacked pack."""
    try:
        check_for_box(pack, settings)
        old = _in_use(store, settings)
        old_model = old.model or default_model
        against = Candidate(model=old_model, site=old.site) if old_model is not None else None
        task = trial_of(pack, settings, against)
    except PackError as error:
        raise _failed(store, pack, Fault("self_test", str(error))) from error
    result = try_out(task)
    fault = judge(result, pack.manifest.limits)
    if fault is not None:
        raise _failed(store, pack, fault)
    return result


def trial_of(pack: RunningPack, settings: BoxSettings, against: Candidate | None) -> Task:
    """The self-test of an unpacked pack on this box."""
    return Task(
        new=Candidate(model=pack.model, site=pack.site),
        old=against,
        golden=pack.golden,
        limits=pack.manifest.limits,
        trust=tuple(read_signer(path) for path in settings.trust),
        threads=settings.threads,
        backend=settings.backend,
    )


def check_for_box(pack: RunningPack, settings: BoxSettings) -> None:
    """See that an unpacked pack's site and settings fit a box.

    Raises:
        PackError: something is wrong in the site, it knows not all of the box's cameras, or a setting may not be set.
    """
    problems = check_site(pack.site)
    if problems:
        raise PackError(f"its site has {len(problems)} problems, first {problems[0]}")
    cameras = load_site(pack.site).cameras
    for camera in settings.cameras:
        if camera.camera_id not in cameras:
            known = ", ".join(sorted(cameras)) or "none"
            raise PackError(f"its site knows no camera {camera.camera_id!r} of this box; it knows {known}")
    effective(settings, pack)


def _in_use(store: PackStore, settings: BoxSettings) -> BoxSettings:
    """Settings with the model that the box runs now."""
    current = store.state().current
    if current is None:
        return settings
    folder = store.places.of(current)
    return settings.model_copy(update={"model": folder / "model", "site": folder / "site"})


def _failed(store: PackStore, pack: RunningPack, fault: Fault) -> PackFailed:
    failed = PackFailed(f"version {pack.version} does not do on this box ({fault.reason}): {fault.detail}")
    try:
        store.remember(pack.version, pack.slot.sha256, fault)
    except KerbwatchError as error:
        failed.add_note(f"and that cannot be remembered: {error}")
    return failed


def _switch(store: PackStore, slot: Slot, folder: Path, *, allow_older: bool) -> None:
    state = store.state()
    check_version(state, slot.version, slot.sha256, allow_older=allow_older)
    final = store.places.of(slot)
    # Left by a pack that was given up, or damaged meanwhile.
    if final.exists() and not (slot == state.previous and _is_whole(final, store)):
        remove(final)
    if not final.exists():
        put_in_place(folder, final)
    store.switch_to(slot)


def _is_whole(folder: Path, store: PackStore) -> bool:
    try:
        check_folder(folder, store.trust)
    except PackError:
        return False
    return True
