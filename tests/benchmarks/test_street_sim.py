"""The street simulator: same seed, same world; truth that agrees with the map; errors of the promised size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely

from benchmarks.street_sim import (
    AUTONOMOUS,
    CAR,
    E_BIKE,
    E_BIKE_IMU,
    PLANE,
    RTK,
    WorldParams,
    build_world,
    drive,
    with_gnss,
    write_site,
)
from benchmarks.street_sim.gnss import receive
from benchmarks.street_sim.layout import Fabric
from benchmarks.street_sim.noise import gauss_markov
from benchmarks.street_sim.params import NEIGHBOUR_QUANTILES
from benchmarks.street_sim.sight import SightParams
from benchmarks.street_sim.trial import camera_of, places_of, site_of
from benchmarks.street_sim.vehicle import ride
from detector.geo.zones import ZoneKind
from detector.hit import Place
from detector.site.load import check_site

EXACT = SightParams(
    edge_share=0.0, edge_px=0.0, miss=0.0, hidden_per_s=0.0, never=0.0, covered=1.0, solid=False, confidence_sd=0.0
)
"""Eyes without a fault."""
STEADY = replace(CAR, sway_deg=0.0, nod_deg=0.0, nod_per_m_s2=0.0, weave_deg=0.0, mount_sd_deg=(0.0, 0.0, 0.0))
"""A car that neither nods nor rolls."""
PERFECT = replace(RTK, sigma_m=1e-4, white_m=0.0, velocity_m_s=1e-6, clock_s=0.0, rates_hz=(20.0,), still_m_s=0.2)
"""A receiver without a fault."""


SMALL = WorldParams(streets=1, street_m=150.0)


@pytest.fixture(scope="module")
def world():
    return build_world(3, SMALL)


@pytest.fixture(scope="module")
def site(world):
    return site_of(world)


def test_same_seed_same_world_same_pass(world, site):
    again = build_world(3, SMALL)
    assert again.things == world.things
    assert again.features == world.features
    first, second = (with_gnss(drive(w, camera_of(site, CAR), CAR, 1), AUTONOMOUS) for w in (world, again))
    assert first.tracks == second.tracks
    assert first.fixes == second.fixes
    assert build_world(4, SMALL).things != world.things


def test_the_folder_has_no_fault_and_is_the_same_each_time(world, tmp_path: Path):
    folder = write_site(world, tmp_path / "a")
    assert check_site(folder) == []
    for name in ("site.yaml", "permits.yaml", "cameras.yaml", "zones/ground.geojson", "zones/permitted.geojson"):
        assert (write_site(world, tmp_path / "b") / name).read_bytes() == (folder / name).read_bytes()


def test_the_map_permits_what_is_permitted_but_for_its_own_error(world, site):
    """Everything permitted lies in an open zone of the loaded site, to within the decimetres it is drawn wrong by."""
    kinds = {
        "stall": {ZoneKind.VENDING_PITCH, ZoneKind.MARKET},
        "bike": {ZoneKind.BIKE_BAY},
        "sign": {ZoneKind.SIGN_REGISTRY},
    }
    permitted = [t for t in world.things if t.what in kinds and not t.violation]
    assert len(permitted) > 20
    for thing in permitted:
        lon, lat = PLANE.lon_lat_deg(thing.east_north_m)[0].tolist()
        near = site.zones.nearest(lon, lat, kinds[thing.what], within_m=5.0)
        assert near is not None
        assert near.distance_m <= 3.0 * world.params.misdrawn_sd_m


def test_what_breaks_the_order_stands_clear_of_every_paint_that_would_permit_it(world):
    fabrics = {"stall": (Fabric.PITCH, Fabric.MARKET), "bike": (Fabric.BAY,)}
    for thing in world.things:
        if thing.violation and thing.what in fabrics and thing.why != "closed":
            point = shapely.Point(thing.east_north_m)
            for feature in world.features:
                if feature.fabric in fabrics[thing.what]:
                    assert shapely.Polygon(feature.ring_m()).distance(point) >= 0.5 - 1e-9


def test_illegal_stalls_stand_near_permitted_ones_too():
    near = [t for seed in range(4) for t in build_world(seed).things if t.what == "stall" and t.violation]
    assert {t.why for t in near} == {"beside", "closed", "roaming"}
    assert sum(t.setting == "pitch" for t in near) >= 10
    for thing in near:
        if thing.why == "beside":
            assert thing.home != ""


def test_neighbours_among_roaming_stalls_stand_as_in_the_aerial_boxes():
    shares, metres = zip(*NEIGHBOUR_QUANTILES, strict=True)
    assert np.interp(0.5, shares, metres) == 2.5
    gaps = []
    for seed in range(6):
        spots = np.array([t.east_north_m for t in build_world(seed).things if t.setting == "market"])
        if len(spots):
            apart = np.hypot(*(spots[:, None] - spots).transpose(2, 0, 1))
            gaps += apart[apart > 0].reshape(len(spots), -1).min(axis=1).tolist()
    assert 2.0 < float(np.median(gaps)) < 3.0


def test_stalls_never_overlap(world):
    spots = np.array([t.east_north_m for t in world.things if t.what == "stall"])
    apart = np.hypot(*(spots[:, None] - spots).transpose(2, 0, 1))
    pitched = np.array([t.why in ("permitted", "closed") for t in world.things if t.what == "stall"])
    both = ~(pitched[:, None] & pitched) & (apart > 0)
    assert float(apart[both].min()) >= 1.6 - 1e-9


@pytest.mark.parametrize(("profile", "low", "high"), [(CAR, 20 / 3.6, 30 / 3.6), (E_BIKE, 10 / 3.6, 20 / 3.6)])
def test_a_ride_keeps_its_speed_and_leans_as_its_kind(world, profile, low, high):
    truth = ride(world, profile, np.random.default_rng(0))
    cruising = truth.speed_m_s[truth.speed_m_s > 0.9 * low]
    assert low * 0.9 <= float(np.median(cruising)) <= high
    assert float(truth.speed_m_s.max()) <= high * 1.02
    roll, turn = truth.attitude_deg[:, 2], np.gradient(np.unwrap(truth.course_deg, period=360.0), truth.times_s)
    hard = np.abs(turn) > np.quantile(np.abs(turn), 0.98)
    # Into the turn on two wheels (right side down in a right turn), a little outwards on four.
    assert (float(np.median((roll * np.sign(turn))[hard])) > 4.0) is profile.leans


def test_gauss_markov_has_its_sigma_and_its_memory():
    times = np.arange(0.0, 40_000.0, 1.0)
    walk = gauss_markov(times, 3.0, 90.0, np.random.default_rng(0))
    assert float(walk.std()) == pytest.approx(3.0, rel=0.1)
    assert float(np.corrcoef(walk[:-90], walk[90:])[0, 1]) == pytest.approx(np.exp(-1.0), abs=0.08)


def test_jumps_are_as_frequent_and_as_large_as_said_and_the_fix_does_not_tell(world):
    truth = ride(world, CAR, np.random.default_rng(0))
    short = replace(AUTONOMOUS, rates_hz=(1.0,))
    passes = [receive(truth, short, world.params.at, np.random.default_rng(i)) for i in range(150)]
    jumped = [p for p in passes if p.jump_s is not None]
    assert 0.07 < len(jumped) / len(passes) < 0.23
    for reception in jumped:
        assert {fix.sigma_m for fix in reception.fixes} == {3.0}
        start, end = reception.jump_s
        assert 10.0 <= end - start <= 60.0
    assert any(len(p.fixes) < len(passes[0].times_s) - 5 for p in passes), "no pass had an outage"


def test_a_receiver_of_another_sigma_errs_alike_but_more(world):
    truth = ride(world, CAR, np.random.default_rng(0))
    calm = replace(AUTONOMOUS, white_m=0.0, jump_share=0.0)
    one, three = (
        receive(truth, replace(calm, sigma_m=sigma), world.params.at, np.random.default_rng(7)) for sigma in (1.0, 3.0)
    )
    np.testing.assert_allclose(three.error_m, 3.0 * one.error_m, atol=1e-9)


def test_without_any_error_every_place_is_the_truth(world, site):
    """The forward model and the product's inverse meet: only the plane's own height error is left, taken out here."""
    flat = replace(world, things=tuple(replace(t, ground_m=0.0) for t in world.things))
    seen = drive(flat, camera_of(site, STEADY), STEADY, 0, EXACT)
    perfect = with_gnss(seen, PERFECT)
    misses = []
    for track in perfect.tracks:
        place = places_of(replace(perfect, tracks=(track,)))[track.track_id]
        if isinstance(place, Place) and perfect.thing(track).what != "passer" and place.range_m < 15.0:
            misses.append(float(np.hypot(*perfect.off_m(track, place))))
    assert len(misses) > 30
    assert float(np.median(misses)) < 0.25
    assert float(np.quantile(misses, 0.9)) < 1.0


def test_tracks_are_as_the_tracker_makes_them(world, site):
    seen = with_gnss(drive(world, camera_of(site, E_BIKE), E_BIKE, 2), AUTONOMOUS)
    names = [track.track_id for track in seen.tracks]
    assert len(set(names)) == len(names)
    by_name = {track.track_id: track for track in seen.tracks}
    for track in seen.tracks:
        times = [o.captured_at for o in track.observations]
        assert times == sorted(times)
        assert len(track.observations) <= 64
        assert track.frame_count >= len(track.observations)
        for other in track.seen_with:
            assert track.track_id in by_name[other].seen_with
        for o in track.observations:
            left, top, right, bottom = o.xyxy
            assert 0 <= left < right <= 1281
            assert 0 <= top < bottom <= 721
    assert set(seen.truth.values()) <= {thing.thing_id for thing in world.things}


def test_a_roll_sensor_is_in_the_fix_and_a_bike_without_one_knows_nothing(world, site):
    for profile, known in ((E_BIKE, False), (E_BIKE_IMU, True)):
        seen = with_gnss(drive(world, camera_of(site, profile), profile, 0), AUTONOMOUS)
        rolls = [o.fix.roll_deg for track in seen.tracks for o in track.observations if o.fix]
        assert (float(np.std(rolls)) > 1.0) is known


def test_every_bay_holds_no_more_than_it_may(world):
    for bay in (f for f in world.features if f.fabric is Fabric.BAY):
        inside = [t for t in world.things if t.why == "in_bay" and t.home == bay.feature_id]
        assert 1 <= len(inside) <= bay.capacity
