"""A map cut into faces, and the share of a position error in each: against exact values and against sampling."""

from __future__ import annotations

from math import erf, sqrt

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Point, Polygon, box

from detector.geo.faces import Faces

FOOTWAY, BAY, SHOP = box(0, 0, 60, 6), box(10, 1, 22, 4), box(40, 6, 55, 18)
RING = Polygon(box(0, 0, 9, 9).exterior, [box(3, 3, 6, 6).exterior])


def shares(faces: Faces, east: float, north: float, cov) -> dict[tuple[int, ...], float]:
    """Share by the shapes that hold it."""
    found = faces.shares(np.array([[east, north]]), np.array([cov], np.float64))
    assert found.mass.sum() == pytest.approx(1.0, abs=1e-5)
    held = [tuple(faces.shape[faces.shape_start[f] : faces.shape_start[f + 1]].tolist()) for f in found.face.tolist()]
    return {key: float(found.mass[[k == key for k in held]].sum()) for key in held}


def sigma(value: float):
    return [[value**2, 0.0], [0.0, value**2]]


def between(low: float, high: float, sigma_m: float) -> float:
    return 0.5 * (erf(high / sigma_m / sqrt(2)) - erf(low / sigma_m / sqrt(2)))


@pytest.mark.parametrize("sigma_m", [0.05, 0.3, 1.0, 3.0, 8.0, 30.0])
@pytest.mark.parametrize(("east", "north"), [(16, 2.5), (10, 1), (9, 0.5), (22.0, 4.0), (30, 3), (-4, -4)])
def test_a_rectangle_in_a_rectangle(east, north, sigma_m):
    found = shares(Faces.build([FOOTWAY, BAY]), east, north, sigma(sigma_m))
    in_bay = between(10 - east, 22 - east, sigma_m) * between(1 - north, 4 - north, sigma_m)
    in_footway = between(-east, 60 - east, sigma_m) * between(-north, 6 - north, sigma_m)
    assert found.get((0, 1), 0.0) == pytest.approx(in_bay, abs=1e-5)
    assert found.get((0,), 0.0) == pytest.approx(in_footway - in_bay, abs=1e-5)
    assert found.get((), 0.0) == pytest.approx(1.0 - in_footway, abs=1e-5)


@pytest.mark.parametrize(
    ("shapes", "point", "held"),
    [
        ([RING], (4.5, 4.5), ()),  # in the hole
        ([RING], (1, 1), (0,)),
        ([RING, box(3, 3, 6, 6)], (4.5, 4.5), (1,)),  # another fills the hole
        ([MultiPolygon([box(0, 0, 1, 1), box(5, 0, 6, 1)])], (5.5, 0.5), (0,)),
        ([box(0, 0, 2, 1), box(1, 0, 3, 1)], (1.5, 0.5), (0, 1)),
        ([box(0, 0, 2, 1), box(0, 0, 2, 1)], (1.0, 0.5), (0, 1)),  # drawn twice
        ([box(0, 0, 2, 1), Polygon()], (1.0, 0.5), (0,)),
        ([box(0, 0, 1, 4), box(3, 0, 4, 4), box(0, 0, 4, 1), box(0, 3, 4, 4)], (2, 2), ()),  # a court they enclose
        ([], (0, 0), ()),
    ],
)
def test_a_sure_position_lies_in_one_face(shapes, point, held):
    found = shares(Faces.build(shapes), *point, sigma(0.0))
    assert {key: mass for key, mass in found.items() if mass > 1e-9} == {held: pytest.approx(1.0)}


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-8, 8), st.floats(-8, 8), st.floats(0.5, 6), st.integers(3, 7)), min_size=1, max_size=4
    ),
    st.floats(0.05, 3.0),
    st.floats(0.05, 3.0),
    st.floats(-0.99, 0.99),
)
def test_shares_are_those_of_many_random_points(discs, sigma_x, sigma_y, correlation):
    shapes = [Point(x, y).buffer(r, quad_segs=2).intersection(box(-10, -10, 10, x + n)) for x, y, r, n in discs]
    shapes = [shape if isinstance(shape, Polygon) else Polygon() for shape in shapes]
    both = correlation * sigma_x * sigma_y
    cov = [[sigma_x**2, both], [both, sigma_y**2]]
    points = np.random.default_rng(5).multivariate_normal((0.5, 0.3), cov, 20_000)
    inside = np.array([shapely.contains_xy(shape, *points.T) for shape in shapes]).reshape(len(shapes), -1)
    for held, mass in shares(Faces.build(shapes), 0.5, 0.3, cov).items():
        there = np.all(inside == np.isin(np.arange(len(shapes)), held)[:, None], axis=0)
        assert mass == pytest.approx(float(there.mean()), abs=0.02)


def test_a_position_on_an_edge_is_half_on_each_side():
    found = shares(Faces.build([FOOTWAY, SHOP]), 47.0, 6.0, sigma(0.2))
    assert found == {(0,): pytest.approx(0.5, abs=1e-5), (1,): pytest.approx(0.5, abs=1e-5)}


def test_a_batch_is_what_each_is_alone():
    faces = Faces.build([FOOTWAY, BAY, SHOP])
    centres = np.random.default_rng(1).uniform(-5, 65, (50, 2))
    cov = np.array([sigma(0.1 + number / 10) for number in range(50)])
    together = faces.shares(centres, cov)
    for number in range(50):
        alone = faces.shares(centres[number : number + 1], cov[number : number + 1])
        rows = slice(int(together.start[number]), int(together.start[number + 1]))
        assert together.face[rows].tolist() == alone.face.tolist()
        assert together.mass[rows] == pytest.approx(alone.mass, abs=1e-12)
        assert together.centre[number] == alone.centre[0]
