"""``SHA256SUMS`` of a pack: every file by its path inside the pack, and what such a path may look like."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

from detector.errors import PackError
from detector.model.signed_folder import MAX_MODEL_BYTES, SIGNATURE, SUMS
from detector.pack.manifest import MANIFEST

MAX_FILES: Final = 2000
MAX_PACK_BYTES: Final = 1024**3
MAX_LIST_BYTES: Final = 512 * 1024
MAX_SIGNATURE_BYTES: Final = 16 * 1024
MAX_MANIFEST_BYTES: Final = 1024**2
MAX_FILE_BYTES: Final = 64 * 1024**2
MAX_PATH_BYTES: Final = 100
"""What the name field of a tar header holds; a longer path would need the headers that are refused."""

_PART = re.compile(r"\w[\w. +-]{0,79}")
_SUM_LINE = re.compile(r"^(?P<sha256>[0-9a-f]{64})  (?P<path>.+)$")


def check_path(path: str) -> str:
    """A path that stays inside its pack: plain parts with `/` between them, none of which begins with a point.

    Raises:
        PackError: absolute, with `..`, hidden, too long, or with characters that a path of a pack never needs.
    """
    parts = path.split("/")
    plain = 1 <= len(parts) <= 5 and all(_PART.fullmatch(part) for part in parts)
    if not plain or len(path.encode()) > MAX_PATH_BYTES or unicodedata.normalize("NFC", path) != path:
        raise PackError(
            f"path {path[:120]!r} may not be in a pack: give plain names with / between, at most {MAX_PATH_BYTES} bytes"
        )
    return path


def max_bytes(path: str) -> int:
    """How large a file of that path may be."""
    limits = {SUMS: MAX_LIST_BYTES, SIGNATURE: MAX_SIGNATURE_BYTES, MANIFEST: MAX_MANIFEST_BYTES}
    return limits.get(path, MAX_MODEL_BYTES if path.endswith(".onnx") else MAX_FILE_BYTES)


def listing(sha256_of: Mapping[str, str]) -> bytes:
    """The content of ``SHA256SUMS`` for the hashes by path, in the order of the paths."""
    return "".join(f"{sha256_of[path]}  {path}\n" for path in sorted(sha256_of)).encode()


def parse_listing(data: bytes, where: str) -> dict[str, str]:
    """Hashes by path.

    Raises:
        PackError: no text, a line that is none, a path twice, the list itself in the list, too many files.
    """
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise PackError(f"{where} is not text: {error}; build the pack again") from error
    if len(lines) > MAX_FILES:
        raise PackError(f"{where} lists {len(lines)} files, at most {MAX_FILES} are allowed")
    sums: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        match = _SUM_LINE.fullmatch(line)
        if match is None or match["path"] in sums or match["path"] in (SUMS, SIGNATURE):
            raise PackError(f"{where} line {number} is {line[:120]!r}; expected '<sha256>  <path>', once")
        sums[check_path(match["path"])] = match["sha256"]
    if MANIFEST not in sums:
        raise PackError(f"{where} does not list {MANIFEST}: build the pack again")
    return sums


def check_complete(found: Iterable[str], sums: Mapping[str, str], where: str) -> None:
    """See that a pack holds exactly the files of its list.

    Raises:
        PackError: names one that is missing or not listed.
    """
    names = set(found)
    for name in sorted(names - set(sums)):
        raise PackError(f"{where}: {name} is not listed in {SUMS}: build the pack again")
    for name in sorted(set(sums) - names):
        raise PackError(f"{where}: {name} is missing: copy the pack again")
