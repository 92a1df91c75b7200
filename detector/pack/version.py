"""Versions of packs: numbers with points between them, compared number by number."""

from __future__ import annotations

import re

from detector.errors import InputError

_VERSION = re.compile(r"^[0-9]{1,9}(\.[0-9]{1,9}){0,3}$")


def version_key(version: str) -> tuple[int, ...]:
    """What a version sorts by; zeros at the end count for nothing.

    >>> version_key("1.10") > version_key("1.9")
    True
    >>> version_key("2") == version_key("2.0.0")
    True

    Raises:
        InputError: it is no version.
    """
    if _VERSION.fullmatch(version) is None:
        raise InputError(f"version {version[:60]!r} is not one to four numbers with points between them, as 1.4")
    numbers = [int(part) for part in version.split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
