"""The mass beyond a segment against plain numerical integration and known values."""

from __future__ import annotations

from math import erf, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.geo.normal import beyond_segment, normal_cdf, wedge

SIGMAS = st.floats(-6.0, 6.0)


def test_the_normal_distribution_is_right_to_1e_7():
    x = np.linspace(-6.0, 6.0, 2001)
    exact = [0.5 * (1.0 + erf(value / sqrt(2.0))) for value in x.tolist()]
    assert np.abs(normal_cdf(x) - exact).max() < 1e-7


@pytest.mark.parametrize(
    ("height", "along", "expected"),
    [
        (0.0, 1.0, 0.25),  # a quarter turn
        (0.0, 0.0, 0.0),
        (1.0, 0.0, 0.0),
        (1.0, 1.0, 0.0667418089782285),  # Owen's table: T(1, 1)
        (1.0, 2.0, 0.0784682),  # T(1, 2), to the 7 digits of the table
        (0.5, 40.0, 0.1542687),  # the half plane: P(Z < -0.5) / 2
        (9.0, 9.0, 0.0),
    ],
)  # fmt: skip
def test_owens_t(height, along, expected):
    for sign in (1.0, -1.0):
        mass = wedge(np.array([height]), np.array([sign * along]))
        assert float(mass[0]) == pytest.approx(sign * expected, abs=3e-7)


@given(st.floats(0.0, 6.0), SIGMAS)
def test_owens_t_matches_plain_integration(height, along):
    x, weight = np.polynomial.legendre.leggauss(400)
    end = np.arctan2(abs(along), height)
    angle = end * (x + 1.0) / 2.0
    with np.errstate(divide="ignore", over="ignore"):
        plain = float(np.exp(-0.5 * (height / np.cos(angle)) ** 2) @ weight) * end / (4.0 * np.pi)
    assert abs(float(wedge(np.array([height]), np.array([along]))[0])) == pytest.approx(plain, abs=1e-5)


@given(SIGMAS, SIGMAS, SIGMAS, SIGMAS)
def test_a_segment_walked_back_is_the_negative(x0, y0, x1, y1):
    start, end = np.array([[x0, y0]]), np.array([[x1, y1]])
    there, back = beyond_segment(start, end), beyond_segment(end, start)
    assert there == pytest.approx(-back, abs=1e-12)
    assert abs(float(there[0])) <= 0.5 + 1e-7
