"""Where boxes touch the ground."""

from __future__ import annotations

import numpy as np
import pytest

from detector.geo.contact import contacts_of
from tests.detector.things import make_track

SIZE_PX = (640, 480)


@pytest.mark.parametrize(
    ("box", "from_above", "uv", "sigma", "cut_off"),
    [
        ((100, 100, 200, 300), False, (150, 300), (3.0, 6.0), False),  # the middle of the lower edge
        ((100, 100, 200, 300), True, (150, 200), (3.0, 6.0), False),  # from above the middle of the outline
        ((100, 300, 200, 479), False, (150, 479), (3.0, 179 * np.hypot(0.03, 0.15)), False),  # foot below the border
        ((0, 100, 100, 300), False, (50, 300), (100 * np.hypot(0.03, 0.15), 6.0), False),  # half out to the left
        ((540, 100, 640, 300), False, (590, 300), (100 * np.hypot(0.03, 0.15), 6.0), False),
        ((100, 0, 200, 200), False, (150, 200), (3.0, 6.0), False),  # its top does not matter from the side
        ((100, 0, 200, 200), True, (150, 100), (3.0, 200 * np.hypot(0.03, 0.15)), False),  # from above it does
        ((100, 2, 500, 480), False, (300, 480), (12.0, 478 * np.hypot(0.03, 0.15)), True),  # fills the picture
        ((100, 2, 500, 480), True, (300, 241), (12.0, 478 * np.hypot(0.03, 0.15)), False),
    ],
)
def test_contacts(box, from_above, uv, sigma, cut_off):
    seen = make_track("stall", [box], size_px=SIZE_PX).observations
    found = contacts_of(seen, np.array([from_above]))
    assert found.uv_px[0] == pytest.approx(uv)
    assert found.sigma_px[0] == pytest.approx(sigma)
    assert bool(found.cut_off[0]) == cut_off
    assert found.width_share[0] == pytest.approx((box[2] - box[0]) / 640)
