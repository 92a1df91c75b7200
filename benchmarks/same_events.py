"""Are the hits the same when the vehicle looks every few metres instead of at every picture?

    python -m benchmarks.same_events [--seed 100] [--worlds 2] [--rides car:20,e-bike:10] [--every-m 1,1.5,2.5,4]
    python -m benchmarks.same_events --clips

In the street simulator the boxes of 25 pictures a second go through the real pacer, tracker, place, registration and
law, as if earlier passes had seen everything. An *event* is one kind of breach at one true thing on one patrol, a
violation or an unsure one; passing it on both sides of the street is one event.

Even two patrols that look at every other picture of one drive, the even and the odd ones, do not agree on all events:
boxes wander, a box is missed here and there, and what is near a limit falls to either side. So the *reference* is what
both halves say alike (`--thin 4` compares two patrols that look at every fourth picture, in half the time). *found*:
the share of it that the sparse patrol reports too. *same*: with the same outcome. *extra*: share of the sparse patrol's
events that neither half has. *halves* is how far the two halves themselves agree, which no way of looking can be asked
to beat. Intervals are 95 %, by bootstrap over drives.

There are no pixels, so how the camera moved is told from the fixes alone, for every picture too.

With `--clips` a real standing camera is watched by motion and at every picture, with the real model, and the things
that were found are compared (`benchmarks.same_things`).
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from benchmarks.same_things import print_clips
from benchmarks.street_sim import AUTONOMOUS, CAR, E_BIKE, Drive, RideProfile, SightParams, build_world, drive
from benchmarks.street_sim.stats import by_group
from benchmarks.street_sim.stream import CUE_NAMES, Picture, Stream, stream
from benchmarks.street_sim.trial import LONG_AGO, PUBLISHED_SEED, camera_of, site_of
from detector.geo.localise import Unplaced, place_of
from detector.geo.registration import Registrar, apply
from detector.hit import Place
from detector.rules import judge_tracks
from detector.site.model import Site
from detector.tracking import Tracker, TrackerLimits
from detector.tracks import Track
from detector.vocabulary import Kind, Outcome
from edge.gnss.odometer import Odometer
from edge.sources.pace import Pace, Pacer

PICTURES_HZ = 25.0
LIMITS = TrackerLimits(lost_looks=2, sparse_s=0.0)
"""As a patrol by way has them; close looks too are linked by the fixes, for want of pixels."""
PROFILES = {"car": CAR, "e-bike": E_BIKE}
GOAL = 0.99

Events = dict[tuple[Kind, int], Outcome]
"""Outcome by kind and row of the true thing."""


@dataclass(slots=True)
class Count:
    """One way of looking over all drives; lists have one number for each drive."""

    looks: int = 0
    metres: float = 0.0
    tracker_s: float = 0.0
    reference: list[int] = field(default_factory=list[int])
    found: list[int] = field(default_factory=list[int])
    same: list[int] = field(default_factory=list[int])
    violations: list[int] = field(default_factory=list[int])
    violations_found: list[int] = field(default_factory=list[int])
    events: list[int] = field(default_factory=list[int])
    extra: list[int] = field(default_factory=list[int])


@dataclass(frozen=True, slots=True)
class Patrolled:
    """What one way of looking gave on one drive."""

    events: Events
    looks: int
    tracker_s: float


def patrol(given: Stream, pictures: Iterator[Picture], site: Site, registrar: Registrar) -> Patrolled:
    """Track, place, register, judge: the events of the pictures that are looked at."""
    tracker = Tracker("sim", CUE_NAMES, LIMITS, camera=given.drive.camera)
    tracks: list[Track] = []
    looks, begin_s = 0, time.process_time()
    for picture in pictures:
        looks += 1
        tracks += tracker.update(picture.frame, picture.found).finished
    tracks += tracker.flush().finished
    tracker_s = time.process_time() - begin_s
    places: dict[str, Place | Unplaced] = {track.track_id: place_of(track, given.drive.camera) for track in tracks}
    offsets = registrar.register(tracks, places, fixes=given.fixes.fixes).offsets
    for name, offset in offsets.items():
        place = places[name]
        if isinstance(place, Place):
            places[name] = apply(place, offset)
    return Patrolled(_events(given, tracks, places, site), looks, tracker_s)


def _events(given: Stream, tracks: Sequence[Track], places: Mapping[str, Place | Unplaced], site: Site) -> Events:
    thing = {track.track_id: _thing(given, track) for track in tracks}
    events: Events = {}
    for hit in judge_tracks(tracks, places, site, "vehicle", earlier=dict.fromkeys(thing, LONG_AGO)):
        if hit.look_alike is not None or hit.outcome is Outcome.ALLOWED:
            continue
        for name in hit.member_track_ids or (hit.track.track_id,):
            key = hit.kind, thing[name]
            if hit.outcome is Outcome.VIOLATION or key not in events:
                events[key] = hit.outcome
    return events


def _thing(given: Stream, track: Track) -> int:
    """The true thing that most boxes of a track show."""
    return Counter(given.things[seen.seq, seen.xyxy] for seen in track.observations).most_common(1)[0][0]


def by_way(given: Stream, every_m: float) -> Iterator[Picture]:
    """The pictures that a patrol by way looks at."""
    pacer, odometer = Pacer(Pace(every_m=every_m, every_s=0.5)), Odometer(given.fixes.fixes)
    for picture in given.pictures():
        if pacer.wants(picture.frame.monotonic_s, way_m=odometer.way_m(picture.frame.captured_at)):
            yield picture


def drives(seeds: Sequence[int], rides: Sequence[tuple[str, float]]) -> Iterator[tuple[Site, Drive]]:
    """Each ride through each district, at one cruising speed."""
    for seed in seeds:
        world = build_world(seed)
        site = site_of(world)
        for name, kmh in rides:
            profile: RideProfile = replace(PROFILES[name], speed_m_s=(kmh / 3.6, kmh / 3.6))
            yield site, drive(world, camera_of(site, profile), profile, 0, SightParams(frames_hz=PICTURES_HZ))


def measure(site: Site, one: Drive, ways_m: Sequence[float], thin: int, counts: dict[str, Count]) -> None:
    """Add one drive to every row."""
    given, registrar = stream(one, AUTONOMOUS), Registrar(site)
    halves = (islice(given.pictures(), start, None, thin) for start in (0, thin // 2))
    even, odd = (patrol(given, pictures, site, registrar) for pictures in halves)
    way_m = float(np.hypot(*np.diff(one.ride.east_north_m, axis=0).T).sum())
    alike = {key: outcome for key, outcome in even.events.items() if odd.events.get(key) == outcome}
    _add(counts["halves"], even.events, odd, odd.events, way_m)
    for every_m in ways_m:
        sparse = patrol(given, by_way(given, every_m), site, registrar)
        _add(counts[f"{every_m:g} m"], alike, sparse, even.events | odd.events, way_m)


def _add(count: Count, reference: Events, got: Patrolled, known: Events, way_m: float) -> None:
    events, violations = got.events, [key for key, said in reference.items() if said is Outcome.VIOLATION]
    count.looks += got.looks
    count.metres += way_m
    count.tracker_s += got.tracker_s
    count.reference.append(len(reference))
    count.found.append(sum(key in events for key in reference))
    count.same.append(sum(events.get(key) == said for key, said in reference.items()))
    count.violations.append(len(violations))
    count.violations_found.append(sum(key in events for key in violations))
    count.events.append(len(events))
    count.extra.append(sum(key not in known for key in events))


def share(hits: Sequence[int], of: Sequence[int]) -> str:
    """A share with its interval."""
    if not sum(of):
        return "-"
    low, high = by_group(range(len(of)), lambda rows: float(np.sum(np.take(hits, rows)) / np.sum(np.take(of, rows))))
    return f"{sum(hits) / sum(of):6.1%} ({low:.1%} - {high:.1%})"


def print_row(name: str, count: Count) -> None:
    """One way of looking."""
    per_km = 1000.0 / count.metres
    print(
        f"{name:>8}{count.looks * per_km:>9.0f}{count.tracker_s * per_km:>10.2f}{sum(count.reference):>7}"
        f"{share(count.found, count.reference):>25}{share(count.same, count.reference):>25}"
        f"{share(count.violations_found, count.violations):>25}{share(count.extra, count.events):>25}",
        flush=True,
    )


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=PUBLISHED_SEED)
    parser.add_argument("--worlds", type=int, default=2)
    parser.add_argument("--rides", default="car:10,car:20,car:30,e-bike:10,e-bike:20,e-bike:30")
    parser.add_argument("--every-m", default="1,1.5,2.5,4")
    parser.add_argument("--thin", type=int, default=2, help="the reference looks at every so many pictures, twice")
    parser.add_argument("--clips", action="store_true", help="a real standing camera instead of the simulator")
    asked = parser.parse_args()
    if asked.clips:
        return print_clips()
    rides = [(name, float(kmh)) for name, kmh in (ride.split(":") for ride in asked.rides.split(","))]
    ways_m = [float(way) for way in asked.every_m.split(",")]
    counts = {name: Count() for name in ("halves", *(f"{way:g} m" for way in ways_m))}
    for site, one in drives(range(asked.seed, asked.seed + asked.worlds), rides):
        measure(site, one, ways_m, asked.thin, counts)
    print(f"{asked.worlds} districts from {asked.seed}, {asked.rides} km/h, reference of every {asked.thin}th picture")
    heads = ("found", "same", "violations found", "extra")
    print(f"{'':>8}{'looks/km':>9}{'track s/km':>10}{'events':>7}" + "".join(f"{head:>25}" for head in heads))
    for name, count in counts.items():
        print_row(name, count)
    best = [name for name, c in counts.items() if name != "halves" and sum(c.found) >= GOAL * sum(c.reference)]
    print(f"goal: found >= {GOAL:.0%}: {'met by ' + ', '.join(best) if best else 'MISSED by all'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
