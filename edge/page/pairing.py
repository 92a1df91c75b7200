"""Which phones may see the page: those that were shown a code by somebody with a shell on the box.

A code is short, lives ten minutes, opens one phone, and ends after a few wrong guesses. Codes and the phones' cookies
are kept as SHA-256 only, in a file that `kerbwatch box page` and the running box share.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from detector.errors import PermanentError
from edge.database import open_database, transaction, translated
from edge.durable import make_dir

FILE: Final = "page.sqlite"
CODE_LIFE_S: Final = 600.0
PHONES_MAX: Final = 8
"""The one that was paired first goes when another comes."""

_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Nothing that is read for another: no 0, O, 1, I."""
_CODE_LENGTH = 8
_GUESSES = 10
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SCHEMA = """
CREATE TABLE codes (sha256 TEXT NOT NULL, boot TEXT NOT NULL, until_s REAL NOT NULL, wrong INTEGER NOT NULL) STRICT;
CREATE TABLE phones (id INTEGER PRIMARY KEY AUTOINCREMENT, sha256 TEXT NOT NULL UNIQUE) STRICT;
"""


class WrongCode(PermanentError):
    """Not the code, or no longer."""


class Pairings:
    """One SQLite file in the state folder. May be called from any thread, and opened by several processes."""

    def __init__(self, state_dir: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Open it; made on first use.

        Raises:
            InputError, TransientError: as `edge.database.translated`.
        """
        make_dir(state_dir, mode=0o700)
        self._path = state_dir / FILE
        self._clock = clock
        self._lock = threading.Lock()
        self._db = open_database(self._path, _SCHEMA, 1, mode=0o600)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def __enter__(self) -> Pairings:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def new_code(self) -> str:
        """A code for one phone, like ``7KQ2-M9XD``; the one before ends."""
        code = "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH))
        with self._lock, translated(self._path), transaction(self._db):
            self._db.execute("DELETE FROM codes")
            row = (_digest(code), _boot(), self._clock() + CODE_LIFE_S)
            self._db.execute("INSERT INTO codes VALUES (?, ?, ?, 0)", row)
        return f"{code[:4]}-{code[4:]}"

    def pair(self, code: str) -> str:
        """The cookie of a phone that has the code.

        Raises:
            WrongCode: it has not, or no code is open.
        """
        typed = "".join(c for c in code.upper() if c.isalnum())
        token = secrets.token_urlsafe(32)
        with self._lock, translated(self._path), transaction(self._db):
            row: Any = self._db.execute("SELECT sha256, boot, until_s FROM codes").fetchone()
            right = row is not None and self._is(row, typed)
            if right:
                self._db.execute("DELETE FROM codes")
                self._db.execute("INSERT INTO phones (sha256) VALUES (?)", (_digest(token),))
                self._db.execute(
                    "DELETE FROM phones WHERE id NOT IN (SELECT id FROM phones ORDER BY id DESC LIMIT ?)", (PHONES_MAX,)
                )
            elif row is not None:
                self._db.execute("UPDATE codes SET wrong = wrong + 1")
                self._db.execute("DELETE FROM codes WHERE wrong >= ?", (_GUESSES,))
        if not right:
            raise WrongCode("this code is wrong or no longer good: make a new one with kerbwatch box page")
        return token

    def _is(self, row: tuple[str, str, float], typed: str) -> bool:
        digest, boot, until_s = row
        return boot == _boot() and self._clock() < until_s and secrets.compare_digest(digest, _digest(typed))

    def knows(self, token: str) -> bool:
        """Whether a phone with this cookie was paired."""
        with self._lock, translated(self._path):
            found = self._db.execute("SELECT 1 FROM phones WHERE sha256 = ?", (_digest(token),)).fetchone()
            return found is not None

    def phones(self) -> int:
        """How many are paired."""
        with self._lock, translated(self._path):
            ((count,),) = self._db.execute("SELECT count(*) FROM phones")
            return count

    def forget(self) -> int:
        """End every pairing and every code; how many phones it was."""
        with self._lock, translated(self._path), transaction(self._db):
            self._db.execute("DELETE FROM codes")
            return self._db.execute("DELETE FROM phones").rowcount


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _boot() -> str:
    """The monotonic clock counts from here: a code of an earlier start has no time left."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return ""
