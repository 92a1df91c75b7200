"""Districts with patrols through them, ready to be measured, through the site folder as a city would use it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.street_sim.folder import write_site
from benchmarks.street_sim.passes import Drive, Pass, drive
from benchmarks.street_sim.sight import SightParams
from benchmarks.street_sim.vehicle import RideProfile
from benchmarks.street_sim.world import World, build_world
from detector.geo.camera import VehicleCamera
from detector.geo.localise import Unplaced, place_of
from detector.geo.registration import Registrar, apply
from detector.hit import Place, SeenBefore
from detector.site.load import load_site
from detector.site.model import Site

TUNING_SEEDS: Final = range(0, 10)
"""Districts that anybody may look at while working on places, registration or the law."""
PUBLISHED_SEED: Final = 100
"""Published figures come from districts from here on, which nothing was tuned on."""

LONG_AGO: Final = SeenBefore(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 5, 20, tzinfo=UTC), passes=3)
"""As if earlier passes had seen the thing: the map is measured here, not the patience of the rules."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One district, its site as the product loads it, and drives through it."""

    world: World
    site: Site
    drives: tuple[Drive, ...]


def trials(
    seeds: Sequence[int], rides: Sequence[tuple[RideProfile, int]], sight: SightParams | None = None
) -> Iterator[Trial]:
    """District after district; `rides` are (vehicle, number of the pass)."""
    for seed in seeds:
        world = build_world(seed)
        site = site_of(world)
        yield Trial(
            world, site, tuple(drive(world, camera_of(site, profile), profile, n, sight) for profile, n in rides)
        )


def site_of(world: World) -> Site:
    """The district's site, written as a folder and loaded again."""
    with tempfile.TemporaryDirectory() as scratch:
        return load_site(write_site(world, Path(scratch) / "site"))


def camera_of(site: Site, profile: RideProfile) -> VehicleCamera:
    """The site's camera on a vehicle, with the errors that the product assumes for its kind."""
    camera = site.camera(profile.camera_id)
    assert isinstance(camera, VehicleCamera)
    return camera


def places_of(seen: Pass) -> dict[str, Place | Unplaced]:
    """The place of every track as its fixes give it."""
    return {track.track_id: place_of(track, seen.camera) for track in seen.tracks}


def registered(seen: Pass, places: dict[str, Place | Unplaced], registrar: Registrar) -> dict[str, Place | Unplaced]:
    """The same after registration to the map: moved where it found an offset, as they were where it refused."""
    found = registrar.register(seen.tracks, places, fixes=seen.fixes)
    moved = dict(places)
    for name, offset in found.offsets.items():
        place = places[name]
        if isinstance(place, Place):
            moved[name] = apply(place, offset)
    return moved
