"""Time of one full verdict (zones, schedules, permits, reasons) in a city of 10,000 zones.

Peer: the same verdict with a plain Python loop over all zones instead of the index. Both must give equal hits.

    python -m benchmarks.verdict_10k [--zones 10000] [--hits 300] [--runs 5]
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Point, Polygon

from detector.geo.dates import Holidays
from detector.geo.plane import LocalPlane
from detector.geo.schedule import Validity, parse_schedule
from detector.geo.zones import Cloud, Membership, Near, Permit, Zone, ZoneIndex, ZoneKind
from detector.hit import Hit, Place
from detector.rules import judge
from detector.site.model import Site
from detector.site.rulebook import RuleIn, default_rules
from detector.tracks import Companion, Observation, Track
from detector.vocabulary import Text

PLANE = LocalPlane(117.19, 34.26)
BLOCK_M = 60.0
HOURS = parse_schedule({"mon-fri": ["06:00-09:30", "17:00-02:00"], "sat,sun": ["06:00-02:00"]})
BOX = (100.0, 100.0, 200.0, 300.0)
NOON = datetime(2026, 5, 18, 4, 0, tzinfo=UTC)


class PlainLoop:
    """What `ZoneIndex` answers, zone after zone, with no index."""

    def __init__(self, index: ZoneIndex) -> None:
        self.index = index
        self.zones = index.zones

    def __len__(self) -> int:
        return len(self.zones)

    def membership(self, spot: Cloud) -> Membership:
        points = self.index.to_plane(spot.lon_lat_deg)
        centre = self.index.to_plane([spot.centre])[0]
        zones: list[Zone] = []
        inside: list[NDArray[np.bool_]] = []
        holds: list[bool] = []
        for zone, shape in zip(self.zones, self.index.shapes, strict=True):
            covered = shapely.contains_xy(shape, points[:, 0], points[:, 1])
            middle = bool(shapely.contains_xy(shape, centre[0], centre[1]))
            if covered.any() or middle:
                zones.append(zone)
                inside.append(covered)
                holds.append(middle)
        return Membership(tuple(zones), np.array(inside, bool).reshape(len(zones), len(points)), np.array(holds, bool))

    def nearest(self, lon_deg: float, lat_deg: float, kinds: Collection[ZoneKind], within_m: float) -> Near | None:
        point = Point(*self.index.to_plane([(lon_deg, lat_deg)])[0])
        best: Near | None = None
        for zone, shape in zip(self.zones, self.index.shapes, strict=True):
            if zone.kind in kinds:
                distance_m = point.distance(shape)
                if distance_m <= within_m and (best is None or distance_m < best.distance_m):
                    best = Near(zone, distance_m)
        return best

    def distances(
        self, spot: Cloud, kinds: Collection[ZoneKind], within_m: float
    ) -> tuple[tuple[Zone, ...], NDArray[np.float64]]:
        points = shapely.points(self.index.to_plane(spot.lon_lat_deg))
        centre = Point(*self.index.to_plane([spot.centre])[0])
        found = [
            (zone, shapely.distance(shape, points))
            for zone, shape in zip(self.zones, self.index.shapes, strict=True)
            if zone.kind in kinds and centre.distance(shape) <= within_m + spot.reach_m
        ]
        gaps = np.array([gap for _, gap in found]).reshape(len(found), len(points))
        return tuple(zone for zone, _ in found), gaps


def city(count: int) -> tuple[list[Zone], list[Permit]]:
    """Blocks of a footway, a bay, a pitch with hours and a permit, and a shop, until there are `count` zones."""
    zones: list[Zone] = []
    permits: list[Permit] = []
    columns = int(np.ceil(np.sqrt(count / 4)))
    for block in range(int(np.ceil(count / 4))):
        east, north = (block % columns) * BLOCK_M, (block // columns) * BLOCK_M

        def area(kind: ZoneKind, west: float, south: float, size: tuple[float, float], **fields: object) -> None:
            left, low = east + west, north + south  # noqa: B023 (called in this round only)
            ring = [(left, low), (left + size[0], low), (left + size[0], low + size[1]), (left, low + size[1])]
            name = Text(f"{kind}{len(zones)}", f"{kind} {len(zones)}")
            zones.append(Zone(f"z{len(zones)}", kind, name, Polygon(PLANE.lon_lat_deg(ring)), **fields))  # type: ignore[arg-type]

        area(ZoneKind.PUBLIC_GROUND, 0, 0, (58, 6))
        area(ZoneKind.BIKE_BAY, 10, 1, (12, 3), capacity=20, tolerance_m=0.3)
        area(ZoneKind.VENDING_PITCH, 30, 1, (5, 3), validity=Validity(schedule=HOURS), tolerance_m=0.4)
        permits.append(Permit(f"p{block}", "vending", "-", zones[-1].zone_id, validity=Validity(date(2026, 1, 1))))
        area(ZoneKind.SHOP_FRONTAGE, 40, 6, (15, 12), tolerance_m=0.3)
    return zones[:count], permits


def things(count: int, extent_m: float) -> list[tuple[Track, Place]]:
    """Bikes, stalls and shop tables all over the city, with position errors of 0.3 to 4 m."""
    rng = np.random.default_rng(20260518)
    found: list[tuple[Track, Place]] = []
    for number in range(count):
        cue, beside = (("bicycle", ()), ("umbrella", ("table", "person")), ("table", ()))[number % 3]
        companions = tuple(Companion(other, (90, 90, 210, 310), 0.8, None) for other in beside)
        seen = tuple(
            Observation(
                f"f{i}", i, NOON + timedelta(minutes=i), (100, 100, 200, 300), 0.8, cue, None, 1280, 720, companions
            )
            for i in range(8)
        )
        block = rng.integers(0, int(extent_m / BLOCK_M), 2) * BLOCK_M
        ((lon, lat),) = PLANE.lon_lat_deg(block + rng.uniform((0, -3), (58, 12))).tolist()
        own, shared = (((v, 0.0), (0.0, v)) for v in (rng.uniform(0.1, 1.0), rng.uniform(0.1, 16.0)))
        place = Place(lon, lat, own, shared, shared, (0.0, 0.0), 0.0, 10.0, "vehicle_ground")
        found.append((Track(f"s/0/{number}", number, 0, cue, seen, 8), place))
    return found


def build_site(count: int) -> Site:
    """The made-up city with the shipped rules."""
    zones, permits = city(count)
    bound = {permit.zone_id: (permit,) for permit in permits if permit.zone_id}
    rules = {kind: RuleIn.model_validate(raw).rule() for kind, raw in default_rules().items()}
    return Site(Text("城", "city"), ZoneInfo("Asia/Shanghai"), (117, 34, 118, 35), None, ZoneIndex.build(zones),
                tuple(permits), bound, rules, {}, {}, None, Holidays(), True, "0" * 64)  # fmt: skip


def timed(site: Site, cases: Sequence[tuple[Track, Place]]) -> tuple[list[float], list[Hit | None]]:
    """Milliseconds of each verdict, and the verdicts."""
    spent: list[float] = []
    hits: list[Hit | None] = []
    for track, place in cases:
        start = time.perf_counter()
        hits.append(judge(track, place, site, "fixed"))
        spent.append((time.perf_counter() - start) * 1e3)
    return spent, hits


def same(a: Hit | None, b: Hit | None) -> bool:
    """Equal in everything that was decided."""
    return a == b if a is None or b is None else replace(a, track=b.track) == b


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zones", type=int, default=10_000)
    parser.add_argument("--hits", type=int, default=300)
    parser.add_argument("--loop-hits", type=int, default=12, help="how many of them the plain loop judges too")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    start = time.perf_counter()
    site = build_site(options.zones)
    built_s = time.perf_counter() - start
    looped = replace(site, zones=PlainLoop(site.zones))  # type: ignore[arg-type]
    cases = things(options.hits, BLOCK_M * np.sqrt(options.zones / 4))
    timed(site, cases[:20])  # warm-up
    medians: list[float] = []
    worst: list[float] = []
    hits: list[Hit | None] = []
    for _ in range(options.runs):
        spent, hits = timed(site, cases)
        medians.append(statistics.median(spent))
        worst.append(float(np.quantile(spent, 0.95)))
    loop_spent, loop_hits = timed(looped, cases[: options.loop_hits])
    assert all(same(a, b) for a, b in zip(hits, loop_hits, strict=False)), "the two ways disagree"
    index_ms, loop_ms = statistics.median(medians), statistics.median(loop_spent)
    outcomes = {str(h.outcome): sum(1 for x in hits if x and x.outcome is h.outcome) for h in hits if h}
    versions = f"Python {platform.python_version()}, shapely {shapely.__version__}"
    print(f"{platform.machine()}, {versions}, {datetime.now(UTC):%F}")
    print(f"{len(site.zones)} zones, {len(site.permits)} permits, indexed in {built_s:.2f} s")
    print(f"{options.hits} hits: {outcomes}")
    print(f"{'way':<38}{'median ms/hit':>15}{'p95 ms/hit':>13}{'ratio':>9}")
    row = "{:<38}{:>15.2f}{:>13.2f}{:>9.0f}"
    print(row.format(f"kerbwatch, STRtree ({options.runs} runs)", index_ms, statistics.median(worst), 1))
    loop_p95 = float(np.quantile(loop_spent, 0.95))
    print(row.format(f"plain loop over all zones ({len(loop_spent)} hits)", loop_ms, loop_p95, loop_ms / index_ms))
    print(f"equal verdicts: {len(loop_hits)} of {len(loop_hits)}")


if __name__ == "__main__":
    main()
