"""Where a box keeps its packs, and the locks that keep two processes from doing so at once."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from detector.errors import TransientError
from edge.durable import TMP_PREFIX, fsync_dir, make_dir
from edge.fleet.state import COPY, STATE, Slot

PACKS: Final = "packs"
INCOMING: Final = "incoming"
_LOCK: Final = "lock"
_INSTALLING: Final = "installing"
_KEPT: Final = frozenset({INCOMING, _LOCK, _INSTALLING, STATE, COPY})
_LOCK_WAIT_S: Final = 20.0


class Places:
    """The folder `packs` of a box's state folder.

    ::

        packs/state.json, state.copy.json   what runs, what ran before, what failed
        packs/<version>-<12 digits>/        one unpacked pack
        packs/incoming/<sha256>.part        a download under way
    """

    def __init__(self, state_dir: Path) -> None:
        """Make what is missing.

        Raises:
            InputError, TransientError: the folder cannot be made.
        """
        self.root = state_dir / PACKS
        self.incoming = self.root / INCOMING
        make_dir(state_dir, mode=0o700)
        make_dir(self.root, mode=0o700)
        make_dir(self.incoming, mode=0o700)

    def of(self, slot: Slot) -> Path:
        """Folder of a pack."""
        return self.root / slot.folder

    @contextmanager
    def locked(self) -> Generator[None]:
        """Hold the state file for a moment.

        Raises:
            TransientError: somebody else held it for 20 s.
        """
        with self._held(_LOCK, _LOCK_WAIT_S) as got:
            if not got:
                raise TransientError(f"{self.root} is in use by another process: try again")
            yield

    @contextmanager
    def installing(self) -> Generator[bool]:
        """Hold the right to unpack; False when another process unpacks now."""
        with self._held(_INSTALLING, 0.0) as got:
            yield got

    def sweep(self, keep: tuple[Slot | None, ...]) -> None:
        """Remove every unpacked pack but those given, and what a kill left half-written."""
        with self.installing() as alone:
            if not alone:
                return
            wanted = {slot.folder for slot in keep if slot is not None} | _KEPT
            for path in self.root.iterdir():
                if path.name in wanted:
                    continue
                remove(path)

    @contextmanager
    def _held(self, name: str, wait_s: float) -> Generator[bool]:
        fd = os.open(self.root / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield _lock(fd, wait_s)
        finally:
            os.close(fd)


def remove(path: Path) -> None:
    """Remove a file or a folder. A folder first loses its name at once, so that no half of it is ever taken for a
    pack."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    if not path.name.startswith(TMP_PREFIX):
        gone = path.with_name(f"{TMP_PREFIX}gone-{path.name}")
        shutil.rmtree(gone, ignore_errors=True)
        path.rename(gone)
        fsync_dir(path.parent)
        path = gone
    shutil.rmtree(path, ignore_errors=True)


def _lock(fd: int, wait_s: float) -> bool:
    until = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(0.02)
        else:
            return True
