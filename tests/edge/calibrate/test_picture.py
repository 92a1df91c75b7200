"""The calibration picture: the marks lie where the camera model puts them."""

from __future__ import annotations

import numpy as np

from edge.calibrate.picture import _AFTER, _BEFORE, draw_mounting
from tests.edge.calibrate.street_video import camera


def test_both_mountings_are_drawn_where_they_look() -> None:
    before, after = camera(1.9, 0.0, -3.0), camera(1.6, 5.0, -8.0)
    image = draw_mounting(np.full((270, 480, 3), 128, np.uint8), before, after, ("before", "after"))
    scale = 1280 / 480
    for seen_by, colour in ((before, _BEFORE), (after, _AFTER)):
        drawn = np.argwhere((image == colour).all(axis=2))
        drawn = drawn[drawn[:, 0] > 100]  # below the notes
        assert len(drawn) > 500
        focal_px = seen_by.lens.fx_px * scale
        horizon_v = 360 + focal_px * np.tan(np.radians(seen_by.pitch_deg))
        assert abs(drawn[:, 0].min() - horizon_v) < 22  # the cross stands half its height above the horizon


def test_a_camera_that_looks_away_from_the_road_draws_what_it_can() -> None:
    aside = camera(1.6, 90.0, 20.0)
    image = draw_mounting(np.full((270, 480, 3), 128, np.uint8), aside, aside, ("a", "b"))
    assert image.shape == (720, 1280, 3)
