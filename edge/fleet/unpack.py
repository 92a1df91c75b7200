"""A checked pack's files onto the disk, for good, under a name that nobody takes for a pack until they are whole."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from detector.errors import PackError
from detector.model.signed_folder import SIGNATURE, SUMS
from detector.pack.archive import chunks, opened
from detector.pack.signed import CheckedPack
from edge.durable import TMP_PREFIX, disk_full, explain, free_bytes, fsync_dir

RESERVE_BYTES: Final = 64 * 1024**2
"""Room that unpacking leaves for reports."""


def unpack(pack: CheckedPack, root: Path, beat: Callable[[], None] = lambda: None) -> Path:
    """Write a pack's files into a new temporary folder in `root`; everything is on the disk when this returns.

    Args:
        beat: called after each file, for a watchdog.

    Raises:
        TransientError: the disk is full; nothing is left behind.
        PackError: the archive changed since it was checked.
    """
    needed_bytes = sum(entry.size_bytes for entry in pack.entries)
    if free_bytes(root) < needed_bytes + RESERVE_BYTES:
        raise disk_full(root, needed_bytes, why="there is no room for the pack")
    folder = root / f"{TMP_PREFIX}{secrets.token_hex(8)}"
    try:
        _write_all(pack, folder, beat)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise explain(error, folder, needed_bytes) from error
    except BaseException:  # also Ctrl-C: nothing half done stays
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def put_in_place(folder: Path, final: Path) -> None:
    """Give an unpacked pack its name, durably.

    Raises:
        TransientError, InputError: the disk refuses.
    """
    try:
        folder.rename(final)
        fsync_dir(final.parent)
    except OSError as error:
        raise explain(error, final, 0) from error


def _write_all(pack: CheckedPack, folder: Path, beat: Callable[[], None]) -> None:
    folder.mkdir(mode=0o700)
    where = str(pack.path)
    with opened(pack.path) as file:
        for entry in pack.entries:
            target = folder / entry.path
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            digest = hashlib.sha256()
            with open(fd, "wb") as out:  # noqa: PTH123 (a descriptor, not a path)
                for data in chunks(file, entry, where):
                    digest.update(data)
                    out.write(data)
                out.flush()
                os.fsync(out.fileno())
            expected = pack.sha256_of.get(entry.path)
            if entry.path == SUMS:
                expected = pack.sums_sha256
            if entry.path != SIGNATURE and digest.hexdigest() != expected:
                raise PackError(f"{where} changed while it was unpacked: copy it again")
            beat()
    for part in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        fsync_dir(part)
    fsync_dir(folder)
