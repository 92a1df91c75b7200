"""The stream of boxes that the comparison of sparse and dense looks is made on."""

from __future__ import annotations

from itertools import islice

import pytest

from benchmarks.same_events import by_way, share
from benchmarks.street_sim import AUTONOMOUS, CAR, SightParams, build_world, drive
from benchmarks.street_sim.stream import CUE_NAMES, Stream, stream
from benchmarks.street_sim.trial import camera_of, site_of


@pytest.fixture(scope="module")
def given() -> Stream:
    world = build_world(3)
    return stream(drive(world, camera_of(site_of(world), CAR), CAR, 0, SightParams(frames_hz=5.0)), AUTONOMOUS)


def test_every_box_of_the_drive_comes_with_its_thing(given: Stream) -> None:
    pictures = list(given.pictures())
    assert [picture.frame.seq for picture in pictures] == list(range(given.drive.seen[-1].seq + 1))
    boxes = sum(len(picture.found) for picture in pictures)
    assert boxes == sum(1 + len(seen.companions) for seen in given.drive.seen)
    for seen in islice(given.drive.seen, 50):
        found = pictures[seen.seq].found
        row = [CUE_NAMES[cue] for cue in found.cue.tolist()].index(seen.cue)
        left, top, right, bottom = found.xyxy[row].tolist()
        assert (seen.seq, (left, top, right, bottom)) in given.things
    assert set(given.things.values()) == {seen.index for seen in given.drive.seen}


def test_pictures_carry_the_fix_of_their_moment(given: Stream) -> None:
    fixes = [picture.frame.fix for picture in islice(given.pictures(), 200)]
    assert sum(fix is not None for fix in fixes) > 150
    for picture in islice(given.pictures(), 200):
        assert picture.frame.fix is None or picture.frame.fix.at == picture.frame.captured_at


def test_by_way_looks_are_as_far_apart_as_asked(given: Stream) -> None:
    looks = sum(1 for _ in by_way(given, 10.0))
    way_m = sum(
        float(((b - a) ** 2).sum() ** 0.5)
        for a, b in zip(given.drive.ride.east_north_m, given.drive.ride.east_north_m[1:], strict=False)
    )
    assert way_m / 10.0 * 0.9 < looks < way_m / 10.0 * 1.3


def test_a_share_of_nothing_is_none() -> None:
    assert share([0], [0]) == "-"
    assert share([1, 1], [1, 1]) == "100.0% (100.0% - 100.0%)"
