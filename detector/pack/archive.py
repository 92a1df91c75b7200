"""The one file a pack travels in: a plain tar, the same bytes for the same content.

``SHA256SUMS`` comes first, ``SHA256SUMS.sig`` second, the other files follow by path. Every header is one block of
512 bytes for a plain file; links, devices, folders and the headers that carry longer names are refused, and so is any
header or filling that is not as `write_archive` writes it: there is nothing in an archive but paths and bytes, and one
archive for each content. All headers are read, and all sizes and paths judged, before a byte is written anywhere.
"""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from detector.errors import PackError
from detector.model.signed_folder import SIGNATURE, SUMS
from detector.pack.listing import MAX_FILES, MAX_PACK_BYTES, check_path, max_bytes

SUFFIX: Final = ".kwpack"
_BLOCK: Final = tarfile.BLOCKSIZE
_CHUNK_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive: its path and where its bytes are.

    Invariant: ``0 <= begin`` and ``begin + size_bytes <=`` size of the archive.
    """

    path: str
    begin: int
    size_bytes: int


def write_archive(files: Mapping[str, bytes]) -> bytes:
    """The archive of a pack's files, `SHA256SUMS` and its signature (when there is one) among them.

    Raises:
        PackError: a path or a size that no pack may have.
    """
    order = [name for name in (SUMS, SIGNATURE) if name in files]
    order += sorted(name for name in files if name not in (SUMS, SIGNATURE))
    _check_totals([(name, len(files[name])) for name in order], "the new pack")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT, encoding="utf-8") as tar:
        for name in order:
            tar.addfile(_header(check_path(name), len(files[name])), io.BytesIO(files[name]))
    return out.getvalue()


@contextmanager
def opened(path: Path) -> Generator[BinaryIO]:
    """A pack's file, open for reading; a link is not followed.

    Raises:
        PackError: not there, no plain file, or too large.
    """
    with _readable(path):
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        with _readable(path):
            status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise PackError(f"{path} is not a plain file: give the {SUFFIX} file itself")
        if status.st_size > MAX_PACK_BYTES:
            raise PackError(f"{path} has {status.st_size} bytes, a pack has at most {MAX_PACK_BYTES}")
        with open(fd, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(fd)


@contextmanager
def _readable(path: Path) -> Generator[None]:
    """A disk that fails while a pack is read is told as a fault of the pack's copy."""
    try:
        yield
    except OSError as error:
        raise PackError(f"cannot read {path}: {error.strerror}; copy the pack again") from error


@contextmanager
def checking(path: Path) -> Generator[BinaryIO]:
    """As `opened`, for those who only read in the block.

    Raises:
        PackError: also when the disk fails meanwhile.
    """
    with _readable(path), opened(path) as file:
        yield file


def scan(file: BinaryIO, where: str) -> tuple[Entry, ...]:
    """Every file of an archive, by its headers alone.

    Raises:
        PackError: not an archive, cut, with something else than plain files, with a path or size that no pack may
            have, or with bytes behind its end.
    """
    size_bytes = file.seek(0, os.SEEK_END)
    entries: list[Entry] = []
    at = 0
    while (header := _block(file, at)) is not None:
        entry = _entry(header, at + _BLOCK, where)
        if len(entries) >= MAX_FILES + 2:
            raise PackError(f"{where} holds more than {MAX_FILES} files: is it a pack?")
        entries.append(entry)
        at = entry.begin + -(-entry.size_bytes // _BLOCK) * _BLOCK
        if at > size_bytes:
            raise PackError(f"{where} is cut inside {entry.path}: copy the pack again")
        file.seek(entry.begin + entry.size_bytes)
        if file.read(at - entry.begin - entry.size_bytes).strip(b"\0"):
            raise PackError(f"{where} has bytes behind {entry.path}: copy the pack again")
    _check_end(file, at, size_bytes, where)
    _check_totals([(entry.path, entry.size_bytes) for entry in entries], where)
    if not entries or entries[0].path != SUMS:
        raise PackError(f"{where} does not begin with {SUMS}: it is no pack of this kind")
    return tuple(entries)


def chunks(file: BinaryIO, entry: Entry, where: str) -> Iterator[bytes]:
    """The bytes of one file in pieces.

    Raises:
        PackError: the archive became shorter meanwhile.
    """
    file.seek(entry.begin)
    left = entry.size_bytes
    while left:
        data = file.read(min(_CHUNK_BYTES, left))
        if not data:
            raise PackError(f"{where} is cut inside {entry.path}: copy the pack again")
        left -= len(data)
        yield data


def read(file: BinaryIO, entry: Entry, where: str) -> bytes:
    """All bytes of one file; see `chunks`."""
    return b"".join(chunks(file, entry, where))


def _block(file: BinaryIO, at: int) -> bytes | None:
    """The header at an offset, `None` where the archive says it ends or does end."""
    file.seek(at)
    block = file.read(_BLOCK)
    return block if block.strip(b"\0") else None


def _entry(header: bytes, begin: int, where: str) -> Entry:
    try:
        info = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
    except (tarfile.TarError, UnicodeDecodeError, ValueError) as error:
        raise PackError(f"{where} is no archive, or damaged ({error}): copy the pack again") from error
    if info.type != tarfile.REGTYPE or info.linkname:
        raise PackError(f"{where}: {info.name[:120]!r} is not a plain file; a pack holds nothing else: build it again")
    path = check_path(info.name)
    if header != _header(path, info.size).tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict"):
        raise PackError(f"{where}: the header of {path} is not as kerbwatch pack writes it: copy the pack again")
    if not 0 <= info.size <= max_bytes(path):
        raise PackError(f"{where}: {path} has {info.size} bytes, at most {max_bytes(path)} are allowed")
    return Entry(path, begin, info.size)


def _header(path: str, size_bytes: int) -> tarfile.TarInfo:
    """The one way to write a file's header: nobody's, of no time."""
    info = tarfile.TarInfo(path)
    info.size, info.mode, info.mtime = size_bytes, 0o644, 0
    return info


def _check_end(file: BinaryIO, at: int, size_bytes: int, where: str) -> None:
    rest = size_bytes - at
    if rest != -(at + 2 * _BLOCK) % tarfile.RECORDSIZE + 2 * _BLOCK:
        raise PackError(f"{where} is cut, or has bytes behind its end: copy the pack again")
    file.seek(at)
    if file.read(rest).strip(b"\0"):
        raise PackError(f"{where} has bytes behind its end: copy the pack again")


def _check_totals(sizes: list[tuple[str, int]], where: str) -> None:
    if len(sizes) > MAX_FILES + 2:
        raise PackError(f"{where} holds {len(sizes)} files, at most {MAX_FILES} are allowed")
    total_bytes = sum(size_bytes for _, size_bytes in sizes)
    if total_bytes > MAX_PACK_BYTES:
        raise PackError(f"{where} holds {total_bytes} bytes, at most {MAX_PACK_BYTES} are allowed")
    seen: set[str] = set()
    for name, size_bytes in sizes:
        if name in seen:
            raise PackError(f"{where} holds {name} twice: build the pack again")
        seen.add(name)
        if size_bytes > max_bytes(name):
            raise PackError(f"{where}: {name} has {size_bytes} bytes, at most {max_bytes(name)} are allowed")
    parents = {name.rsplit("/", depth)[0] for name in seen for depth in range(1, name.count("/") + 1)}
    for name in sorted(parents & seen):
        raise PackError(f"{where}: {name} is a file and a folder at once: build the pack again")
