"""Files from elsewhere, with a limit on what is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from models.errors import DatasetError


def read_bytes(path: Path, limit_bytes: int) -> bytes:
    """A file's content.

    Raises:
        DatasetError: it cannot be read, or is larger than ``limit_bytes``.
    """
    try:
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


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a JSON list; what is no list counts as empty, what is no object as an empty one."""
    return [item if isinstance(item, dict) else {} for item in value] if isinstance(value, list) else []
