"""Writes that survive a power cut: a file is either not there, or there whole.

The order is always: temporary file in the same folder, fsync, rename, fsync of the folder. Without the last step a
file system may forget the name although the bytes are safe.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
from pathlib import Path
from typing import Final

from detector.errors import InputError, KerbwatchError, TransientError

TMP_PREFIX: Final = ".tmp-"
"""Names of half-written files start so; whoever owns the folder removes them at start."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR})


class NotWritable(InputError):
    """A path that this user may not write: named wrongly, or a disk that the kernel made read-only after a fault."""


def fsync_dir(folder: Path) -> None:
    """Make the names in a folder durable.

    Raises:
        TransientError: the disk fails.
        InputError: there is no such folder.
    """
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise explain(error, folder, 0) from error


def remove(path: Path) -> None:
    """Remove a file; one that is gone already is fine. The removal is durable after `fsync_dir` of its folder.

    Raises:
        TransientError: the disk fails.
        InputError: the folder may not be written.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise explain(error, path, 0) from error


def make_dir(folder: Path, *, mode: int = 0o755) -> None:
    """Make a folder and its parents, durably; one that exists stays as it is.

    Raises:
        InputError: something else is there, or it may not be written.
        TransientError: the disk is full.
    """
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    try:
        for part in reversed(missing):
            part.mkdir(mode=mode, exist_ok=True)
            fsync_dir(part.parent)
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    except OSError as error:
        raise explain(error, folder, 0) from error


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644, sync_dir: bool = True) -> None:
    """Write a file whole or not at all, replacing one that is there.

    Args:
        sync_dir: False leaves the last step to a later `fsync_dir`, for many files in one folder.

    Raises:
        InputError: the folder may not be written.
        TransientError: the disk is full; nothing is left behind.
    """
    temporary = path.with_name(f"{TMP_PREFIX}{secrets.token_hex(8)}")
    try:
        _write_synced(temporary, data, mode)
        temporary.replace(path)
        if sync_dir:
            fsync_dir(path.parent)
    except OSError as error:
        raise explain(error, path, len(data)) from error
    finally:
        with contextlib.suppress(OSError):  # what stays behind is cleared away at the next start
            temporary.unlink(missing_ok=True)


def create_once(path: Path, data: bytes, *, mode: int) -> bool:
    """Write a file only if the name is free; False when somebody was first. Never half a file, never a lost race.

    Raises:
        InputError: the folder may not be written.
        TransientError: the disk is full; nothing is left behind.
    """
    temporary = path.with_name(f"{TMP_PREFIX}{secrets.token_hex(8)}")
    try:
        _write_synced(temporary, data, mode)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        fsync_dir(path.parent)
    except OSError as error:
        raise explain(error, path, len(data)) from error
    finally:
        with contextlib.suppress(OSError):  # what stays behind is cleared away at the next start
            temporary.unlink(missing_ok=True)
    return True


def hold(path: Path, *, said: str) -> int:
    """Hold a folder by its lock file, until the descriptor is closed or this process ends, however it ends.

    Args:
        said: who else may hold it, and what to do then; `{process}` becomes that process's number.

    Raises:
        TransientError: another process holds it.
        InputError: the lock file cannot be opened.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InputError(f"cannot open {path}: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(fd, 20, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(fd)
        raise TransientError(f"{path.parent} is in use by {said.format(process=holder)}") from None
    # The number serves the message to the next one alone: a full or failing disk must not keep the box from starting.
    with contextlib.suppress(OSError):
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def free_bytes(folder: Path) -> int:
    """Bytes this user may still write on the folder's file system."""
    return shutil.disk_usage(folder).free


def explain(error: OSError, path: Path, needed_bytes: int) -> KerbwatchError:
    """The product's error for a failed write, naming path, bytes and the fix."""
    if error.errno in _FULL:
        return disk_full(path, needed_bytes)
    if error.errno in _FORBIDDEN:
        return NotWritable(f"cannot write {path}: {error.strerror}; name a folder this user may write")
    if error.errno == errno.ENOENT and not path.parent.is_dir():
        return InputError(f"cannot write {path}: there is no folder {path.parent}; make it first, or name another")
    return TransientError(f"cannot write {path}: {error.strerror}; check the disk")


def disk_full(path: Path, needed_bytes: int, *, why: str = "the disk is full") -> TransientError:
    """The error for no room, with free and needed bytes."""
    folder = next(part for part in (path, *path.parents) if part.is_dir())
    return TransientError(
        f"cannot write {path}: {why} ({needed_bytes} bytes needed, {free_bytes(folder)} free); "
        "free some space and run again, nothing is lost"
    )


def _write_synced(path: Path, data: bytes, mode: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    with open(fd, "wb") as file:  # noqa: PTH123 (a descriptor, not a path)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
