"""Where a command writes: made before the work, so that a wrong name costs no measurement."""

from __future__ import annotations

from pathlib import Path

from detector.errors import InputError


def make_out(out: Path) -> None:
    """Make the folder, if it is not there yet.

    Raises:
        InputError: it cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write to {out}: {error.strerror}; give --out a folder this user may write") from error
