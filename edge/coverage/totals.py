"""How much was looked at: what the hits of a patrol are divided by."""

from __future__ import annotations

from dataclasses import dataclass

from edge.coverage.looks import SURVEYED, Look


@dataclass(frozen=True, slots=True)
class Looked:
    """What a patrol, or many, looked at.

    Attributes:
        looks: how many looks.
        way_km: way of the camera while ground was in view and known. A street driven twice was looked at twice.
        good_km: the part of it whose looks were good: sharp, lit, and with a usable fix.
        standing_h: hours that standing cameras looked, while they saw well.
    """

    looks: int = 0
    way_km: float = 0.0
    good_km: float = 0.0
    standing_h: float = 0.0

    def plus(self, look: Look) -> Looked:
        """With one more look."""
        way_km = look.way_m / 1000.0
        hours = (look.ends_at - look.begins_at).total_seconds() / 3600.0 if look.fix == SURVEYED else 0.0
        return Looked(
            self.looks + 1,
            self.way_km + way_km,
            self.good_km + way_km * look.good,
            self.standing_h + hours * look.good,
        )
