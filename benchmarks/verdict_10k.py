"""Time of one full verdict (zones, schedules, permits, position error, reasons) in a city of 10,000 zones.

Peers: the same verdict with a plain Python loop over all parts of the map instead of its indexes, which must give equal
hits; and, for scale, plain point-in-polygon: in which zones the best estimate lies, by shapely, without time, error or
reasons. Processor time, so that others on the machine count little; medians over runs.

    python -m benchmarks.verdict_10k [--zones 10000] [--hits 1000] [--runs 7]
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from detector.geo.dates import Holidays
from detector.geo.faces import Faces, Shares
from detector.geo.normal import beyond_segment
from detector.geo.plane import LocalPlane
from detector.geo.schedule import Validity, parse_schedule
from detector.geo.zones import Permit, Zone, ZoneIndex, ZoneKind
from detector.hit import Hit, Place
from detector.rules import judge, judge_all
from detector.rules.law_map import law_map
from detector.site.model import Site
from detector.site.rulebook import RuleIn, default_rules
from detector.tracks import Companion, Observation, Track
from detector.vocabulary import Text

PLANE = LocalPlane(117.19, 34.26)
BLOCK_M = 60.0
HOURS = parse_schedule({"mon-fri": ["06:00-09:30", "17:00-02:00"], "sat,sun": ["06:00-02:00"]})
BOX = (100.0, 100.0, 200.0, 300.0)
NOON = datetime(2026, 5, 18, 4, 0, tzinfo=UTC)
GOAL_US = 50.0


def plain_shares(faces: Faces, centres: NDArray[np.float64], cov_m2: NDArray[np.float64]) -> Shares:
    """What `Faces.shares` answers, face after face, edge after edge, with no index."""
    rows: list[list[tuple[int, float]]] = []
    holds: list[int] = []
    for centre, cov in zip(centres, cov_m2, strict=True):
        whiten = np.linalg.inv(np.linalg.cholesky(cov))
        found: list[tuple[int, float]] = []
        for number, polygon in enumerate(faces.polygons):
            inside = bool(shapely.contains_xy(polygon, *centre))
            share = float(inside)
            for ring in shapely.get_rings(shapely.orient_polygons(polygon)):
                corners = (shapely.get_coordinates(ring) - centre) @ whiten.T
                share -= float(beyond_segment(corners[:-1], corners[1:]).sum())
            if inside:
                holds.append(number)
            if inside or abs(share) > 1e-12:
                found.append((number, share))
        holds += [faces.count] if len(holds) == len(rows) else []
        rows.append([*found, (faces.count, 1.0 - sum(share for _, share in found))])
    start = np.cumsum([0, *(len(row) for row in rows)])
    flat = [pair for row in rows for pair in row]
    face, mass = np.array([f for f, _ in flat]), np.clip([m for _, m in flat], 0.0, 1.0)
    return Shares(start, face, mass, np.array(holds))


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


def judged(site: Site, cases: Sequence[tuple[Track, Place]]) -> list[Hit | None]:
    """All verdicts at once, as a patrol asks for them."""
    return judge_all([track for track, _ in cases], {t.track_id: place for t, place in cases}, site, "fixed")


def one_by_one(site: Site, cases: Sequence[tuple[Track, Place]]) -> list[Hit | None]:
    """Verdict after verdict."""
    return [judge(track, place, site, "fixed") for track, place in cases]


def plain_loop(site: Site, cases: Sequence[tuple[Track, Place]]) -> list[Hit | None]:
    """All verdicts at once, with `plain_shares` in place of the indexed map."""
    lookup = law_map(site)
    indexed = lookup.faces

    class Looped:
        """The same faces, looked at one after another."""

        def __getattr__(self, name: str) -> object:
            return getattr(indexed, name)

        def shares(self, centres: NDArray[np.float64], cov_m2: NDArray[np.float64]) -> Shares:
            return plain_shares(indexed, centres, cov_m2)

    lookup.faces = Looped()  # type: ignore[assignment]
    try:
        return judged(site, cases)
    finally:
        lookup.faces = indexed


def point_in_polygon(site: Site, cases: Sequence[tuple[Track, Place]]) -> NDArray[np.int64]:
    """(position, zone) pairs: which zones hold the best estimate, by shapely alone."""
    points = shapely.points(site.zones.to_plane([(place.lon_deg, place.lat_deg) for _, place in cases]))
    return shapely.STRtree(site.zones.shapes).query(points, predicate="within")


def us_per_hit(work: Callable[[], object], hits: int, runs: int) -> list[float]:
    """Microseconds of processor time for each hit, of each run."""
    spent: list[float] = []
    for _ in range(runs):
        start = time.process_time()
        work()
        spent.append((time.process_time() - start) / hits * 1e6)
    return spent


def same(a: Hit | None, b: Hit | None) -> bool:
    """Equal in everything that was decided."""
    if a is None or b is None:
        return a is b
    return abs(a.probability - b.probability) < 1e-4 and replace(a, track=b.track, probability=b.probability) == b


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zones", type=int, default=10_000)
    parser.add_argument("--hits", type=int, default=1000)
    parser.add_argument("--loop-hits", type=int, default=3, help="how many of them the plain loop judges too")
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    start = time.process_time()
    site = build_site(options.zones)
    indexed_s = time.process_time() - start
    lookup = law_map(site)
    cut_s = time.process_time() - start - indexed_s
    cases = things(options.hits, BLOCK_M * np.sqrt(options.zones / 4))
    hits, few = judged(site, cases), cases[: options.loop_hits]
    outcomes = [str(hit.outcome) for hit in hits if hit]
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, shapely {shapely.__version__}"
    print(f"{platform.machine()}, {versions}, {datetime.now(UTC):%F}")
    print(f"{len(site.zones)} zones, {len(site.permits)} permits: indexed in {indexed_s:.1f} s, "
          f"cut into {lookup.faces.count} faces in {cut_s:.1f} s")  # fmt: skip
    print(f"{len(cases)} things: { {name: outcomes.count(name) for name in sorted(set(outcomes))} }\n")
    ways = [
        ("verdicts, all at once", us_per_hit(lambda: judged(site, cases), len(cases), options.runs)),
        ("verdicts, one by one", us_per_hit(lambda: one_by_one(site, cases[:200]), 200, options.runs)),
        ("verdicts, plain loop over the map", us_per_hit(lambda: plain_loop(site, few), len(few), 1)),
        ("point in polygon only", us_per_hit(lambda: point_in_polygon(site, cases), len(cases), options.runs)),
    ]
    best = statistics.median(ways[0][1])
    print(f"{'way':<36}{'median us/hit':>15}{'least':>10}{'most':>12}{'ratio':>10}")
    for way, spent in ways:
        middle = statistics.median(spent)
        print(f"{way:<36}{middle:>15.1f}{min(spent):>10.1f}{max(spent):>12.1f}{middle / best:>10.2f}")
    print(f"\ngoal under {GOAL_US:.0f} us for each hit: {'met' if best < GOAL_US else 'MISSED'}")
    for name, other in (("one by one", one_by_one(site, cases[:200])), ("plain loop", plain_loop(site, few))):
        equal = sum(same(a, b) for a, b in zip(hits, other, strict=False))
        print(f"equal to {name}: {equal} of {len(other)}")
        if equal < len(other):
            raise SystemExit("the ways disagree")


if __name__ == "__main__":
    main()
