"""One figure and one ellipse for a covariance."""

from __future__ import annotations

import pytest

from detector.geo.plane import LocalPlane
from server.web.position_error import PositionError, error_of


@pytest.mark.parametrize(
    ("ee_m2", "en_m2", "nn_m2", "sigma_m", "longest_m"),
    [
        (4.0, 0.0, 4.0, 2.0, 2.0),  # round
        (1.0, 0.0, 7.0, 2.0, 7.0**0.5),  # stretched to the north
        (5.0, 4.0, 5.0, 5.0**0.5, 3.0),  # turned by 45 degrees: eigenvalues 9 and 1
        (0.0, 0.0, 0.0, 0.0, 0.0),
    ],
)
def test_sigma_is_the_mean_of_the_axes_and_the_ring_the_whole_ellipse(
    ee_m2: float, en_m2: float, nn_m2: float, sigma_m: float, longest_m: float
) -> None:
    error = PositionError(ee_m2, en_m2, nn_m2)
    assert error.sigma_m == pytest.approx(sigma_m)
    east_north = LocalPlane(117.0, 34.0).east_north_m(error.ring(117.0, 34.0))
    assert max((east_north**2).sum(axis=1)) ** 0.5 == pytest.approx(longest_m, abs=0.01)


def test_an_unknown_place_has_no_error() -> None:
    assert error_of(None, None, None) is None
