"""Packs at the server: taken when somebody trusted signed them, kept under their hash, meant for boxes by a person."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from detector.errors import PackError
from detector.pack.signed import CheckedPack, check_archive, pack_trust
from detector.pack.version import version_key
from detector.vocabulary import Text
from server.db.engine import Database
from server.db.tables import Device, FleetPack, FleetPackDevice
from server.errors import Conflict, NotFound, Refused, TooLarge
from server.storage import EvidenceStore

_COPY_BYTES: Final = 1024 * 1024
_REFUSED = Text("下发包未通过检查", "The pack was refused")


class PackShelf:
    """The packs of one service. Thread-safe."""

    def __init__(self, folder: Path, database: Database, *, signers: Path | None, bytes_max: int) -> None:
        """Open the folder; what a kill left half-taken is removed.

        Args:
            signers: folder of public keys (`*.pub`) that may sign packs; `None` takes no packs.
        """
        self._files = EvidenceStore(folder)
        self._incoming = folder
        self._database = database
        self._signers = signers
        self._bytes_max = bytes_max
        for part in folder.glob("*.part"):
            part.unlink()

    def take(self, source: BinaryIO, *, actor: str, now: datetime) -> FleetPack:
        """Take a pack; it is on the disk for good, and meant for nobody yet, when this returns.

        Raises:
            Refused: no pack, not whole, or not signed by somebody that this server trusts.
            Conflict: the version is here with other bytes.
            TooLarge: it is larger than a pack may be.
            OSError: the disk is full.
        """
        part = self._incoming / f"{secrets.token_hex(16)}.part"
        try:
            self._copy(source, part)
            checked = self._check(part)
            with self._database.read() as session:
                _check_version(session, checked)
            self._files.put(checked.sha256, part)
            size_bytes = part.stat().st_size
        finally:
            part.unlink(missing_ok=True)
        with self._database.write() as session:
            _check_version(session, checked)
            known = session.get(FleetPack, checked.sha256)
            if known is None:
                known = _row(checked, size_bytes, actor, now)
                session.add(known)
                session.flush()
            session.expunge(known)
        return known

    def path(self, session: Session, sha256: str) -> Path:
        """Where a pack's file lies.

        Raises:
            NotFound: no such pack, or its file is gone.
        """
        path = self._files.folder / sha256[:2] / sha256
        if session.get(FleetPack, sha256) is None or not path.is_file():
            raise NotFound(f"there is no pack {sha256[:64]}")
        return path

    def _copy(self, source: BinaryIO, part: Path) -> None:
        left = self._bytes_max
        with part.open("xb") as out:
            while data := source.read(_COPY_BYTES):
                left -= len(data)
                if left < 0:
                    raise TooLarge(f"a pack has at most {self._bytes_max} bytes here")
                out.write(data)

    def _check(self, part: Path) -> CheckedPack:
        keys = sorted(self._signers.glob("*.pub")) if self._signers is not None else []
        if not keys:
            raise Refused(
                "this server trusts nobody to sign packs: start it with --pack-signers DIR, a folder of *.pub files",
                slug="no-pack-signers",
                title=_REFUSED,
            )
        try:
            return check_archive(part, pack_trust(keys))
        except PackError as error:
            words = str(error).replace(str(part), "the file")
            raise Refused(words, slug="pack-refused", title=_REFUSED) from error


def newest_first(session: Session) -> Sequence[FleetPack]:
    """Every pack."""
    return sorted(session.scalars(select(FleetPack)), key=lambda pack: version_key(pack.version), reverse=True)


def find(session: Session, sha256: str) -> FleetPack:
    """One pack.

    Raises:
        NotFound: there is none.
    """
    pack = session.get(FleetPack, sha256)
    if pack is None:
        raise NotFound(f"there is no pack {sha256[:64]}")
    return pack


def share(session: Session, sha256: str, percent: int) -> None:
    """Mean a pack for a share of all boxes; the boxes of a smaller share stay in a larger one."""
    find(session, sha256).share_percent = percent


def pause(session: Session, sha256: str, *, paused: bool) -> None:
    """Offer a pack to nobody more, or again. A box that runs it goes on running it."""
    find(session, sha256).paused = paused


def choose(session: Session, sha256: str, device_ids: Sequence[str]) -> None:
    """Mean a pack for these boxes, whatever its share is, in place of those chosen before.

    Raises:
        NotFound: no such pack, or no such device.
    """
    find(session, sha256)
    session.execute(delete(FleetPackDevice).where(FleetPackDevice.pack_sha256 == sha256))
    for device_id in sorted(set(device_ids)):
        if session.get(Device, device_id) is None:
            raise NotFound(f"there is no device {device_id[:64]}")
        session.add(FleetPackDevice(pack_sha256=sha256, device_id=device_id))


def chosen(session: Session, sha256: str) -> frozenset[str]:
    """Ids of the boxes that were chosen for a pack."""
    wanted = select(FleetPackDevice.device_id).where(FleetPackDevice.pack_sha256 == sha256)
    return frozenset(session.scalars(wanted))


def _check_version(session: Session, checked: CheckedPack) -> None:
    key = version_key(checked.manifest.version)
    for known in session.scalars(select(FleetPack)):
        if version_key(known.version) == key and known.sha256 != checked.sha256:
            raise Conflict(
                f"version {known.version} is here with other bytes: build the pack under a new version",
                slug="pack-version-taken",
            )


def _row(checked: CheckedPack, size_bytes: int, actor: str, now: datetime) -> FleetPack:
    manifest = checked.manifest
    return FleetPack(
        sha256=checked.sha256,
        version=manifest.version,
        size_bytes=size_bytes,
        signer=checked.signer.name,
        made_at=manifest.made_at,
        site_name=manifest.site_name,
        model_name=manifest.model_name,
        only_devices=list(manifest.devices),
        uploaded_at=now,
        uploaded_by=actor,
        share_percent=0,
        paused=False,
    )
