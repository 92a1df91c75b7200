"""Who sits on a bike, from two boxes."""

from __future__ import annotations

import pytest

from detector.rules.looks import rides

BIKE = (100.0, 100.0, 200.0, 200.0)


@pytest.mark.parametrize(
    ("person", "riding"),
    [
        ((120, 40, 160, 190), True),  # upright on it, feet on the pedals
        ((120, 40, 160, 116), True),  # the box ends at the saddle: the bike hides the legs
        ((120, 40, 160, 114), False),  # above the saddle: somebody behind a wall behind the bike
        ((120, 40, 160, 211), True),  # feet on the ground beside the wheels
        ((120, 40, 160, 213), False),  # nearer to the camera than the bike
        ((120, 124, 160, 190), True),  # bent low over the handlebar
        ((120, 126, 160, 190), False),  # a child behind it: the head is no higher than the bike
        ((180, 40, 220, 190), True),  # half of him is over it
        ((181, 40, 221, 190), False),  # beside it
    ],
)
def test_rides(person, riding):
    assert rides(person, BIKE) is riding
    for scale in (0.1, 30.0):  # the bounds are shares of the boxes, whatever the picture's size
        grown = [tuple(scale * edge for edge in box) for box in (person, BIKE)]
        assert rides(*grown) is riding
