"""Files from elsewhere, with a limit on what is read."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from models.errors import DatasetError

_WIDEST_PX = 1_000_000


def read_bytes(path: Path, limit_bytes: int) -> bytes:
    """A file's content.

    Raises:
        DatasetError: it cannot be read, is no plain file, or is larger than ``limit_bytes``.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a named pipe would be waited for
            raise DatasetError(f"{path.name} is not a plain file")
        with path.open("rb") as file:
            content = file.read(limit_bytes + 1)
    except OSError as error:
        raise DatasetError(f"cannot read {path.name}: {error.strerror}") from error
    if len(content) > limit_bytes:
        raise DatasetError(f"{path.name} has more than {limit_bytes} bytes")
    return content


def read_text(path: Path, limit_bytes: int) -> str:
    """A UTF-8 file's text, byte order mark removed.

    Raises:
        DatasetError: as :func:`read_bytes`, or it is not UTF-8.
    """
    try:
        return read_bytes(path, limit_bytes).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path.name} is not UTF-8: {error}") from error


def read_json(path: Path, limit_bytes: int) -> dict[str, Any]:
    """A JSON file that holds one object.

    Raises:
        DatasetError: as :func:`read_text`, or it is no JSON, nested too deeply, or no object.
    """
    try:
        content = json.loads(read_text(path, limit_bytes))
    except (ValueError, RecursionError) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{path.name} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise DatasetError(f"{path.name} holds no JSON object")
    return content


def number(value: Any) -> float:
    """A number from a file, or a number in text.

    Raises:
        ValueError: it is none; infinities and NaN are numbers here, the geometry check tells of them.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"expected a number, got {value!r}")
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def declared_size_px(width: Any, height: Any) -> tuple[int, int] | None:
    """(width, height) in px where a file states them, as integers or digits.

    None where it states none that a picture can have: some tools write 0, and no decoder opens a million px.
    """
    sides = (_side_px(width), _side_px(height))
    return sides if all(sides) else None


def _side_px(value: Any) -> int:
    side = 0
    if isinstance(value, str) and value.isdecimal() and len(value) <= len(str(_WIDEST_PX)):
        side = int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        side = value
    return side if 0 < side <= _WIDEST_PX else 0


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a JSON list; what is no list counts as empty, what is no object as an empty one."""
    return [item if isinstance(item, dict) else {} for item in value] if isinstance(value, list) else []
