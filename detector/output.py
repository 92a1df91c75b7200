"""Writing a file that somebody asked for: whole or not at all."""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path

from detector.errors import InputError, KerbwatchError, TransientError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file whole, text as UTF-8: a reader sees the old one or the new one. A link stays, its target changes.

    Raises:
        InputError: it is a folder, its folder is missing, or it may not be written.
        TransientError: the disk is full; what was there before is still there.
    """
    data = content.encode() if isinstance(content, str) else content
    if path.is_dir():
        raise InputError(f"{path} is a folder (是文件夹); name a file in it")
    if path.exists() and not path.is_file():
        _write(path, path, data)  # a device or a pipe cannot be replaced
        return
    target = path.resolve()
    half = target.with_name(target.name + ".part")
    try:
        _write(half, path, data)
        half.replace(target)
    except OSError as error:
        raise _explain(error, path) from error
    finally:
        with suppress(OSError):  # what it could not write it may not be able to look at either
            half.unlink(missing_ok=True)


def _write(where: Path, asked: Path, data: bytes) -> None:
    try:
        where.write_bytes(data)
    except OSError as error:
        raise _explain(error, asked) from error


def _explain(error: OSError, path: Path) -> KerbwatchError:
    if error.errno in _FULL:
        return TransientError(f"cannot write {path}: the disk is full (磁盘已满); free some space and run again")
    if error.errno == errno.ENOENT:
        return InputError(f"cannot write {path}: there is no folder {path.parent} (文件夹不存在); make it first")
    return InputError(f"cannot write {path} (无法写入): {error.strerror}; name another file")
