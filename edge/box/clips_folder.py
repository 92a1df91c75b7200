"""Where a clip lies, in clear, for the moment between being cut and being sealed: in memory where that can be."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from pathlib import Path
from typing import Final

from edge.durable import make_dir

MEMORY: Final = Path("/dev/shm")  # noqa: S108 (a folder of our own is made in it, for us alone)


def clips_folder(state: Path, memory: Path = MEMORY) -> Path:
    """An empty folder that only the box's user may enter; what a kill left in it is gone.

    Args:
        state: of the box; each box of a machine has a folder of its own.

    Raises:
        InputError, TransientError: not even the state folder can hold one.
    """
    name = hashlib.sha256(os.fsencode(state.absolute())).hexdigest()[:16]
    folder = memory / f"kerbwatch-clips-{name}"
    if not _made(folder):
        folder = state / "clips"
        make_dir(folder, mode=0o700)
    for left in folder.iterdir():
        shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
    return folder


def _made(folder: Path) -> bool:
    """Whether the folder is there and ours alone: anybody may have put something under its name."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) == 0o700
