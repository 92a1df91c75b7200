"""A folder of files under one signed list of hashes: read whole, checked before anybody parses it.

``SHA256SUMS`` lists every file, ``SHA256SUMS.sig`` says who vouches for the list. The order is what protects: first the
signature over the list, then each file's hash, and only then do the bytes go to a parser. Every file is read once and
links are not followed, so that what was hashed is what is used.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from detector.errors import BundleError
from detector.model.signature import check_signature
from detector.model.signers import Signer, Trust, shipped_trust

SUMS: Final = "SHA256SUMS"
SIGNATURE: Final = "SHA256SUMS.sig"
_UNSUMMED = {SUMS, SIGNATURE}
_SUM_LINE = re.compile(r"^(?P<sha256>[0-9a-f]{64}) [ *](?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,99})$")

MAX_FILES = 32
MAX_MODEL_BYTES = 512 * 1024 * 1024
MAX_FILE_BYTES = 32 * 1024 * 1024
MAX_LIST_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class SignedFiles:
    """The checked content of a signed folder.

    Attributes:
        files: bytes by file name; the list and its signature are not among them.
        sums_sha256: hash of the list, hex: the one name of all the bytes together.
        signer: who vouches for them.
    """

    files: Mapping[str, bytes]
    sums_sha256: str
    signer: Signer


def read_signed(folder: Path, trust: Trust | None = None) -> SignedFiles:
    """Every file of a signed folder.

    Args:
        trust: whose signature counts; `None` takes the shipped list alone.

    Raises:
        BundleError: the folder is unsigned, or signed by somebody else; a file is missing, unlisted, a link, too
            large, or does not match its hash.
    """
    present = _names(folder)
    sums = _read_list(folder, SUMS)
    if SIGNATURE not in present:
        raise BundleError(
            f"{folder / SIGNATURE} is missing: the bundle is unsigned. Get the signed one from its maker, or sign it "
            f"yourself: kerbwatch models sign {folder} --key KEY"
        )
    signature = _read_list(folder, SIGNATURE)
    signer = check_signature(sums, signature, shipped_trust() if trust is None else trust, folder / SIGNATURE)
    files = _read_listed(folder, sums, present)
    return SignedFiles(files, hashlib.sha256(sums).hexdigest(), signer)


def read_sums(folder: Path) -> bytes:
    """The list of a folder whose files all match it, for who is about to sign it.

    Raises:
        BundleError: as `read_signed`, but for the signature, which is not looked at.
    """
    present = _names(folder)
    sums = _read_list(folder, SUMS)
    _read_listed(folder, sums, present)
    return sums


def _names(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise BundleError(f"{folder} is not a folder: give the folder that holds card.yaml and {SUMS}")
    try:
        present = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise BundleError(f"cannot read {folder}: {error.strerror}") from error
    if len(present) > MAX_FILES:
        raise BundleError(f"{folder} holds {len(present)} entries, at most {MAX_FILES} are allowed: is it a bundle?")
    return present


def _read_listed(folder: Path, sums: bytes, present: list[str]) -> dict[str, bytes]:
    hashes = _parse_sums(folder / SUMS, sums)
    unlisted = [name for name in present if name not in hashes and name not in _UNSUMMED]
    if unlisted:
        raise BundleError(f"{folder / unlisted[0]} is not listed in {SUMS}: take it out or build the bundle again")
    return {name: _read_hashed(folder / name, expected) for name, expected in hashes.items()}


def _parse_sums(path: Path, data: bytes) -> dict[str, str]:
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise BundleError(f"{path} is not text: {error}; build the bundle again") from error
    sums: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        match = _SUM_LINE.match(line)
        if match is None or match["name"] in sums or match["name"] in _UNSUMMED:
            raise BundleError(f"{path} line {number} is {line[:120]!r}; expected '<sha256>  <plain file name>', once")
        sums[match["name"]] = match["sha256"]
    return sums


def _read_hashed(path: Path, expected: str) -> bytes:
    data = _read_plain(path, MAX_MODEL_BYTES if path.suffix == ".onnx" else MAX_FILE_BYTES)
    actual = hashlib.sha256(data).hexdigest()
    if actual != expected:
        raise BundleError(
            f"{path} has SHA-256 {actual}, {SUMS} says {expected}: the file was changed or cut, copy the bundle again"
        )
    return data


def _read_list(folder: Path, name: str) -> bytes:
    return _read_plain(folder / name, MAX_LIST_BYTES)


def _read_plain(path: Path, limit_bytes: int) -> bytes:
    try:
        # Without NONBLOCK a named pipe would be waited for.
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise BundleError(f"{path} is missing: copy the bundle again") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise BundleError(f"{path} is a link; a bundle holds plain files only: copy the file itself") from error
        raise BundleError(f"cannot read {path}: {error.strerror}") from error
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise BundleError(f"{path} is not a plain file: copy the bundle again")
        if status.st_size > limit_bytes:
            raise BundleError(f"{path} has {status.st_size} bytes, at most {limit_bytes} are allowed")
        with open(fd, "rb", closefd=False) as file:
            return file.read(limit_bytes)
    finally:
        os.close(fd)
