"""A file is not there, or there whole; failures name path, bytes and fix."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from detector.errors import InputError, TransientError
from edge.durable import create_once, explain, make_dir, write_atomic

ROOT = Path(__file__).resolve().parent.parent.parent


def test_a_write_replaces_the_whole_file(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", b"first, longer")
    write_atomic(tmp_path / "a", b"second", mode=0o600)
    assert (tmp_path / "a").read_bytes() == b"second"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_create_once_never_replaces(tmp_path: Path) -> None:
    assert create_once(tmp_path / "a", b"first", mode=0o600)
    assert not create_once(tmp_path / "a", b"second", mode=0o600)
    assert (tmp_path / "a").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_folders_are_made_and_kept(tmp_path: Path) -> None:
    make_dir(tmp_path / "a" / "b")
    make_dir(tmp_path / "a" / "b")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match=r"cannot write .*file.*name a folder this user may write"):
        make_dir(tmp_path / "file")
    with pytest.raises(InputError, match=r"cannot write .*file/below"):
        make_dir(tmp_path / "file" / "below")


@pytest.mark.parametrize(
    ("number", "error", "message"),
    [
        (errno.ENOSPC, TransientError, r"the disk is full \(7 bytes needed, \d+ free\); free some space"),
        (errno.EDQUOT, TransientError, "the disk is full"),
        (errno.EFBIG, TransientError, "the disk is full"),
        (errno.EACCES, InputError, "Permission denied; name a folder this user may write"),
        (errno.EROFS, InputError, "Read-only file system; name a folder"),
        (errno.EIO, TransientError, "Input/output error; check the disk"),
    ],
)
def test_failures_name_path_and_fix(tmp_path: Path, number: int, error, message: str) -> None:
    path = tmp_path / "not" / "there"
    found = explain(OSError(number, os.strerror(number)), path, 7)
    assert isinstance(found, error)
    with pytest.raises(error, match=f"cannot write {path}: .*{message}"):
        raise found


_LIMITED = """
import resource, sys
from pathlib import Path
from detector.errors import TransientError
from edge.durable import write_atomic

resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
write_atomic(Path(sys.argv[1]) / "small", bytes(1000))
try:
    write_atomic(Path(sys.argv[1]) / "large", bytes(1001))
except TransientError as error:
    print(error)
"""


def test_a_write_beyond_a_limit_leaves_nothing(tmp_path: Path) -> None:
    """The file size limit of a process stands for a full disk where no small disk can be mounted."""
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert f"cannot write {tmp_path}/large: the disk is full (1001 bytes needed" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["small"]
