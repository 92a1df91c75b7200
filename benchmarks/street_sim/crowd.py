"""Who and what stands along one side of a street, with the truth about each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from benchmarks.street_sim.layout import Fabric, Feature, Side
from benchmarks.street_sim.params import CLUSTER_SIZES, NEIGHBOUR_QUANTILES, SIZES, Size, WorldParams

Setting = Literal["pitch", "market", "bay", "frontage", "sign", "elsewhere", "look_alike"]
APART_M = 1.6
"""Middles of two stalls are never nearer: they would overlap."""
OUTSIDE_M = 0.5
"""The middle of a stall without permit stands at least this far outside every area that would permit it: nearer, half
of the stall would stand in the permitted vendor's pitch."""
TRIES = 40


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing on the ground, with the truth about it.

    Attributes:
        thing_id: unique in the district.
        what: ``stall``, ``bike``, ``goods``, ``sign``, ``passer`` or ``awning``.
        setting: what it is scored with: the kind of area it stands in or beside, ``elsewhere``, or ``look_alike``.
        violation: what it truly is at the district's time.
        why: the truth in a word: ``permitted``, ``closed``, ``beside``, ``roaming``, ``in_bay``, ``stray``,
            ``inside``, ``beyond``, ``filed``, ``unfiled``, ``not_a_thing``.
        east_north_m: true middle of its footprint, metres of the district's plane.
        heading_deg: of its width, clockwise from north.
        home: id of the feature it stands in or beside, "" for none.
        ground_m: height of the ground under it against the road.
    """

    thing_id: str
    what: str
    setting: Setting
    violation: bool
    why: str
    east_north_m: tuple[float, float]
    heading_deg: float
    size: Size
    home: str
    ground_m: float


GROUND_SD_M = 0.15
"""Kerbs are 12 to 15 cm, footways fall 2 % towards them, and a patrol's plane is that of the road under its wheels."""


@dataclass(slots=True)
class Crowd:
    """Fills one side of a street, feature by feature; the same generator, the same crowd."""

    side: Side
    features: list[Feature]
    params: WorldParams
    rng: np.random.Generator
    things: list[Thing] = field(default_factory=list)
    _stalls: list[tuple[float, float]] = field(default_factory=list)
    """(along, deep) of every stall so far: they keep their distance."""

    def vendors(self, row: list[Feature]) -> None:
        """Permitted vendors in a row's open pitches, some in closed ones, and those who join them without permit."""
        p = self.params
        for pitch in row:
            share = p.occupied_share if pitch.in_force else p.squat_share
            if self.rng.random() < share:
                off = np.clip(self.rng.normal(0.0, p.vendor_sd_m), (-0.9, -0.6), (0.9, 0.6))
                along, deep = pitch.middle
                why = "permitted" if pitch.in_force else "closed"
                self._stall(along + float(off[0]), deep + float(off[1]), "pitch", why, pitch.feature_id)
        mean = p.spill[0] if len(row) > 1 else p.spill[1]
        for _ in range(int(self.rng.poisson(mean))):
            self._join(row, "pitch")

    def market(self, area: Feature) -> None:
        """Rows of stalls in a market, and those who stand in front of it."""
        p = self.params
        for deep in np.arange(1.5, area.depth_m - 0.7, 3.2):
            for along in np.arange(1.5, area.length_m - 1.2, p.market_pitch_m):
                if self.rng.random() < p.occupied_share:
                    off = self.rng.normal(0.0, p.vendor_sd_m)
                    spot = area.along_m + along + float(off[0]), area.deep_m + deep + float(off[1])
                    self._stall(*spot, "market", "permitted", area.feature_id)
        for _ in range(int(self.rng.poisson(p.spill[2]))):
            self._join([area], "market")

    def bikes(self, bay: Feature) -> None:
        """Bikes in a bay, side by side across it, and those left just beyond its ends."""
        p = self.params
        count = max(1, round(bay.capacity * float(self.rng.uniform(*p.bay_filled))))
        slots = np.sort(self.rng.choice(bay.capacity, count, replace=False))
        pitch_m = bay.length_m / bay.capacity
        for slot in slots.tolist():
            along = bay.along_m + (slot + 0.5) * pitch_m + float(self.rng.normal(0.0, 0.05))
            deep = bay.middle[1] + float(self.rng.normal(0.0, 0.1))
            self._add("bike", "bay", False, "in_bay", along, deep, bay.feature_id, SIZES.bike_across)
        for _ in range(int(self.rng.poisson(p.bikes_beside[0]))):
            beyond = float(self.rng.uniform(OUTSIDE_M + 0.3, 4.0))
            along = bay.along_m - beyond if self.rng.random() < 0.5 else bay.along_m + bay.length_m + beyond
            deep = bay.middle[1] + float(self.rng.normal(0.0, 0.2))
            if self._free("bike", along, deep, 0.7) and self._clear(along, deep, (Fabric.BAY, Fabric.SHOP)):
                self._add("bike", "bay", True, "beside", along, deep, bay.feature_id, SIZES.bike_across)

    def goods(self, shop: Feature) -> None:
        """Goods and tables of one shop, inside its line or beyond."""
        p = self.params
        if self.rng.random() >= p.goods_share[0]:
            return
        beyond = self.rng.random() < p.goods_share[1]
        for _ in range(int(self.rng.integers(1, 4))):
            along = shop.along_m + float(self.rng.uniform(0.6, shop.length_m - 0.6))
            out = float(self.rng.uniform(*p.beyond_m)) if beyond else -float(self.rng.uniform(0.35, 0.9))
            deep = shop.deep_m - out
            if self._free("goods", along, deep, 1.0):
                why = "beyond" if beyond else "inside"
                self._add("goods", "frontage", beyond, why, along, deep, shop.feature_id, SIZES.goods)

    def roamers(self) -> None:
        """Clusters of stalls without permit anywhere on the footway."""
        p = self.params
        for _ in range(int(self.rng.poisson(p.roamers_per_100_m * p.street_m / 100.0))):
            along, deep = float(self.rng.uniform(5.0, p.street_m - 5.0)), float(self.rng.uniform(0.7, 3.3))
            sizes, shares = zip(*CLUSTER_SIZES, strict=True)
            for _ in range(int(self.rng.choice(sizes, p=np.array(shares) / sum(shares)))):
                if self._may_stand(along, deep):
                    self._stall(along, deep, self._near(along, deep), "roaming", "")
                along += self._neighbour_m() * (1.0 if self.rng.random() < 0.8 else -1.0)

    def stray_bikes(self) -> None:
        """Bikes left anywhere, parallel to the kerb or across."""
        p = self.params
        for _ in range(int(self.rng.poisson(p.bikes_beside[1] * p.street_m / 100.0))):
            along, deep = float(self.rng.uniform(5.0, p.street_m - 5.0)), float(self.rng.uniform(0.5, 3.5))
            if self._free("bike", along, deep, 1.2) and self._clear(along, deep, (Fabric.BAY, Fabric.SHOP)):
                size = SIZES.bike_along if self.rng.random() < 0.7 else SIZES.bike_across
                self._add("bike", "elsewhere", True, "stray", along, deep, "", size)

    def signs(self) -> None:
        """A-boards on the footway, filed and unfiled."""
        p = self.params
        for _ in range(int(self.rng.poisson(p.signs_per_100_m * p.street_m / 100.0))):
            along, deep = float(self.rng.uniform(5.0, p.street_m - 5.0)), float(self.rng.uniform(2.4, 3.6))
            filed = bool(self.rng.random() < p.filed_share)
            filings = [t for t in self.things if t.why == "filed"]
            spot = self.side.plane_m(along, deep)[0]
            apart_m = min((float(np.hypot(*(spot - t.east_north_m))) for t in filings), default=99.0)
            if apart_m < p.filed_radius_m + OUTSIDE_M or not self._clear(along, deep, (Fabric.SHOP,)):
                continue
            why = "filed" if filed else "unfiled"
            self._add("sign", "sign", not filed, why, along, deep, "", SIZES.sign)

    def look_alikes(self) -> None:
        """Passers-by with an umbrella and a load, and awnings over goods inside a shop: neither is anything."""
        p = self.params
        for _ in range(int(self.rng.poisson(p.passers_per_100_m * p.street_m / 100.0))):
            along, deep = float(self.rng.uniform(0.0, p.street_m)), float(self.rng.uniform(0.5, 3.5))
            self._add("passer", "look_alike", False, "not_a_thing", along, deep, "", SIZES.passer)
        for _ in range(int(self.rng.poisson(p.awnings_per_100_m * p.street_m / 100.0))):
            along = float(self.rng.uniform(0.0, p.street_m))
            self._add("awning", "look_alike", False, "not_a_thing", along, p.footway_m + 0.3, "", SIZES.passer)

    def _join(self, row: list[Feature], setting: Setting) -> None:
        """One stall without permit beside a row, a market, or whoever joined before: by the aerial spacing."""
        ends = [(f.along_m, f.along_m + f.length_m) for f in row]
        low, high = min(a for a, _ in ends), max(b for _, b in ends)
        for _ in range(TRIES):
            if setting == "market" or self.rng.random() < 0.4:
                along = float(self.rng.uniform(low - 1.0, high + 1.0))
                deep = float(self.rng.uniform(2.9, 4.2))
            else:
                # From the middle of the last pitch, or of the last who came, outwards along the kerb.
                outward = 1.0 if self.rng.random() < 0.5 else -1.0
                edge = high - 1.5 if outward > 0 else low + 1.5
                taken = [a for a, _ in self._stalls if (a - edge) * outward > 0 and abs(a - edge) < 15.0]
                start = max(taken, key=lambda a: a * outward, default=edge)
                along = start + outward * self._neighbour_m()
                deep = float(self.rng.uniform(0.9, 2.2))
            if self._may_stand(along, deep):
                self._stall(along, deep, setting, "beside", row[0].feature_id)
                return

    def _neighbour_m(self) -> float:
        shares, metres = zip(*NEIGHBOUR_QUANTILES, strict=True)
        return float(np.interp(self.rng.random(), shares, metres))

    def _may_stand(self, along: float, deep: float) -> bool:
        """Whether a stall without permit can stand there: room for it, and outside every pitch and market."""
        inside = 2.0 < along < self.params.street_m - 2.0
        apart = all(np.hypot(along - a, deep - d) >= APART_M for a, d in self._stalls)
        return inside and apart and self._clear(along, deep, (Fabric.PITCH, Fabric.MARKET, Fabric.SHOP))

    def _clear(self, along: float, deep: float, fabrics: tuple[Fabric, ...]) -> bool:
        """Whether a point lies well outside every area of these kinds: what stands there has no permission."""
        return all(f.clear_m(along, deep) >= OUTSIDE_M for f in self.features if f.fabric in fabrics)

    def _near(self, along: float, deep: float) -> Setting:
        """What a stall anywhere is scored with: a pitch or market within 15 m, else nothing."""
        near = [(f.clear_m(along, deep), f.fabric) for f in self.features if f.fabric in (Fabric.PITCH, Fabric.MARKET)]
        gap_m, fabric = min(near, default=(99.0, Fabric.SHOP))
        if gap_m > 15.0:
            return "elsewhere"
        return "pitch" if fabric is Fabric.PITCH else "market"

    def _free(self, what: str, along: float, deep: float, apart_m: float) -> bool:
        spot = self.side.plane_m(along, deep)[0]
        return all(np.hypot(*(spot - t.east_north_m)) >= apart_m for t in self.things if t.what == what)

    def _stall(self, along: float, deep: float, setting: Setting, why: str, home: str) -> None:
        self._stalls.append((along, deep))
        self._add("stall", setting, why != "permitted", why, along, deep, home, SIZES.stall)

    def _add(
        self, what: str, setting: Setting, violation: bool, why: str, along: float, deep: float, home: str, size: Size
    ) -> None:
        east, north = self.side.plane_m(along, deep)[0].tolist()
        turn = float(self.rng.normal(0.0, 5.0))
        self.things.append(
            Thing(
                thing_id=f"{self.side.name}-{len(self.things)}",
                what=what,
                setting=setting,
                violation=violation,
                why=why,
                east_north_m=(east, north),
                heading_deg=(self.side.heading_deg + turn) % 360.0,
                size=size,
                home=home,
                ground_m=float(self.rng.normal(0.0, GROUND_SD_M)),
            )
        )
