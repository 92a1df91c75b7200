"""A sealed original gives back its bytes from any offset, and shows every way of tampering."""

from __future__ import annotations

import os
import secrets
import tracemalloc
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from detector.errors import SealError
from edge.vault.sealed_file import PIECE_BYTES, Header, SealedReader, sealed_bytes, write_sealed
from tests.edge.vault.kept import original

KEY = secrets.token_bytes(32)


def sealed(folder: Path, size_bytes: int, seed: int = 0) -> tuple[Path, Header, bytes]:
    file = original(seed, size_bytes)
    header = Header.of(uuid.uuid5(uuid.NAMESPACE_URL, str(seed)), file)
    path = folder / f"{seed}.sealed"
    write_sealed(path, header, file.data, KEY)
    return path, header, file.data


def read(path: Path, header: Header, key: bytes = KEY) -> bytes:
    with SealedReader(path.open("rb"), header, key) as reader:
        return reader.read()


@pytest.mark.parametrize("size_bytes", [1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 17])
def test_bytes_come_back_and_no_clear_one_lies_on_the_disk(tmp_path: Path, size_bytes: int) -> None:
    path, header, data = sealed(tmp_path, size_bytes)
    assert read(path, header) == data
    on_disk = path.read_bytes()
    assert len(on_disk) == sealed_bytes(header)
    assert path.stat().st_mode & 0o777 == 0o600
    assert all(data[at : at + 16] not in on_disk for at in range(0, max(1, size_bytes - 16), 4099) if size_bytes > 16)


def test_reads_from_any_offset(tmp_path: Path) -> None:
    path, header, data = sealed(tmp_path, 3 * PIECE_BYTES + 17)
    with SealedReader(path.open("rb"), header, KEY) as reader:
        for at, count in [(0, 10), (PIECE_BYTES - 3, 10), (len(data) - 5, 99), (2 * PIECE_BYTES, 1), (len(data), 5)]:
            assert reader.seek(at) == reader.tell() == at
            wanted, got = data[at : at + count], b""
            while part := reader.read(count - len(got)):
                got += part
            assert got == wanted
        assert reader.seek(-1, os.SEEK_END) == len(data) - 1
        assert reader.seek(1, os.SEEK_CUR) == len(data)
        with pytest.raises(ValueError, match="offset -1 is before the start"):
            reader.seek(-1)


def flip(at: int) -> Callable[[bytes, bytes], bytes]:
    def change(own: bytes, other: bytes) -> bytes:
        del other
        at_ = at % len(own)
        return own[:at_] + bytes([own[at_] ^ 1]) + own[at_ + 1 :]

    return change


def swapped_pieces(own: bytes, other: bytes) -> bytes:
    del other
    begin, piece = len(own) - (2 * (PIECE_BYTES + 16) + 17 + 16), PIECE_BYTES + 16
    first, second = own[begin : begin + piece], own[begin + piece : begin + 2 * piece]
    return own[:begin] + second + first + own[begin + 2 * piece :]


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (flip(0), "first bytes were changed"),
        (flip(8), "first bytes were changed"),  # the header's length
        (flip(40), "header was changed|another one's place"),
        (flip(600), "was changed after sealing, within piece 0"),
        (flip(-1), "was changed after sealing, within piece 2"),  # the last tag
        (lambda own, _: own[:-1], "cut short or added to"),
        (lambda own, _: own[: -(17 + 16)], "cut short or added to"),  # the whole last piece
        (lambda own, _: own + b"\0", "cut short or added to"),
        (lambda own, _: b"", "first bytes were changed"),
        (lambda own, other: other, "another one's place"),  # a whole other original
        (lambda own, other: own[:-1000] + other[-1000:], "was changed after sealing"),  # the end of another
        (swapped_pieces, "was changed after sealing, within piece 0"),
    ],
)
def test_every_tampering_shows(tmp_path: Path, tamper: Callable[[bytes, bytes], bytes], says: str) -> None:
    size_bytes = 2 * PIECE_BYTES + 17
    path, header, _ = sealed(tmp_path, size_bytes)
    other, _, _ = sealed(tmp_path, size_bytes, seed=1)
    path.write_bytes(tamper(path.read_bytes(), other.read_bytes()))
    with pytest.raises(SealError, match=says):
        read(path, header)


def test_another_key_reads_nothing(tmp_path: Path) -> None:
    path, header, _ = sealed(tmp_path, 100)
    with pytest.raises(SealError, match="was changed after sealing, within piece 0"):
        read(path, header, secrets.token_bytes(32))


def test_a_long_clip_is_never_in_memory_twice(tmp_path: Path) -> None:
    file = original(size_bytes=8 * 1024**2)
    header = Header.of(uuid.uuid4(), file)
    tracemalloc.start()
    write_sealed(tmp_path / "clip", header, file.data, KEY)
    with SealedReader((tmp_path / "clip").open("rb"), header, KEY) as reader:
        while reader.read(PIECE_BYTES):
            pass
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 2 * 1024**2
