"""A state folder's outbox as `kerbwatch verify` reads it: reports in SQLite, evidence beside it; nothing is written.

Whoever can write the folder can also read the device's key in it, and could seal anything anew: this finds a failing
card and a careless hand, not a thief.
"""

from __future__ import annotations

import io
import sqlite3
import stat
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote

from detector.errors import InputError
from detector.evidence.manifest import MANIFEST_FILE

DATABASE_FILE: Final = "outbox.db"
_REPORTS = "reports/"
_EVIDENCE = "evidence/"


def is_outbox(path: Path) -> bool:
    """Whether the folder is a device's state folder.

    One with reports or a manifest in files is none, also with an outbox put into it: it is read as what it is.
    """
    return (path / DATABASE_FILE).is_file() and not (path / _REPORTS).exists() and not (path / MANIFEST_FILE).exists()


class OutboxTree:
    """The outbox of a state folder, read as it is now, also next to a running box."""

    def __init__(self, folder: Path) -> None:
        """Read the index.

        Raises:
            InputError: the database is damaged.
        """
        self._folder = folder
        path = folder / DATABASE_FILE
        self._sealed: dict[str, bytes] = {}
        try:
            database = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=10)
            try:
                # A table that others made may hold anything in any column: what is no bytes is told as no report.
                for report_id, sealed in database.execute("SELECT report_id, sealed FROM reports"):
                    self._sealed[f"{_REPORTS}{report_id}.json"] = sealed if isinstance(sealed, bytes) else b""
                self.dropped = {
                    f"{_EVIDENCE}{name}{suffix}"
                    for name, suffix in database.execute("SELECT sha256, suffix FROM files WHERE dropped")
                }
                hits = [str(row[0]) for row in database.execute("SELECT report_id FROM hits")]
                ((newest,),) = database.execute("SELECT coalesce(max(rowid), 0) FROM hits").fetchall()
            finally:
                database.close()
        except sqlite3.Error as error:
            raise InputError(f"{path} cannot be read ({error}): is it a state folder's outbox, and whole?") from error
        self.faults = [
            (f"{_REPORTS}{hit}.json", "was taken out of the outbox")
            for hit in sorted(hits)
            if f"{_REPORTS}{hit}.json" not in self._sealed
        ]
        # Rows are numbered without a gap and never deleted.
        if newest != len(hits):
            self.faults.append((DATABASE_FILE, f"{newest - len(hits)} reports were taken out of the outbox"))

    def names(self) -> list[str]:
        """Every report, and every evidence file that lies there."""
        folder = self._folder / _EVIDENCE
        files = folder.iterdir() if folder.is_dir() else ()
        there = [f"{_EVIDENCE}{path.name}" for path in files if not path.name.startswith(".tmp-")]
        return sorted([*self._sealed, *there])

    def oddity(self, name: str) -> str | None:
        """Why an entry must not be read, or `None`."""
        if name in self._sealed or stat.S_ISREG((self._folder / name).lstat().st_mode):
            return None
        return "is no plain file"

    def open(self, name: str) -> IO[bytes]:
        """A report from the database, evidence from the folder."""
        return io.BytesIO(self._sealed[name]) if name in self._sealed else (self._folder / name).open("rb")
