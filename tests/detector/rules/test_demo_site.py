"""The demonstration's street with boxes that a detector gave on its clip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detector.geo.localise import place_of
from detector.hit import Hit
from detector.rules import judge_tracks
from detector.site import load_site
from detector.tracks import Companion, Track
from detector.vocabulary import Kind, Outcome
from tests.conftest import ROOT
from tests.detector.things import make_track

SITE = load_site(ROOT / "edge" / "demo_site")

# Every fourth frame from 187 on; a man walks past until frame 205.
WALL_BIKE = [
    (289, 6, 610, 216),
    (293, 4, 608, 216),
    (320, 5, 554, 214),
    (273, 5, 538, 209),
    (270, 5, 542, 215),
    (266, 4, 585, 216),
    (263, 3, 583, 216),
    (262, 4, 527, 210),
    (258, 3, 575, 215),
    (256, 3, 552, 215),
]
WALKER = [(89, 0, 238, 236), (133, 0, 293, 252), (191, 0, 338, 254)]
# Frames 112 to 136: a parked motorcycle, a cyclist stopped astride his bike, the back of a van.
MOTORCYCLE = [
    (522, 143, 639, 271),
    (526, 138, 639, 270),
    (528, 133, 639, 271),
    (528, 126, 639, 271),
    (529, 123, 639, 271),
]
CYCLE = [(370, 163, 515, 272), (374, 163, 519, 272), (376, 141, 520, 272), (376, 147, 521, 272), (378, 145, 521, 272)]
CYCLIST = [(344, 15, 479, 269), (349, 11, 484, 268), (351, 5, 485, 267), (350, 1, 485, 268), (352, 1, 487, 267)]
VAN = [(0, 33, 296, 266), (0, 21, 305, 267), (0, 21, 307, 268), (0, 19, 305, 268), (0, 18, 305, 268)]


def seen(cue: str, boxes, ordinal: int, beside=(), **fields) -> Track:
    companions = [
        tuple(Companion(c, other[i], 0.9, name) for c, other, name in beside if i < len(other))
        for i in range(len(boxes))
    ]
    return make_track(cue, boxes, ordinal=ordinal, step_s=0.3, companions=companions, **fields)


def judged(camera: str, tracks: list[Track]) -> list[Hit]:
    places = {track.track_id: place_of(track, SITE.cameras[camera]) for track in tracks}
    return list(judge_tracks(tracks, places, SITE, "fixed"))


def test_the_bicycle_at_the_wall_is_a_violation_with_both_sigmas():
    bike = seen("bicycle", WALL_BIKE, 0, [("person", WALKER, "s/0/1")])
    walker = seen("person", WALKER, 1, [("bicycle", WALL_BIKE, "s/0/0")], moving=True)
    hit, passer_by = judged("wall-cam", [bike, walker])
    assert (hit.kind, hit.outcome, hit.count) == (Kind.DISORDERLY_BIKE, Outcome.VIOLATION, 1)
    assert hit.place is not None
    assert hit.place.synthetic
    assert 4.0 < hit.place.range_m < 6.0
    own, shared = (float(np.sqrt(np.trace(c))) for c in (hit.place.cov_own_m2, hit.place.cov_pass_m2))
    assert 0.1 < own < 1.0
    assert 0.1 < shared < 1.0
    assert [reason.code for reason in hit.reasons] == ["beside", "forbidden_here", "position_error"]
    assert passer_by.look_alike == "passer_by"


def test_the_motorcycle_is_a_violation_and_the_stopped_cyclist_is_none():
    motorcycle = seen("motorcycle", MOTORCYCLE, 0)
    cycle = seen("bicycle", CYCLE, 1, [("person", CYCLIST, "s/0/2")])
    cyclist = seen("person", CYCLIST, 2, [("bicycle", CYCLE, "s/0/1")])
    van = seen("car", VAN, 3, moving=True)
    hits = judged("corner-cam", [motorcycle, cycle, cyclist, van])
    assert [(hit.track.cue, hit.outcome, hit.look_alike) for hit in hits] == [
        ("motorcycle", Outcome.VIOLATION, None),
        ("bicycle", Outcome.ALLOWED, "ridden_bike"),
        ("car", Outcome.ALLOWED, "moving_vehicle"),
    ]


@pytest.mark.parametrize(("dwell_s", "outcome"), [(0.7, Outcome.ALLOWED), (0.9, Outcome.VIOLATION)])
def test_less_than_a_second_is_enough_on_the_demo_street(dwell_s, outcome):
    bike = seen("bicycle", WALL_BIKE, 0)
    first, last = bike.observations[0], bike.observations[-1]
    ends = replace(
        last, captured_at=first.captured_at + (last.captured_at - first.captured_at) * dwell_s / bike.dwell_s
    )
    (hit,) = judged("wall-cam", [replace(bike, observations=(*bike.observations[:1], ends))])
    assert hit.outcome is outcome
