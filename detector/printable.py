"""Text that a terminal shows and does not obey."""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: str) -> str:
    """A text with everything unseen but line breaks written as an escape; file names and keys may hold anything.

    >>> printable("a\\x1b[31m")
    'a\\\\x1b[31m'
    """
    return "".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text)
