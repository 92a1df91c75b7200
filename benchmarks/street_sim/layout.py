"""The ground of a district: streets, and the features painted and filed along their footways."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from benchmarks.street_sim.params import WorldParams

Array = NDArray[np.float64]


class Fabric(StrEnum):
    """What a stretch of a street's side holds."""

    PITCH = "pitch"
    BAY = "bay"
    MARKET = "market"
    SHOP = "shop"


@dataclass(frozen=True, slots=True)
class Side:
    """One side of one street.

    Its own coordinates are (along, deep): metres from the street's west end, and metres from the kerb away from the
    carriageway.

    Attributes:
        street: number of the street, from 0.
        sign: +1 for the side to the left of somebody who looks along the street, -1 for the right.
        turn_deg: by which the district is turned, clockwise.
        centre_m: how far to the left of the district's origin the street's middle lies, before the turn.
        half_road_m: from the middle to the kerb.
    """

    street: int
    sign: int
    turn_deg: float
    centre_m: float
    half_road_m: float

    def plane_m(self, along_m: float | Array, deep_m: float | Array) -> Array:
        """(N, 2) east, north of points given as (along, deep)."""
        along, deep = np.broadcast_arrays(np.atleast_1d(along_m), np.atleast_1d(deep_m))
        across = self.centre_m + self.sign * (self.half_road_m + deep)
        return turned(np.column_stack((along, across)), self.turn_deg)

    @property
    def heading_deg(self) -> float:
        """Compass heading along the street, clockwise from north."""
        return (90.0 + self.turn_deg) % 360.0

    @property
    def name(self) -> str:
        """Short name, for ids."""
        return f"{self.street}{'l' if self.sign > 0 else 'r'}"


def turned(points_m: Array, turn_deg: float) -> Array:
    """Points (N, 2) turned clockwise about the origin."""
    c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    return points_m @ np.array([[c, -s], [s, c]])


@dataclass(frozen=True, slots=True)
class Feature:
    """One painted or filed area, as it truly lies on the ground.

    Attributes:
        feature_id: unique in the district; also the zone's id.
        row: name that the pitches of one row share; else the feature's own id.
        along_m, deep_m: of its corner nearest to the street's start and to the kerb.
        length_m, depth_m: its size along and across the street.
        in_force: what may stand there may stand there now.
        morning: only open in the morning.
        lapsed: its permit has run out.
        capacity: bikes that a bay holds, 0 for the others.
        shift_m: (east, north) by which the map draws it wrong.
    """

    feature_id: str
    fabric: Fabric
    side: Side
    row: str
    along_m: float
    deep_m: float
    length_m: float
    depth_m: float
    in_force: bool = True
    morning: bool = False
    lapsed: bool = False
    capacity: int = 0
    shift_m: tuple[float, float] = (0.0, 0.0)

    @property
    def middle(self) -> tuple[float, float]:
        """(along, deep) of its middle."""
        return self.along_m + self.length_m / 2.0, self.deep_m + self.depth_m / 2.0

    def ring_m(self, grow_m: float = 0.0) -> Array:
        """(4, 2) true corners, east and north; as the map draws it, add `shift_m`."""
        low, high = -grow_m, grow_m
        along = np.array([low, self.length_m + high, self.length_m + high, low]) + self.along_m
        deep = np.array([low, low, self.depth_m + high, self.depth_m + high]) + self.deep_m
        return self.side.plane_m(along, deep)

    def clear_m(self, along_m: float, deep_m: float) -> float:
        """How far outside the true area a point of the same side lies; negative inside."""
        out_along = max(self.along_m - along_m, along_m - self.along_m - self.length_m)
        out_deep = max(self.deep_m - deep_m, deep_m - self.deep_m - self.depth_m)
        return float(np.hypot(max(out_along, 0.0), max(out_deep, 0.0))) or max(out_along, out_deep)


def sides_of(params: WorldParams, turn_deg: float) -> list[Side]:
    """All sides of all streets."""
    return [
        Side(street, sign, turn_deg, street * params.between_m, params.half_road_m)
        for street in range(params.streets)
        for sign in (1, -1)
    ]


def lay_out(side: Side, params: WorldParams, rng: np.random.Generator) -> list[Feature]:
    """What lies along one side, from its start to its end."""
    features: list[Feature] = []
    along_m = float(rng.uniform(8.0, 20.0))
    makers = (_pitch_row, _single_pitch, _bay, _market, _nothing)
    number = 0
    while True:
        maker = makers[int(rng.choice(len(makers), p=params.feature_shares))]
        shift = rng.normal(0.0, params.misdrawn_sd_m, 2)
        made = list(maker(side, along_m, f"{side.name}-{number}", (float(shift[0]), float(shift[1])), params, rng))
        end_m = max((f.along_m + f.length_m for f in made), default=along_m)
        if end_m > params.street_m - 8.0:
            break
        features += made
        number += 1
        along_m = end_m + float(rng.uniform(*params.gap_m))
    return features + list(_shops(side, features, params, rng))


def _pitch(
    side: Side,
    along_m: float,
    name: str,
    row: str,
    shift: tuple[float, float],
    params: WorldParams,
    rng: np.random.Generator,
) -> Feature:
    morning = bool(rng.random() < params.morning_share)
    lapsed = bool(rng.random() < params.lapsed_share)
    length_m, depth_m = params.pitch_m
    return Feature(
        f"pitch-{name}", Fabric.PITCH, side, row, along_m, 0.4, length_m, depth_m,
        in_force=not (morning or lapsed), morning=morning, lapsed=lapsed, shift_m=shift,
    )  # fmt: skip


def _pitch_row(
    side: Side, along_m: float, name: str, shift: tuple[float, float], params: WorldParams, rng: np.random.Generator
) -> Iterator[Feature]:
    step_m = params.pitch_m[0] + params.pitch_gap_m
    for i in range(int(rng.integers(params.row_pitches[0], params.row_pitches[1] + 1))):
        yield _pitch(side, along_m + i * step_m, f"{name}-{i}", f"row-{name}", shift, params, rng)


def _single_pitch(
    side: Side, along_m: float, name: str, shift: tuple[float, float], params: WorldParams, rng: np.random.Generator
) -> Iterator[Feature]:
    yield _pitch(side, along_m, name, f"pitch-{name}", shift, params, rng)


def _bay(
    side: Side, along_m: float, name: str, shift: tuple[float, float], params: WorldParams, rng: np.random.Generator
) -> Iterator[Feature]:
    length_m = float(rng.uniform(*params.bay_m))
    yield Feature(
        f"bay-{name}", Fabric.BAY, side, f"bay-{name}", along_m, 0.3, length_m, params.bay_deep_m,
        capacity=int(length_m * params.bikes_per_m), shift_m=shift,
    )  # fmt: skip


def _market(
    side: Side, along_m: float, name: str, shift: tuple[float, float], params: WorldParams, rng: np.random.Generator
) -> Iterator[Feature]:
    length_m, depth_m = params.market_m
    yield Feature(
        f"market-{name}", Fabric.MARKET, side, f"market-{name}", along_m, params.footway_m + 0.3, length_m, depth_m,
        shift_m=shift,
    )  # fmt: skip


def _nothing(
    side: Side, along_m: float, name: str, shift: tuple[float, float], params: WorldParams, rng: np.random.Generator
) -> Iterator[Feature]:
    return iter(())


def _shops(side: Side, features: list[Feature], params: WorldParams, rng: np.random.Generator) -> Iterator[Feature]:
    """Shop after shop behind the footway, but for the forecourts of markets."""
    markets = [(f.along_m, f.along_m + f.length_m) for f in features if f.fabric is Fabric.MARKET]
    along_m, number = 2.0, 0
    while along_m < params.street_m - params.shop_m[1]:
        length_m, apron_m = float(rng.uniform(*params.shop_m)), float(rng.uniform(*params.apron_m))
        shift = rng.normal(0.0, params.misdrawn_sd_m, 2)
        blocked = next((end for start, end in markets if start - length_m < along_m < end), None)
        if blocked is not None:
            along_m = blocked + 0.5
            continue
        name = f"shop-{side.name}-{number}"
        yield Feature(
            name, Fabric.SHOP, side, name, along_m, params.footway_m - apron_m, length_m,
            params.shop_deep_m + apron_m, shift_m=(float(shift[0]), float(shift[1])),
        )  # fmt: skip
        along_m += length_m
        number += 1
