"""Capture time: when a recording was made, in UTC.

A file's own word is its container's ``creation_time``. Many cameras write their *local* time there and mark it UTC,
and some phones write the *end* of the recording; nobody can tell from the file. So what the user gives by
``--start-utc`` always wins, and without either there is an error: a time is never invented from the file system.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from detector.errors import InputError
from detector.report import YEARS

_CONTAINER_TAGS = ("com.apple.quicktime.creationdate", "creation_time")
"""Most trustworthy first: Apple's tag carries its own zone."""


def parse_utc(text: str, flag: str) -> datetime:
    """An ISO 8601 time with its zone, as UTC.

    Args:
        text: e.g. ``2026-05-17T09:30:00Z`` or ``2026-05-17T17:30:00+08:00``.
        flag: where the text came from, for the message.

    Raises:
        InputError: not ISO 8601, or without a zone.
    """
    example = f"write it with its zone, e.g. {flag} 2026-05-17T09:30:00Z or {flag} 2026-05-17T17:30:00+08:00"
    try:
        value = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InputError(f"{flag} {text!r} is not an ISO 8601 time: {example}") from None
    if value.tzinfo is None:
        raise InputError(f"{flag} {text!r} has no zone: {example}")
    if value.year not in YEARS:
        raise InputError(f"{flag} {text!r} is not of the years {YEARS.start} to {YEARS.stop - 1}: {example}")
    return value.astimezone(UTC)


def container_start(metadata: Mapping[str, str]) -> datetime | None:
    """The recording time a video container gives, or `None` when it gives none or its clock was never set."""
    for tag in _CONTAINER_TAGS:
        try:
            value = datetime.fromisoformat(metadata[tag].strip())
        except (KeyError, ValueError):
            continue
        # Other years (1904, 1970, 1980) are the zero of a camera whose clock was never set.
        if value.year in YEARS:
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return None


def capture_start(given: datetime | None, recorded: datetime | None, name: str) -> datetime:
    """When a source starts: what the user gave, else what the source says.

    Raises:
        InputError: neither is known.
    """
    start = given or recorded
    if start is None:
        raise InputError(
            f"{name} does not say when it was recorded: give the UTC time of its first picture, "
            "e.g. --start-utc 2026-05-17T09:30:00Z"
        )
    return start
