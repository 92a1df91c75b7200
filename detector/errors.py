"""The error tree of the whole product.

::

    KerbwatchError                 every error the product raises on purpose; exit_code for the command line
    ├── InputError(ValueError)     what the user gave is wrong: a file, a flag, a zone, a clock
    │   ├── SourceError            a video or a folder of pictures cannot be read
    │   ├── SiteError              the site folder: carries file, feature and field
    │   ├── BundleError            a model bundle does not match its card, its hashes or its golden output
    │   ├── PackError              a fleet pack is not whole, not trusted, not for this box, or fails its self-test
    │   └── SealError              a report or a piece of evidence does not match its seal
    ├── TransientError             try again later: the network, a busy server, a full disk
    └── PermanentError             trying again changes nothing: refused, forbidden, conflict

A message names the bad value and the fix. `TransientError` and `PermanentError` tell a caller what to retry.
"""

from __future__ import annotations


class KerbwatchError(Exception):
    """Root of every error the product raises on purpose."""

    exit_code: int = 1


class InputError(KerbwatchError, ValueError):
    """What the user gave is wrong; the message names the value and the fix."""

    exit_code = 2


class SourceError(InputError):
    """A video file, picture folder or camera cannot be read."""


class BundleError(InputError):
    """A model bundle does not match its card, its hashes or its golden output."""


class PackError(InputError):
    """A fleet pack is not whole, not signed by somebody trusted, not for this box, or fails its self-test."""


class SealError(InputError):
    """A report or evidence file does not match its seal."""


class SiteError(InputError):
    """Something in a site folder is wrong.

    Args:
        message: what is wrong and how to mend it.
        file: path inside the site folder, e.g. ``zones/pitches.geojson``.
        feature: id or index of the feature, entry or rule, when one is at fault.
        field: dotted name of the field at fault, e.g. ``properties.schedule``.
    """

    def __init__(self, message: str, *, file: str, feature: str | None = None, field: str | None = None) -> None:
        self.file = file
        self.feature = feature
        self.field = field
        where = ": ".join(p for p in (file, f"feature {feature}" if feature else None, field) if p)
        super().__init__(f"{where}: {message}")


class TransientError(KerbwatchError):
    """Trying again later can succeed: network down, server busy, disk full."""

    exit_code = 75  # EX_TEMPFAIL


class PermanentError(KerbwatchError):
    """Trying again changes nothing: refused, forbidden, conflicting."""
