"""The vault: unblurred originals encrypted on the box's disk, under keys that can be changed, until their time is over.

::

    <state>/vault/vault.key    master keys (or wherever the key provider has them)
    <state>/vault/vault.db     index and access log
    <state>/vault/originals/   one sealed file per original

A file is durable before the row that names it; deleting destroys the key in the row before the file goes. A kill at
any point therefore leaves either a readable original or a file without a key, and those are removed at the next start.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from detector.errors import InputError, KerbwatchError, SealError
from edge.database import UnsureWrite, transaction, translated
from edge.durable import TMP_PREFIX, fsync_dir, make_dir
from edge.originals import OriginalFile
from edge.vault import index, room
from edge.vault.keys import KEY_BYTES, KEY_FILE, KeyFile, KeyProvider, MasterKey
from edge.vault.limits import KeptOriginal, VaultLimits
from edge.vault.sealed_file import Header, SealedReader, sealed_bytes, utc_text, write_sealed

VAULT_DIR: Final = "vault"
DATABASE_FILE: Final = "vault.db"
ORIGINALS_DIR: Final = "originals"
LOCK_FILE: Final = "vault.lock"

AtServer = Callable[[uuid.UUID], bool]
"""Whether the server has acknowledged a report and everything of it."""


def nothing_at_server(report_id: uuid.UUID) -> bool:
    """What is believed until somebody knows better: then only what is expired makes room."""
    del report_id
    return False


class Vault:
    """One box's originals; its methods may be called from several threads."""

    def __init__(
        self,
        folder: Path,
        database: sqlite3.Connection,
        lock_fd: int,
        keys: KeyProvider,
        limits: VaultLimits,
        at_server: AtServer,
    ) -> None:
        """Use `Vault.open`."""
        self.limits = limits
        self._folder = folder
        self._database = database
        self._lock_fd = lock_fd
        self._provider = keys
        self._keys = {key.key_id: key for key in reversed(keys.keys())}
        self._at_server = at_server
        self._mutex = threading.RLock()

    @staticmethod
    def open(
        state_dir: Path,
        keys: KeyProvider | None = None,
        limits: VaultLimits | None = None,
        *,
        at_server: AtServer = nothing_at_server,
        alone: bool = True,
    ) -> Vault:
        """Open or make the vault of a state folder, and clear away what a kill left half done.

        Args:
            keys: by default the file `vault/vault.key`, made at first start.
            at_server: asked before an original is deleted to make room.
            alone: hold the vault. Without it, beside a running box, it can be read, but nothing may be put, deleted
                or rotated.

        Raises:
            TransientError: another process holds the vault; the disk is full.
            InputError: keys or index are damaged, or the folder cannot be written.
        """
        folder = state_dir / VAULT_DIR
        make_dir(folder / ORIGINALS_DIR, mode=0o700)
        provider = keys or KeyFile(folder / KEY_FILE)
        lock_fd = index.hold(folder / LOCK_FILE) if alone else -1
        database: sqlite3.Connection | None = None
        try:
            database = index.connect(folder / DATABASE_FILE)
            vault = Vault(folder, database, lock_fd, provider, limits or VaultLimits(), at_server)
            if alone:
                vault._clear_away()
                vault._end_rotation()
        except BaseException:
            if database is not None:
                database.close()
            if lock_fd >= 0:
                os.close(lock_fd)
            raise
        return vault

    def close(self) -> None:
        """Let go of the vault; a second call does nothing."""
        with self._mutex:
            self._database.close()
            if self._lock_fd >= 0:
                os.close(self._lock_fd)
                self._lock_fd = -1

    def __enter__(self) -> Vault:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- keeping ---------------------------------------------------------------------------------------------------

    def put(self, report_id: uuid.UUID, file: OriginalFile) -> None:
        """Keep one original; when this returns, it survives a power cut. One that is kept already stays as it is.

        Its days begin to count at the next `Retention.expire`, when somebody knows what time it is.

        Raises:
            TransientError: no room, in spite of deleting what may be deleted; nothing half written stays behind.
        """
        header = Header.of(report_id, file)
        size_bytes, data_key = sealed_bytes(header), secrets.token_bytes(KEY_BYTES)
        with self._mutex:
            self._must_be_alone()
            if self._one("SELECT 1 FROM originals WHERE report_id = ? AND sha256 = ?", str(report_id), header.sha256):
                return
            room.make_room(self, size_bytes)
            path = self.path(header)
            write_sealed(path, header, file.data, data_key)
            key = self._sealing_key()
            try:
                self.run(
                    "INSERT INTO originals (report_id, sha256, role, begins_at, header, sealed_bytes, key_id, wrapped)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    str(report_id),
                    header.sha256,
                    header.role,
                    utc_text(header.begins_at),
                    header.to_bytes(),
                    size_bytes,
                    key.key_id,
                    key.wrap(data_key, header.to_bytes()),
                )
            except UnsureWrite:
                raise  # the row may yet be there, and its file must be then
            except KerbwatchError:
                path.unlink(missing_ok=True)
                raise

    def delete(self, report_id: uuid.UUID, sha256: str, *, because: str) -> None:
        """Destroy an original's key, then its file; the row stays and says why."""
        with self._mutex:
            self._must_be_alone()
            found = self.find(report_id, sha256)
            if found is None or found.state != "kept":
                return
            self.run(
                "UPDATE originals SET state = 'deleted', key_id = NULL, wrapped = NULL, ended_because = ?"
                " WHERE report_id = ? AND sha256 = ?",
                because,
                str(report_id),
                sha256,
            )
            self._forget_freed_pages()
            self.path(found.header).unlink(missing_ok=True)
            fsync_dir(self._folder / ORIGINALS_DIR)

    def forget(self, report_id: uuid.UUID) -> None:
        """Delete what was kept for a report that did not come to be; no trace of it stays."""
        with self._mutex:
            self._must_be_alone()
            rows = self.all("SELECT header FROM originals WHERE report_id = ?", str(report_id))
            self.run("DELETE FROM originals WHERE report_id = ?", str(report_id))
            for (header,) in rows:
                self.path(Header.model_validate_json(header)).unlink(missing_ok=True)
            if rows:
                self._forget_freed_pages()
                fsync_dir(self._folder / ORIGINALS_DIR)

    def clear_orphans(self, known: Callable[[uuid.UUID], bool]) -> int:
        """Forget originals of reports that a kill kept from the outbox; gives how many. For the start."""
        ids = [uuid.UUID(row[0]) for row in self.all("SELECT DISTINCT report_id FROM originals WHERE state = 'kept'")]
        orphans = [report_id for report_id in ids if not known(report_id)]
        for report_id in orphans:
            self.forget(report_id)
        return len(orphans)

    # -- reading ---------------------------------------------------------------------------------------------------

    def open_original(
        self, report_id: uuid.UUID, sha256: str, *, who: str, why: str, did: str = "open", at: datetime | None = None
    ) -> SealedReader:
        """An original's own bytes; the access log has the line before the first byte is given.

        Raises:
            InputError: no such original is kept here, or no reason is given.
            SealError: the file or its key was changed.
        """
        found = self.find(report_id, sha256)
        if found is None or found.state != "kept":
            raise InputError(
                f"no original {sha256[:12]} of report {report_id} is kept here: see kerbwatch originals list"
            )
        if not why.strip():
            raise InputError("give a reason: every look at an original is logged with it")
        self.log(who=who, did=did, why=why, report_id=str(report_id), sha256=sha256, at=at)
        return self.reader(found)

    def reader(self, kept: KeptOriginal) -> SealedReader:
        """The original's bytes without a line in the log: for checking, which shows them to nobody."""
        header = kept.header
        row = self._one(
            "SELECT key_id, wrapped FROM originals WHERE report_id = ? AND sha256 = ? AND wrapped IS NOT NULL",
            str(header.report_id),
            header.sha256,
        )
        if row is None:
            raise InputError(f"original {header.sha256[:12]} of report {header.report_id} was deleted")
        key = self._keys.get(row[0])
        if key is None:
            raise InputError(
                f"original {header.sha256[:12]} was sealed with key {row[0]}, which is not in the key file: put it back"
            )
        data_key = key.unwrap(row[1], header.to_bytes())
        try:
            file = self.path(header).open("rb")
        except OSError as error:
            raise SealError(f"original {header.sha256[:12]} cannot be read: {error.strerror}") from error
        try:
            return SealedReader(file, header, data_key)
        except BaseException:
            file.close()
            raise

    def originals(self) -> list[KeptOriginal]:
        """Everything the index knows, oldest first, deleted ones too."""
        return [self._kept(row) for row in self.all(f"{_SELECT} ORDER BY begins_at, sha256")]

    def find(self, report_id: uuid.UUID, sha256: str) -> KeptOriginal | None:
        """One original."""
        rows = self.all(f"{_SELECT} WHERE report_id = ? AND sha256 = ?", str(report_id), sha256)
        return self._kept(rows[0]) if rows else None

    def counts(self) -> tuple[int, int]:
        """Originals kept, and their bytes on disk."""
        ((count, size_bytes),) = self.all(
            "SELECT count(*), coalesce(sum(sealed_bytes), 0) FROM originals WHERE state = 'kept'"
        )
        return count, size_bytes

    def accesses(self) -> list[tuple[index.Access, str]]:
        """The access log, oldest line first, each with its hash."""
        rows = self.all("SELECT seq, at, who, did, why, report_id, sha256, prev_hash, hash FROM accesses ORDER BY seq")
        return [(index.Access(*row[:-1]), row[-1]) for row in rows]

    def log(
        self, *, who: str, did: str, why: str, report_id: str = "", sha256: str = "", at: datetime | None = None
    ) -> None:
        """Add a line to the access log, durably."""
        with self.transaction() as database:
            moment = utc_text(at or datetime.now(UTC))
            index.log_access(database, at=moment, who=who, did=did, why=why, report_id=report_id, sha=sha256)

    # -- keys ------------------------------------------------------------------------------------------------------

    def rotate(self, *, who: str) -> str:
        """Seal with a new master key, wrap every original's key with it, destroy the old ones; gives the new id.

        Killed at any point, it is ended at the next start: new originals take the new key at once, the rewrapping is
        one transaction, and the old key goes only after it.
        """
        with self._mutex:
            self._must_be_alone()
            fresh = self._provider.add()
            self._keys = {**self._keys, fresh.key_id: fresh}
            self.log(who=who, did="rotate", why=f"new master key {fresh.key_id}")
            self._end_rotation()
            return fresh.key_id

    def _end_rotation(self) -> None:
        """Rewrap what older keys wrap, then destroy them; nothing to do when there is one key."""
        newest, *older = self._provider.keys()
        if not older:
            return
        by_id = {key.key_id: key for key in older}
        with self.transaction() as database:
            rows = database.execute(
                "SELECT rowid, key_id, wrapped, header FROM originals WHERE wrapped IS NOT NULL"
            ).fetchall()
            for rowid, key_id, wrapped, header in rows:
                if key_id not in by_id:
                    continue
                try:
                    data_key = by_id[key_id].unwrap(wrapped, header)
                except SealError:  # changed by hand, and unreadable for ever: `check` tells, the others go on
                    continue
                database.execute(
                    "UPDATE originals SET key_id = ?, wrapped = ? WHERE rowid = ?",
                    (newest.key_id, newest.wrap(data_key, header), rowid),
                )
        self._forget_freed_pages()
        self._provider.drop_older()
        self._keys = {newest.key_id: newest}

    def _sealing_key(self) -> MasterKey:
        return next(reversed(self._keys.values()))

    # -- for the other parts of the vault --------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """Where the vault lies."""
        return self._folder

    def at_server(self, report_id: uuid.UUID) -> bool:
        """Whether the server has everything of a report."""
        return self._at_server(report_id)

    def path(self, header: Header) -> Path:
        """Where an original's sealed file lies."""
        return self._folder / ORIGINALS_DIR / f"{header.report_id}.{header.sha256}.sealed"

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """All or nothing, durable at the end; SQLite's own errors become the product's."""
        with self._mutex, translated(self._folder / DATABASE_FILE), transaction(self._database) as database:
            yield database

    def run(self, statement: str, *values: object) -> None:
        """One statement, durable when this returns."""
        with self.transaction() as database:
            database.execute(statement, values)

    def all(self, statement: str, *values: object) -> list[tuple]:
        """The rows of a query."""
        with self._mutex, translated(self._folder / DATABASE_FILE):
            return self._database.execute(statement, values).fetchall()

    def _one(self, statement: str, *values: object) -> tuple | None:
        rows = self.all(statement, *values)
        return rows[0] if rows else None

    def _must_be_alone(self) -> None:
        if self._lock_fd < 0:
            raise AssertionError("a vault that was opened beside the box is only for reading")

    def _forget_freed_pages(self) -> None:
        """The journal still holds what was overwritten in the database; empty it."""
        with self._mutex, translated(self._folder / DATABASE_FILE):
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _clear_away(self) -> None:
        """Remove files without a key; note originals whose file somebody removed."""
        kept = {self.path(item.header).name: item.header for item in self.originals() if item.state == "kept"}
        there: set[str] = set()
        for path in self._walk():
            if path.name in kept and not path.name.startswith(TMP_PREFIX):
                there.add(path.name)
            else:
                path.unlink()
        for name in sorted(kept.keys() - there):
            header = kept[name]
            self.run(
                "UPDATE originals SET state = 'lost', key_id = NULL, wrapped = NULL,"
                " ended_because = 'its file was removed by hand' WHERE report_id = ? AND sha256 = ?",
                str(header.report_id),
                header.sha256,
            )

    def _walk(self) -> Iterator[Path]:
        yield from (path for path in (self._folder / ORIGINALS_DIR).iterdir() if path.is_symlink() or path.is_file())

    def _kept(self, row: tuple) -> KeptOriginal:
        header, size_bytes, state, key_id, kept_until, because, wanted, released_at, ended_at, ended_because = row
        return KeptOriginal(
            header=Header.model_validate_json(header),
            sealed_bytes=size_bytes,
            state=state,
            readable=key_id in self._keys,
            kept_until=kept_until,
            kept_because=because,
            wanted=bool(wanted),
            released_at=released_at,
            ended_at=ended_at,
            ended_because=ended_because or "",
        )


_SELECT: Final = (
    "SELECT header, sealed_bytes, state, key_id, kept_until, kept_because, wanted, released_at, ended_at, ended_because"
    " FROM originals"
)
