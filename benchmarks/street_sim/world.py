"""A district with everything that stands in it, and the truth about each thing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.street_sim import crowd
from benchmarks.street_sim.crowd import Thing
from benchmarks.street_sim.layout import Fabric, Feature, Side, lay_out, sides_of
from benchmarks.street_sim.params import WorldParams
from detector.geo.plane import LocalPlane

Array = NDArray[np.float64]

PLANE = LocalPlane(117.19, 34.26)
"""East and north of here are the simulator's metres. Xuzhou's latitude and longitude; the streets are made up."""


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """A district at one moment.

    Attributes:
        seed: it was made from.
        features: painted and filed areas where they truly are.
        things: everything that stands there, in a fixed order.
    """

    seed: int
    params: WorldParams
    sides: tuple[Side, ...]
    features: tuple[Feature, ...]
    things: tuple[Thing, ...]

    def thing(self, thing_id: str) -> Thing:
        """The thing of an id."""
        return next(thing for thing in self.things if thing.thing_id == thing_id)

    def truth_m(self) -> Array:
        """(things, 2) true middles, east and north of `PLANE`."""
        return np.array([thing.east_north_m for thing in self.things]).reshape(-1, 2)


def build_world(seed: int, params: WorldParams | None = None) -> World:
    """The district of a seed."""
    params = params or WorldParams()
    rng = np.random.default_rng((seed, 1))
    turn_deg = float(rng.uniform(-params.max_turn_deg, params.max_turn_deg))
    sides = sides_of(params, turn_deg)
    features: list[Feature] = []
    things: list[Thing] = []
    for side in sides:
        there = lay_out(side, params, rng)
        features += there
        things += _things_of(side, there, params, rng)
    return World(seed, params, tuple(sides), tuple(features), tuple(things))


def _things_of(side: Side, there: list[Feature], params: WorldParams, rng: np.random.Generator) -> list[Thing]:
    maker = crowd.Crowd(side, there, params, rng)
    rows: dict[str, list[Feature]] = {}
    for feature in there:
        rows.setdefault(feature.row, []).append(feature)
    for members in rows.values():
        match members[0].fabric:
            case Fabric.PITCH:
                maker.vendors(members)
            case Fabric.MARKET:
                maker.market(members[0])
            case Fabric.BAY:
                maker.bikes(members[0])
            case Fabric.SHOP:
                maker.goods(members[0])
    maker.roamers()
    maker.stray_bikes()
    maker.signs()
    maker.look_alikes()
    return maker.things
