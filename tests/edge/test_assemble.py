"""Hit to report: evidence that is the same on every run, and a body that says what the hit says."""

from __future__ import annotations

import uuid
from dataclasses import replace
from hashlib import sha256

import cv2
import numpy as np
import pytest

from detector.detections import Detections
from detector.frame import Fix
from detector.hit import Hit, PassOffset, Reason
from detector.report import ReportBody, canonical_bytes
from detector.vocabulary import Text
from edge.assemble import Shot, assemble
from edge.outbox import EvidenceFile
from tests.edge.hits import BIKE, MORNING, ORIGIN, hit, place, shot, track

REPORT = uuid.UUID(int=7)
KEY = "e" * 64


def _assemble(of: Hit, picture: Shot) -> tuple[ReportBody, list[EvidenceFile]]:
    return assemble(REPORT, KEY, of, picture, ORIGIN)


def test_the_same_hit_gives_the_same_bytes() -> None:
    first, files = _assemble(hit(where=place()), shot())
    again, same = _assemble(hit(where=place()), shot())
    assert canonical_bytes(first) == canonical_bytes(again)
    assert [f.data for f in files] == [f.data for f in same]


def test_body_and_files_belong_together() -> None:
    body, files = _assemble(hit(where=place()), shot())
    assert [(i.sha256, i.size_bytes) for i in body.evidence] == [
        (sha256(f.data).hexdigest(), len(f.data)) for f in files
    ]
    assert [i.role for i in body.evidence] == ["still_full", "still_crop"]
    for item, file in zip(body.evidence, files, strict=True):
        image = cv2.imdecode(np.frombuffer(file.data, np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == (item.height_px, item.width_px, 3)
        assert item.blurred
        assert b"Exif" not in file.data


def test_boxes_follow_the_crop_and_mark_the_subject() -> None:
    body, _ = _assemble(hit(), shot())
    full, crop = body.evidence
    assert [(b.cue, b.subject) for b in full.boxes] == [("bicycle", True), ("person", False)]
    # 54 px beside the box's middle at x = 130: the crop begins at 76.
    assert (crop.width_px, crop.height_px) == (108, 108)
    assert [b.xyxy_px for b in crop.boxes] == [(24.0, 24.0, 84.0, 84.0)]


def test_a_subject_that_fills_the_picture_needs_no_crop() -> None:
    picture = shot((0.0, 0.0, 320.0, 240.0))
    body, files = _assemble(hit(), picture)
    assert [i.role for i in body.evidence] == ["still_full"]
    assert len(files) == 1


def test_a_row_shows_all_its_members() -> None:
    other = (10.0, 20.0, 40.0, 120.0)
    row = replace(
        hit(track(0, seen_with=("street.mp4/0/1", "street.mp4/0/2")), count=2),
        member_track_ids=("street.mp4/0/0", "street.mp4/0/1"),
    )
    body, _ = _assemble(row, shot(BIKE, other))
    assert body.count == 2
    assert [b.subject for b in body.evidence[0].boxes] == [True, True]
    # A member of the row is no "other thing".
    assert body.not_same_as == ("street.mp4/0/2",)


@pytest.mark.parametrize("synthetic", [False, True])
def test_place_and_fix_say_when_they_are_made_up(synthetic: bool) -> None:
    fix = Fix(117.2, 34.26, sigma_m=3.0, at=MORNING, heading_deg=90.0, synthetic=synthetic)
    body, _ = _assemble(hit(where=place(synthetic=synthetic)), shot(fix=fix))
    assert body.place is not None
    assert body.fix is not None
    assert body.place.synthetic is body.fix.synthetic is synthetic
    assert body.place.cov_pass.ee_m2 == 9.0


def test_a_made_up_site_makes_every_place_made_up() -> None:
    body, _ = assemble(REPORT, KEY, hit(where=place()), shot(), replace(ORIGIN, synthetic=True))
    assert body.place is not None
    assert body.place.synthetic


def test_an_unknown_place_is_null() -> None:
    body, _ = _assemble(hit(where=None), shot())
    assert body.place is None


def test_many_frames_are_thinned_first_and_last_kept() -> None:
    body, _ = _assemble(hit(track(frames=2500)), shot())
    assert len(body.frame_ids) == 1000
    assert body.frame_ids[0].endswith(":0")
    assert body.frame_ids[-1].endswith(":2499")
    assert body.frame_count == 2500


def test_a_box_beyond_the_edge_is_cut_to_the_picture() -> None:
    outside = np.array([(-20.0, 200.0, 30.0, 260.0), (400.0, 0.0, 420.0, 30.0)], np.float32)
    picture = replace(
        shot((-20.0, 200.0, 30.0, 260.0)),
        detections=Detections(outside, np.array([0.9, 0.9], np.float32), np.array([1, 1]), ("person", "bicycle")),
    )
    body, _ = _assemble(hit(), picture)
    assert [b.xyxy_px for b in body.evidence[0].boxes] == [(0.0, 200.0, 30.0, 240.0)]


def test_a_long_reason_is_cut_not_refused() -> None:
    wordy = Reason("beside", Text(zh="摊" * 300, en="one\ntwo" + " x" * 200))
    body, _ = _assemble(replace(hit(), reasons=(wordy,)), shot())
    assert len(body.reasons[0].zh) == 200
    assert body.reasons[0].zh.endswith("…")
    assert body.reasons[0].en.startswith("one two")


def test_a_registered_place_says_what_it_was_moved_by() -> None:
    offset = PassOffset(2.0, -0.5, ((0.4, 0.1), (0.1, 0.3)), 6)
    body, _ = _assemble(hit(where=replace(place(), offset=offset)), shot())
    assert body.place is not None
    assert body.place.offset is not None
    assert (body.place.offset.east_m, body.place.offset.north_m, body.place.offset.anchors) == (2.0, -0.5, 6)
    assert body.place.offset.cov.en_m2 == 0.1
    unmoved, _ = _assemble(hit(where=place()), shot())
    assert unmoved.place is not None
    assert unmoved.place.offset is None
