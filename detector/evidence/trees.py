"""What `kerbwatch verify` reads: a folder or a .zip, or whatever else speaks the protocol, e.g. a box's outbox."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Generator, Sequence, Set
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final, Protocol

from detector.errors import InputError

HIDDEN_DIR: Final = ".kerbwatch"
"""The patrol's own outbox inside an `--out` folder; no part of what is sealed."""


class Tree(Protocol):
    """Files of a folder or archive, by their name with forward slashes."""

    def names(self) -> list[str]: ...

    def oddity(self, name: str) -> str | None:
        """Why an entry must not be read (a link, an escape), or `None`."""
        ...

    def open(self, name: str) -> IO[bytes]: ...

    @property
    def dropped(self) -> Set[str]:
        """Files that were dropped to make room, and are no fault."""
        ...

    @property
    def faults(self) -> Sequence[tuple[str, str]]:
        """What the tree itself finds wrong: name and what."""
        ...


class _Folder:
    """A folder on disk; links are never followed."""

    dropped: Set[str] = frozenset()
    faults: Sequence[tuple[str, str]] = ()

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> list[str]:
        found = (path for path in self._root.rglob("*") if path.is_symlink() or not path.is_dir())
        names = (path.relative_to(self._root).as_posix() for path in found)
        return sorted(name for name in names if not name.startswith(f"{HIDDEN_DIR}/"))

    def oddity(self, name: str) -> str | None:
        mode = (self._root / name).lstat().st_mode
        return None if stat.S_ISREG(mode) else "is no plain file"

    def open(self, name: str) -> IO[bytes]:
        return (self._root / name).open("rb")


class _Archive:
    """A .zip, read in place: nothing is ever unpacked to disk."""

    dropped: Set[str] = frozenset()
    faults: Sequence[tuple[str, str]] = ()

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def names(self) -> list[str]:
        return [entry.filename for entry in self._archive.infolist() if not entry.is_dir()]

    def oddity(self, name: str) -> str | None:
        entry = self._archive.getinfo(name)
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or str(path) != name:
            return "its name leads out of the archive"
        mode = entry.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            return "is no plain file"
        if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return "is encrypted, or packed in a way that is not read here"
        return None

    def open(self, name: str) -> IO[bytes]:
        return self._archive.open(name)


@contextmanager
def open_tree(path: Path) -> Generator[Tree]:
    if path.is_dir():
        yield _Folder(path)
    elif path.is_file():
        try:
            archive = zipfile.ZipFile(path)
        # A hostile directory of entries makes zipfile raise all of these.
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, OSError) as error:
            raise InputError(f"{path} is no folder and no readable .zip: {error}") from None
        with archive:
            yield _Archive(archive)
    else:
        raise InputError(f"there is no folder or .zip {path}")
