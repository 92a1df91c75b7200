"""Motion out of two pictures: turns on the spot, ways ahead, and pictures that tell nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from detector.errors import InputError
from detector.frame import Frame
from detector.geo.camera import VehicleCamera, rotation
from edge.calibrate.flow import motions
from tests.edge.calibrate.street_video import NOON, Drive, Street, camera, drive


def pictures(road: Drive, seen_by: VehicleCamera, *seconds: float) -> list[Frame]:
    street = Street(seen_by)
    return [Frame(street.seen(road, s), i, NOON + timedelta(seconds=s), s, "rendered") for i, s in enumerate(seconds)]


@pytest.mark.parametrize("turn_deg", [4.0, -2.5, 0.0])
def test_a_turn_on_the_spot(turn_deg: float) -> None:
    road = drive(1.0, lambda _: 0.0, lambda t: turn_deg * t)
    (motion,) = motions(pictures(road, camera(pitch_deg=0.0), 0.0, 1.0), camera().lens)
    assert not motion.way.any()
    assert motion.yaw_deg == pytest.approx(turn_deg, abs=0.05)
    assert motion.seconds == 1.0


def test_a_way_ahead() -> None:
    seen_by = camera(yaw_deg=10.0, pitch_deg=-6.0)
    road = drive(1.0, lambda _: 8.0, lambda t: 2.0 * t)
    (motion,) = motions(pictures(road, seen_by, 0.0, 0.1), seen_by.lens)
    ahead = rotation(10.0, -6.0, 0.0)[0].T @ np.array([0.0, 1.0, 0.0])
    assert np.degrees(np.arccos(motion.way @ ahead)) < 1.5
    assert motion.yaw_deg == pytest.approx(0.2, abs=0.15)
    near = motion.points() * 0.8 @ rotation(10.0, -6.0, 0.0)[0].T
    road_points = near[(near[:, 2] < -0.8) & (near[:, 1] < 8)]
    assert np.nanmedian(road_points[:, 2]) == pytest.approx(-1.6, rel=0.1)


def test_pictures_without_texture_tell_nothing() -> None:
    blank = [
        Frame(np.full((270, 480, 3), 90, np.uint8), i, NOON + timedelta(seconds=i), float(i), "fog") for i in range(3)
    ]
    assert list(motions(blank, camera().lens)) == []


def test_unrelated_pictures_tell_nothing() -> None:
    rng = np.random.default_rng(4)
    noise = [
        Frame(rng.integers(0, 255, (270, 480, 3), np.uint8), i, NOON + timedelta(seconds=i), float(i), "cut")
        for i in range(2)
    ]
    assert list(motions(noise, camera().lens)) == []


def test_another_shape_is_refused() -> None:
    tall = Frame(np.zeros((480, 270, 3), np.uint8), 0, NOON, 0.0, "phone")
    with pytest.raises(InputError, match=r"phone: pictures are 270 x 480 px.*name the right --camera"):
        list(motions([tall], camera().lens))


def test_a_size_that_changes_begins_anew() -> None:
    road = drive(1.0, lambda _: 0.0, lambda t: 4.0 * t)
    first, second = pictures(road, camera(), 0.0, 1.0)
    smaller = replace(second, image=np.ascontiguousarray(second.image[::2, ::2]))
    assert list(motions([first, smaller], camera().lens)) == []
