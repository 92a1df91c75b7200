"""Small fleet packs for the fault table, and a box that installs, proves, replaces and leaves them.

The packs hold the demonstration's site and a made-up model file: what is tried here is the way of the bytes and of the
switch. The self-test is therefore answered "passed"; that it runs, and in a child, is tested elsewhere.

Run as a program it does the whole life of a box's packs once and says aloud what is done::

    python -m benchmarks.fault_table.pack_workload FOLDER
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.fault_table.workload import acknowledge
from benchmarks.paths import ROOT
from detector.model.signers import Signer
from detector.pack.manifest import MANIFEST, PackManifest
from detector.pack.signed import sign_files
from detector.signing import SigningKey
from edge.box.settings import BoxSettings
from edge.fleet.install import install
from edge.fleet.signs import Signs
from edge.fleet.state import Proven, save_state
from edge.fleet.store import PackStore
from edge.fleet.trial import Task, TrialResult

SITE: Final = ROOT / "edge" / "demo_site"
VERSIONS: Final = ("1.0", "1.1", "1.2")
LIFE: Final[tuple[str | None, ...]] = (None, "1.0", "1.1", "1.2", "1.1")
"""The current pack after so many things that `live` said are done."""
_MADE_AT: Final = datetime(2026, 5, 18, tzinfo=UTC)


def pack_bytes(version: str, key: SigningKey, *, model_bytes: int = 30_000) -> bytes:
    """The file of a small pack."""
    manifest = PackManifest(version=version, made_at=_MADE_AT, site_name="demo", model_name="none")
    files = {MANIFEST: manifest.to_bytes(), "model/model.onnx": random.Random(version).randbytes(model_bytes)}
    for path in SITE.rglob("*"):
        if path.is_file():
            files[f"site/{path.relative_to(SITE).as_posix()}"] = path.read_bytes()
    return sign_files(files, key)


def prepare(folder: Path, key: SigningKey, versions: tuple[str, ...] = VERSIONS) -> None:
    """Lay packs and the public key into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "city.pub").write_text(Signer.of(key, "city", "packs").to_text(), encoding="utf-8")
    for version in versions:
        (folder / f"{version}.kwpack").write_bytes(pack_bytes(version, key))


def box(folder: Path, state: Path) -> BoxSettings:
    """Settings of a box that trusts the key in a folder."""
    values = {
        "state": state,
        "site": SITE,
        "trust": (folder / "city.pub",),
        "cameras": ({"camera_id": "ebike-front", "address": "/dev/video0"},),
        "page": None,
    }
    return BoxSettings.model_validate(values)


def passed(task: Task) -> TrialResult:
    """The answer of a self-test that went well."""
    del task
    return TrialResult(seconds_per_look=0.1, old_seconds_per_look=0.1)


def put(settings: BoxSettings, file: Path) -> None:
    """Install a pack."""
    install(file, PackStore.open(settings), settings, try_out=passed)


def settle(settings: BoxSettings) -> None:
    """Start the box, and let its pack prove itself."""
    store = PackStore.open(settings)
    store.begin_start()
    store.alive(Signs())
    save_state(store.places.root, store.state().settled(Proven()))


def live(folder: Path, say: Callable[[str], None]) -> None:
    """Live once through everything; a word for each thing that is done for good."""
    settings = box(folder, folder / "state")
    for version in VERSIONS:
        put(settings, folder / f"{version}.kwpack")
        say(version)
        if version != VERSIONS[-1]:
            settle(settings)
    PackStore.open(settings).roll_back()
    say("back")


def main() -> int:
    """Live, and say it on standard output, by the call that `benchmarks.fault_table.recorded` hears."""
    live(Path(sys.argv[1]), acknowledge)
    return 0


if __name__ == "__main__":
    sys.exit(main())
