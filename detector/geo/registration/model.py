"""What registration takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from detector.errors import InputError
from detector.hit import Matrix2, PassOffset
from detector.vocabulary import Kind, Text


@dataclass(frozen=True, slots=True)
class Landmark:
    """A thing known to stand somewhere from elsewhere (a case still open); things of its kind are matched to it.

    Attributes:
        cov_m2: error of the point, east-north square metres.
        presence: P(it still stands there), 0..1.
    """

    kind: Kind
    lon_deg: float
    lat_deg: float
    cov_m2: Matrix2
    presence: float = 0.7

    def __post_init__(self) -> None:
        if not 0.0 <= self.presence <= 1.0:
            raise InputError(f"landmark presence is {self.presence}; it is a probability, 0 to 1")


@dataclass(frozen=True, slots=True)
class FixErrors:
    """How a receiver's error behaves within a pass.

    Attributes:
        memory_s: correlation time of the error (Gauss-Markov). Shorter forgets faster, and is right where the sky
            changes from house to house.
        white_m: one sigma per axis of a single place's fixes besides.
        jump_share: P(a pass has a jump that the receiver does not declare).
        jump_sigma_m: one sigma per axis of such a jump.
        jump_rate_hz: how often the error begins anew unseen, while the receiver tells no speed.
        good_sigma_m: a fix this good is not matched to a map: the map is no better.
    """

    memory_s: float = 90.0
    white_m: float = 0.2
    jump_share: float = 0.15
    jump_sigma_m: float = 8.0
    jump_rate_hz: float = 1e-3
    good_sigma_m: float = 0.4

    def __post_init__(self) -> None:
        if not 0.0 <= self.jump_share < 1.0:
            raise InputError(f"jump_share is {self.jump_share}; it is a share, 0 to below 1")
        for name in ("memory_s", "white_m", "jump_sigma_m", "jump_rate_hz", "good_sigma_m"):
            if not getattr(self, name) > 0.0:
                raise InputError(f"{name} is {getattr(self, name)}; it must be above 0")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a place stays as the fix gave it.

    `code` is ``no_anchors`` (nothing seen bears on the offset), ``ambiguous`` (another offset fits about as well),
    ``not_tighter`` (the match says no more than the fix does) or ``good_fix`` (the fix is as good as the map).
    """

    code: str
    text: Text


@dataclass(frozen=True, slots=True)
class Registration:
    """What registering a pass found. Every placed track is in exactly one of the two, by track id.

    Attributes:
        offsets: what each place is to be moved by, with what is still unknown of it.
        refused: why the others stay where they are.
    """

    offsets: Mapping[str, PassOffset]
    refused: Mapping[str, Refusal]


REFUSALS: Mapping[str, Refusal] = {
    code: Refusal(code, Text(zh, en))
    for code, zh, en in (
        ("no_anchors", "周围没有可以与地图对应的物体", "nothing else in view can be matched to the map"),
        ("ambiguous", "与地图的对应不唯一", "more than one shift would match the map about as well"),
        ("not_tighter", "与地图的对应不比定位本身更准", "the match with the map says no more than the position fix"),
        ("good_fix", "定位已经足够准", "the position fix is already as good as the map"),
    )
}
"""Every refusal, by code."""
