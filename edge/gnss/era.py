"""GPS counts weeks modulo 1024: the date of an old receiver falls back by 19.6 years at a roll-over.

The time of day stays right, and so does the date once the right number of eras is added.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

GNSS_ERA: Final = timedelta(weeks=1024)

AGREES: Final = timedelta(days=1)
"""Two clocks this close speak of the same era."""


def eras_off(receiver: datetime, other: datetime) -> int | None:
    """How many eras must be added to a receiver's date to agree with another clock; `None` when none makes it."""
    eras = round((other - receiver) / GNSS_ERA)
    return eras if abs(receiver + eras * GNSS_ERA - other) <= AGREES else None


def eras_after(receiver: datetime, floor: datetime) -> int:
    """How many eras must be added to bring a receiver's date into the era that begins with `floor`."""
    return -((receiver - floor) // GNSS_ERA)
