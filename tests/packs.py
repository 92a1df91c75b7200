"""Small fleet packs for tests: the demonstration's site, and a network that sees one bicycle in everything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from detector.model.signers import Signer, Trust
from detector.pack.manifest import MANIFEST, PackManifest, parse_manifest
from detector.pack.signed import sign_files
from detector.signing import SigningKey
from edge.box.settings import BoxSettings
from edge.fleet.build import Ingredients, gather
from edge.fleet.trial import Task, TrialResult
from tests.detector.model.conftest import tiny_bundle
from tests.signing import KEY, TRUST

SITE: Final = Path(__file__).resolve().parent.parent / "edge" / "demo_site"
PACK_KEY: Final = SigningKey.generate()
PACK_SIGNER: Final = Signer.of(PACK_KEY, "city", "packs")
PACK_TRUST: Final = Trust((PACK_SIGNER,))
MADE_AT: Final = datetime(2026, 5, 18, tzinfo=UTC)


@cache
def tiny_files(folder: Path) -> dict[str, bytes]:
    """The files of a small pack, without its list; `folder` is where its bundle is made."""
    bundle = folder / "tiny"
    if not bundle.exists():
        tiny_bundle(bundle)
    return gather(Ingredients(site=SITE, model=bundle, version="1.0", made_at=MADE_AT, trust=TRUST))


def with_manifest(files: dict[str, bytes], **changes: Any) -> dict[str, bytes]:
    """The files with other fields in their manifest."""
    manifest = parse_manifest(files[MANIFEST], MANIFEST)
    changed = PackManifest.model_validate(manifest.model_dump() | changes)
    return {**files, MANIFEST: changed.to_bytes()}


@dataclass
class Workshop:
    """Makes packs and a box in a folder of its own; `shared` holds the bundle that all tests share."""

    folder: Path
    shared: Path

    def pack(self, version: str, *, key: SigningKey | None = PACK_KEY, **changes: Any) -> Path:
        """A signed pack of that version; `files` in `changes` are added to its own."""
        files = {**tiny_files(self.shared), **changes.pop("files", {})}
        path = self.folder / f"{version}.kwpack"
        path.write_bytes(sign_files(with_manifest(files, version=version, **changes), key))
        return path

    def box(self, **settings: Any) -> BoxSettings:
        """Settings of a box that trusts the tests' keys."""
        (self.folder / "packs.pub").write_text(PACK_SIGNER.to_text(), encoding="utf-8")
        (self.folder / "models.pub").write_text(Signer.of(KEY, "throw-away").to_text(), encoding="utf-8")
        values = {
            "state": self.folder / "state",
            "site": SITE,
            "trust": (self.folder / "packs.pub", self.folder / "models.pub"),
            "cameras": ({"camera_id": "ebike-front", "address": "/dev/video0"},),
            "page": None,
        }
        return BoxSettings.model_validate(values | settings)


def good_trial(task: Task) -> TrialResult:
    """A self-test that was passed."""
    del task
    return TrialResult(seconds_per_look=0.1, old_seconds_per_look=0.1)
