"""Checking a pack at a desk as a box would, without a box."""

from __future__ import annotations

import tempfile
from pathlib import Path

from detector.errors import PackError
from detector.model.signers import read_signer, shipped_trust
from detector.pack.manifest import PackManifest
from detector.pack.signed import CheckedPack, check_archive, pack_trust
from detector.site.load import check_site
from edge.box.settings import BoxSettings
from edge.fleet.install import check_for_box
from edge.fleet.overrides import read_overrides
from edge.fleet.running import RunningPack
from edge.fleet.state import Slot
from edge.fleet.trial import Candidate, Task, TrialResult, judge, run_apart
from edge.fleet.unpack import unpack


def check_pack(
    file: Path, box: BoxSettings | None, trust: tuple[Path, ...], against: Path | None
) -> tuple[CheckedPack, TrialResult]:
    """All that a box does before it switches.

    Args:
        box: a box's settings; `None` checks no cameras and no values of settings.
        trust: public keys that may sign packs, beside those of the box.
        against: model bundle that the speed is held against; default: the box's own.

    Raises:
        PackError: the first thing wrong.
    """
    keys = (*trust, *(box.trust if box else ()))
    signers = pack_trust(keys)
    if not signers.signers:
        raise PackError("nobody is trusted to sign packs: give --trust KEY.pub, or --box BOX with `trust` in it")
    checked = check_archive(file, signers)
    with tempfile.TemporaryDirectory(prefix="kerbwatch-pack-") as scratch:
        folder = unpack(checked, Path(scratch))
        pack = RunningPack.of(_slot(checked), folder, checked)
        if box is not None:
            check_for_box(pack, box)
        else:
            problems = check_site(pack.site)
            if problems:
                raise PackError(f"its site has {len(problems)} problems, first {problems[0]}")
            read_overrides(pack.overrides)
        result = run_apart(_task(pack, checked.manifest, box, keys, against))
    fault = judge(result, checked.manifest.limits)
    if fault is not None:
        raise PackError(f"{file}: version {pack.version} does not do here ({fault.reason}): {fault.detail}")
    return checked, result


def _task(
    pack: RunningPack, manifest: PackManifest, box: BoxSettings | None, keys: tuple[Path, ...], against: Path | None
) -> Task:
    old_model = against or (box.model if box else None)
    old_site = box.site if box else pack.site
    return Task(
        new=Candidate(model=pack.model, site=pack.site),
        old=Candidate(model=old_model, site=old_site) if old_model is not None else None,
        golden=pack.golden,
        limits=manifest.limits,
        trust=(*shipped_trust().signers, *map(read_signer, keys)),
        threads=box.threads if box else 1,
        backend=box.backend if box else "onnxruntime",
    )


def _slot(checked: CheckedPack) -> Slot:
    return Slot(version=checked.manifest.version, sha256=checked.sha256, sums_sha256=checked.sums_sha256)
