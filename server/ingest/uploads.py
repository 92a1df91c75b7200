"""Evidence uploads that survive a kill of the service at any byte.

The order is everything. Bytes are appended under a lock and fsynced *before* the new offset is committed, so an offset
is never promised that the disk does not hold; bytes that a kill left beyond the recorded offset are cut off at the next
append. The last piece is not recorded as an offset at all: the whole file is hashed, moved to the evidence store and
fsynced there, and only then one transaction says "stored". A client that asks after a kill is told the truth and sends
the last piece again.

Originals that a reviewer asked for come the same way, and lie in a store of their own that no link leads to.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.db.engine import Database
from server.db.tables import Evidence, EvidenceState, Original, OriginalState, Report, Upload
from server.errors import Conflict, Forbidden, Gone, NotFound, Refused, TooMany, UploadBroken
from server.ingest.media import Media, sniff
from server.originals import receiving
from server.settings import Limits
from server.storage import EvidenceStore, fsync_path, make_folder

_COPY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class UploadState:
    """An upload as its device may know it. ``0 <= offset_bytes <= length_bytes``, equal once stored."""

    id: str
    sha256: str
    offset_bytes: int
    length_bytes: int
    expires_at: datetime

    @property
    def complete(self) -> bool:
        """The file is stored and its hash is right."""
        return self.offset_bytes == self.length_bytes


class UploadStore:
    """Uploads under way. Thread-safe; the folder belongs to one process."""

    def __init__(
        self,
        folder: Path,
        database: Database,
        evidence: EvidenceStore,
        *,
        limits: Limits,
        life: timedelta,
        originals_life: timedelta,
    ) -> None:
        self._folder = folder
        self._database = database
        self._evidence = evidence
        self.originals = EvidenceStore(folder.parent / "originals")
        """Unblurred originals that were asked for; apart from the evidence, which any reviewer may see."""
        self._limits = limits
        self._life = life
        self._originals_life = originals_life
        self._locks: dict[str, tuple[threading.Lock, int]] = {}
        self._locks_guard = threading.Lock()
        make_folder(folder)

    def begin(self, device_id: str, sha256: str, length_bytes: int, *, now: datetime) -> tuple[UploadState, bool]:
        """Begins the upload of a file that one of the device's reports declares, or finds the one begun before.

        Returns:
            The upload, and whether it is new. One whose file is already stored is complete.

        Raises:
            Forbidden: no report of this device declares the file, or it is an original that nobody asks for.
            Refused: the report declares another size.
            TooMany: the device has too many unfinished uploads.
        """
        self.expire(now)
        with self._database.write() as session:
            declared = _declared(session, device_id, sha256)
            if not declared and receiving.named(session, device_id, sha256):
                raise Forbidden(f"nobody asks for original {sha256}: it is not taken", slug="original-not-asked")
            if not declared:
                raise Forbidden(f"no report of this device declares evidence {sha256}: send the report first")
            sizes = {item.size_bytes for item in declared}
            if length_bytes not in sizes:
                raise Refused(
                    f"the report declares {min(sizes)} bytes for evidence {sha256}, Upload-Length says {length_bytes}",
                    slug="wrong-length",
                )
            known = session.scalar(select(Upload).where(Upload.device_id == device_id, Upload.sha256 == sha256))
            if known is not None:
                if known.offset_bytes == known.length_bytes:
                    _mark(session, [item for item in declared if _is_as_stored(item, declared)], now)
                return _state(known), False
            self._check_allowance(session, device_id)
            stored = all(_is_stored(item) for item in declared)
            upload = Upload(
                id=secrets.token_hex(16),
                device_id=device_id,
                sha256=sha256,
                length_bytes=length_bytes,
                offset_bytes=length_bytes if stored else 0,
                created_at=now,
                expires_at=now + self._life,
            )
            session.add(upload)
            if not stored:
                self._part(upload.id).touch(mode=0o600)
                fsync_path(self._folder)
            return _state(upload), not stored

    def find(self, device_id: str, upload_id: str, *, now: datetime) -> UploadState:
        """The upload as the disk really has it.

        Raises:
            NotFound: no such upload of this device.
            Gone: it expired: begin anew.
        """
        with self._database.read() as session:
            return _state(_own(session, device_id, upload_id, now))

    def append(self, device_id: str, upload_id: str, at_offset: int, data: bytes, *, now: datetime) -> UploadState:
        """Adds bytes; the state returned is on the disk for good.

        Raises:
            NotFound, Gone: see `find`.
            Conflict: the upload is at another offset; nothing was changed.
            Refused: more bytes than were declared; nothing was changed.
            UploadBroken: the file is finished and is not what was declared; the upload was discarded.
            OSError: the disk is full; the promised offset still stands.
        """
        with self._locked(upload_id):
            with self._database.read() as session:
                state = _state(_own(session, device_id, upload_id, now))
            if at_offset != state.offset_bytes:
                raise Conflict(
                    f"the upload is at offset {state.offset_bytes}, not {at_offset}",
                    slug="wrong-offset",
                    extra={"offset": state.offset_bytes},
                )
            new_offset = at_offset + len(data)
            if new_offset > state.length_bytes:
                raise Refused(
                    f"{new_offset} bytes are more than the {state.length_bytes} declared", slug="too-many-bytes"
                )
            if not data:
                return state
            self._write(upload_id, at_offset, data)
            finished = new_offset == state.length_bytes
            media = self._finish(device_id, state) if finished else None
            with self._database.write() as session:
                upload = _own(session, device_id, upload_id, now)
                upload.offset_bytes = new_offset
                upload.expires_at = now + self._life
                if finished:
                    declared = _declared(session, device_id, state.sha256)
                    _mark(session, [item for item in declared if _fits(item, state.length_bytes, media)], now)
                result = _state(upload)
            if result.complete:
                self._part(upload_id).unlink(missing_ok=True)
            return result

    def expire(self, now: datetime) -> int:
        """Drops uploads that have not moved for their life, returns how many; and originals kept here long enough."""
        self._expire_originals(now)
        with self._database.read() as session:
            old = list(session.scalars(select(Upload.id).where(Upload.expires_at <= now)))
        for upload_id in old:
            with self._locked(upload_id):
                self._discard(upload_id)
        return len(old)

    def _expire_originals(self, now: datetime) -> None:
        with self._database.read() as session:
            if not receiving.old(session, now=now, life=self._originals_life):
                return
        with self._database.write() as session:
            over = receiving.delete_old(session, now=now, life=self._originals_life)
        for sha256 in over:
            self.originals.delete(sha256)

    def sweep(self) -> None:
        """Removes what a kill can leave behind: part files without an upload, or of one that is complete, originals
        that no row says are here."""
        with self._database.read() as session:
            here = set(session.scalars(select(Original.sha256).where(Original.state == OriginalState.STORED)))
            live = set(session.scalars(select(Upload.id).where(Upload.offset_bytes < Upload.length_bytes)))
        for part in self._folder.glob("*.part"):
            if part.stem not in live:
                part.unlink()
        for path in self.originals.folder.glob("??/*"):
            if path.name not in here:
                self.originals.delete(path.name)

    def _write(self, upload_id: str, at_offset: int, data: bytes) -> None:
        descriptor = os.open(self._part(upload_id), os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "wb") as part:
            size_bytes = os.fstat(part.fileno()).st_size
            if size_bytes < at_offset:
                self._discard(upload_id)
                raise Gone("the bytes sent before are lost: begin the upload anew", slug="upload-lost")
            part.truncate(at_offset)
            part.seek(at_offset)
            part.write(data)
            part.flush()
            os.fsync(part.fileno())

    def _finish(self, device_id: str, state: UploadState) -> Media | None:
        """Checks the whole file and moves it to the evidence store; says what it is."""
        with self._part(state.id).open("rb") as part:
            digest = hashlib.sha256()
            while chunk := part.read(_COPY_BYTES):
                digest.update(chunk)
            media = sniff(part)
        if digest.hexdigest() != state.sha256:
            self._discard(state.id)
            raise UploadBroken(
                f"the bytes hash to {digest.hexdigest()}, declared was {state.sha256}: the upload was discarded",
                slug="wrong-hash",
            )
        with self._database.read() as session:
            declared = _declared(session, device_id, state.sha256)
        if not any(_fits(item, state.length_bytes, media) for item in declared):
            self._discard(state.id)
            if not declared:
                raise UploadBroken("nobody asks for it any more: the upload was discarded", slug="original-not-asked")
            raise UploadBroken(
                f"the bytes are {media or 'no JPEG, PNG or MP4'}, the report declares "
                f"{declared[0].media_type} of {declared[0].width_px} x {declared[0].height_px} px",
                slug="wrong-media",
            )
        store = self.originals if isinstance(declared[0], Original) else self._evidence
        store.put(state.sha256, self._part(state.id))
        return media

    def _discard(self, upload_id: str) -> None:
        with self._database.write() as session:
            upload = session.get(Upload, upload_id)
            if upload is not None:
                session.delete(upload)
        self._part(upload_id).unlink(missing_ok=True)

    def _check_allowance(self, session: Session, device_id: str) -> None:
        unfinished = session.scalar(
            select(func.count())
            .select_from(Upload)
            .where(Upload.device_id == device_id, Upload.offset_bytes < Upload.length_bytes)
        )
        if (unfinished or 0) >= self._limits.uploads_per_device:
            raise TooMany(f"this device has {unfinished} unfinished uploads: finish them first", retry_after_s=60)

    def _part(self, upload_id: str) -> Path:
        return self._folder / f"{upload_id}.part"

    @contextmanager
    def _locked(self, upload_id: str) -> Iterator[None]:
        with self._locks_guard:
            lock, users = self._locks.get(upload_id, (threading.Lock(), 0))
            self._locks[upload_id] = (lock, users + 1)
        try:
            with lock:
                yield
        finally:
            # Counted, not asked of the lock: one that somebody is about to take looks free.
            with self._locks_guard:
                lock, users = self._locks[upload_id]
                if users > 1:
                    self._locks[upload_id] = (lock, users - 1)
                else:
                    del self._locks[upload_id]


def _declared(session: Session, device_id: str, sha256: str) -> Sequence[Evidence] | Sequence[Original]:
    """What the device may send under this hash: evidence of its reports, or an original that was asked for."""
    found = session.scalars(
        select(Evidence).join(Report).where(Report.device_id == device_id, Evidence.sha256 == sha256)
    ).all()
    return found or receiving.awaited(session, device_id, sha256)


def _is_stored(item: Evidence | Original) -> bool:
    return item.state in (EvidenceState.STORED, OriginalState.STORED)


def _is_as_stored(item: Evidence | Original, declared: Iterable[Evidence | Original]) -> bool:
    """The file is here for another report that says the same of it: two things in one picture share an original."""
    nature = (item.size_bytes, item.media_type, item.width_px, item.height_px)
    return not _is_stored(item) and any(
        nature == (other.size_bytes, other.media_type, other.width_px, other.height_px)
        for other in declared
        if _is_stored(other)
    )


def _mark(session: Session, items: Iterable[Evidence | Original], now: datetime) -> None:
    """Their bytes are here."""
    items = list(items)
    receiving.arrived(session, [item for item in items if isinstance(item, Original)], now=now)
    for item in items:
        if isinstance(item, Evidence):
            item.state, item.stored_at = EvidenceState.STORED, now


def _fits(item: Evidence | Original, size_bytes: int, media: Media | None) -> bool:
    """The file is what the report declares it to be; a picture's own header says its size in pixels."""
    if media is None or (item.size_bytes, item.media_type) != (size_bytes, media.media_type):
        return False
    return media.width_px is None or (media.width_px, media.height_px) == (item.width_px, item.height_px)


def _own(session: Session, device_id: str, upload_id: str, now: datetime) -> Upload:
    upload = session.get(Upload, upload_id)
    if upload is None or upload.device_id != device_id:
        raise NotFound(f"there is no upload {upload_id[:64]} of this device")
    if upload.expires_at <= now:
        raise Gone("the upload did not move for too long: begin it anew")
    return upload


def _state(upload: Upload) -> UploadState:
    return UploadState(upload.id, upload.sha256, upload.offset_bytes, upload.length_bytes, upload.expires_at)
