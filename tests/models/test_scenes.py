"""Scenes: read, put on the map, watched, counted. The detector is replaced by boxes; everything after it is real."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from detector.detections import Detections
from detector.errors import SiteError
from detector.geo.localise import locate
from detector.vocabulary import Kind
from models.errors import ScenesError
from models.scenes.ground import on_ground, scene_camera
from models.scenes.run import run_scenes
from models.scenes.schema import CameraIn, load_scenes
from models.scenes.score import NO_BOX, Rate, fits, score_kinds
from models.scenes.site import write_site
from models.scenes.table import content, rate_text
from models.scenes.watch import find_file
from tests.conftest import ROOT
from tests.detector.things import make_track

CUES = ("person", "motorcycle", "stall")
STREET = {"height_m": 1.5, "hfov_deg": 60, "horizon_px": 100}
ABOVE = {"height_m": 100.0, "ground_m_per_px": 0.03}
BIKE = (200.0, 180.0, 300.0, 280.0)
FOOTWAY = {"kind": "public_ground", "px": [[-200, 200], [840, 200], [840, 500], [-200, 500]]}
BAY = {"kind": "bike_bay", "px": [[150, 260], [350, 260], [360, 310], [140, 310]]}
PARKED = {"thing": "bike", "kind": "disorderly_bike", "outcome": "violation"}
IN_BAY = {"thing": "bike", "kind": "disorderly_bike", "outcome": "allowed", "look_alike": "bike_in_bay"}


class Boxes:
    """Finds the boxes it is told, in every picture."""

    def __init__(self, *boxes: tuple[str, tuple[float, float, float, float], float]) -> None:
        self.looked = 0
        self._boxes = boxes

    @property
    def cue_names(self) -> tuple[str, ...]:
        return CUES

    def detect(self, image) -> Detections:
        self.looked += 1
        return Detections(
            np.array([box for _, box, _ in self._boxes], np.float32).reshape(-1, 4),
            np.array([confidence for *_, confidence in self._boxes], np.float32),
            np.array([CUES.index(cue) for cue, *_ in self._boxes], np.int64),
            CUES,
        )


def write(folder: Path, *, camera=STREET, half="report", things=None, scenes=None, **picture) -> Path:
    """A folder with one picture and its scenes."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    file = folder / "data" / "street.png"
    cv2.imwrite(str(file), np.full((400, 640, 3), 90, np.uint8))
    entry = {
        "source": "made",
        "file": "street.png",
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "place": "here",
        "half": half,
        "camera": camera,
        "things": things or {"bike": {"box": list(BIKE)}},
        **picture,
    }
    scene = {"id": "parked", "picture": "street", "at": "2026-05-20T10:00:00+08:00", "zones": {"footway": FOOTWAY}}
    listed = scenes or [{**scene, "expect": [PARKED]}]
    (folder / "scenes").mkdir(exist_ok=True)
    text = yaml.safe_dump({"schema": "kerbwatch-scenes/1", "pictures": {"street": entry}, "scenes": listed})
    (folder / "scenes" / "made.yaml").write_text(text, encoding="utf-8")
    return folder / "scenes"


def scene(name: str, expect: list, zones: dict | None = None, **more) -> dict:
    at = "2026-05-20T10:00:00+08:00"
    return {"id": name, "picture": "street", "at": at, "zones": zones or {"footway": FOOTWAY}, "expect": expect, **more}


def run(folder: Path, street=None, aerial=None):
    return run_scenes(load_scenes(folder), folder.parent / "data", street, aerial, lambda done, total: None)


def test_a_parked_bike_is_found_outside_and_named_inside_the_bay(tmp_path):
    zones = {"footway": FOOTWAY, "bay": BAY}
    folder = write(tmp_path, scenes=[scene("outside", [PARKED]), scene("bay", [IN_BAY], zones)])
    eyes = Boxes(("motorcycle", BIKE, 0.9))
    results, skipped = run(folder, street=eyes)
    assert [answer.got for result in results for answer in result.answers] == ["violation", "bike_in_bay"]
    (score,) = score_kinds(results)
    assert (score.kind, score.precision.hits, score.precision.of) == (Kind.DISORDERLY_BIKE, 1, 1)
    assert (score.recall.value, score.spared.value, score.named.value) == (1.0, 1.0, 1.0)
    assert (score.pictures, score.places, skipped) == (1, 1, [])
    assert eyes.looked == 1, "scenes that share a picture share the look at it"


def test_what_is_reported_elsewhere_counts_against_precision_and_what_is_missed_against_recall(tmp_path):
    folder = write(tmp_path)
    elsewhere = ("motorcycle", (450.0, 200.0, 560.0, 300.0), 0.9)
    results, _ = run(folder, street=Boxes(elsewhere))
    assert [(a.got, a.right) for a in results[0].answers] == [(NO_BOX, False)]
    (score,) = score_kinds(results)
    assert (score.precision.value, score.recall.value) == (0.0, 0.0)


def test_a_legal_thing_that_is_accused_is_not_spared(tmp_path):
    folder = write(tmp_path, scenes=[scene("no-bay-drawn", [IN_BAY])])
    results, _ = run(folder, street=Boxes(("motorcycle", BIKE, 0.9)))
    (score,) = score_kinds(results)
    assert (score.spared.value, score.precision.value, score.recall.of) == (0.0, 0.0, 0)


@pytest.mark.parametrize(
    ("cue", "kind", "got"),
    [
        ("stall", "disorderly_bike", "seen as stall"),  # another thing to the model, and nobody by it
        ("motorcycle", "disorderly_bike", "no verdict"),  # seen where nothing may be recorded
        ("person", "disorderly_bike", NO_BOX),  # people stand before everything
    ],
)
def test_what_was_seen_instead_is_told(tmp_path, cue, kind, got):
    private = {"garden": {**FOOTWAY, "kind": "privacy_exclusion"}}
    rules = {"street_stall": {"exemptions": [], "groups": [{"lead": ["table"], "with_any": [["umbrella"]]}]}}
    folder = write(tmp_path, scenes=[scene("a", [PARKED | {"kind": kind}], private, rules=rules)])
    results, _ = run(folder, street=Boxes((cue, BIKE, 0.9)))
    assert results[0].answers[0].got == got


def test_unsure_is_neither_found_nor_wrong(tmp_path):
    results, _ = run(write(tmp_path), street=Boxes(("motorcycle", BIKE, 0.3)))
    (score,) = score_kinds(results)
    assert (score.unsure, score.precision.of, score.recall.value) == (1, 0, 0.0)
    assert results[0].answers[0].got == "unsure"


def test_the_permit_of_a_pitch_holds_in_its_hours_only(tmp_path):
    """From straight above, with the city's rule that a stall needs no seller in view."""
    ground = {"kind": "public_ground", "px": [[0, 0], [640, 0], [640, 400], [0, 400]]}
    pitch = {"kind": "vending_pitch", "px": [[180, 150], [330, 150], [330, 300], [180, 300]]}
    zones = {"ground": ground, "pitch": {**pitch, "schedule": {"daily": ["06:00-14:00"]}}}
    more = {
        "permits": {"p1": {"kind": "vending", "zone": "pitch"}},
        "rules": {"street_stall": {"groups": [{"lead": ["stall"]}]}},
    }
    legal = {"thing": "bike", "kind": "street_stall", "outcome": "allowed", "look_alike": "permitted_vendor"}
    illegal = {"thing": "bike", "kind": "street_stall", "outcome": "violation"}
    evening = scene("evening", [illegal], zones, **more) | {"at": "2026-05-20T20:00:00+08:00"}
    folder = write(tmp_path, camera=ABOVE, scenes=[scene("morning", [legal], zones, **more), evening])
    results, _ = run(folder, aerial=Boxes(("stall", BIKE, 0.9)))
    assert [answer.got for result in results for answer in result.answers] == ["permitted_vendor", "violation"]


def test_scenes_without_their_bundle_are_skipped_with_the_reason(tmp_path):
    street, above = write(tmp_path / "a"), write(tmp_path / "b", camera=ABOVE)
    assert [entry.reason for entry in run(street)[1]] == ["no --street bundle was given"]
    assert [entry.reason for entry in run(above, street=Boxes())[1]] == ["no --aerial bundle was given"]


def test_a_clip_runs_as_a_clip(tmp_path):
    """Ten frames a second; the rule waits for one."""
    folder = write(tmp_path)
    file = tmp_path / "data" / "street.avi"
    video = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (640, 400))
    for _ in range(20):
        video.write(np.full((400, 640, 3), 90, np.uint8))
    video.release()
    short = {"disorderly_bike": {"dwell": {"fixed_min_s": 1}}}
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    clip = {"first": 2, "last": 18, "step": 2}
    write(tmp_path, file="street.avi", sha256=sha256, clip=clip, scenes=[scene("clip", [PARKED], rules=short)])
    eyes = Boxes(("motorcycle", BIKE, 0.9))
    results, _ = run(folder, street=eyes)
    assert (eyes.looked, results[0].answers[0].got) == (9, "violation")
    write(tmp_path, file="street.avi", sha256=sha256, clip={**clip, "last": 40})
    with pytest.raises(ScenesError, match=r"street.avi ends at frame 20, the clip goes to 40"):
        run(folder, street=eyes)


def test_the_same_camera_draws_the_zones_and_places_the_things():
    """A zone drawn around a thing's foot holds the place that the thing gets."""
    for raw in (STREET, ABOVE):
        given = CameraIn.model_validate(raw)
        camera = scene_camera(given, 640, 400)
        foot = (250.0, 230.0) if given.looks_down else (250.0, 280.0)
        place = locate(make_track("motorcycle", [BIKE], size_px=(640, 400)), camera)
        assert place is not None
        assert (place.lon_deg, place.lat_deg) == pytest.approx(tuple(on_ground(camera, [foot])[0]), abs=1e-9)


def test_the_horizon_row_and_the_ground_scale_are_those_of_the_camera():
    level = scene_camera(CameraIn.model_validate({**STREET, "horizon_px": 199.5}), 640, 400)
    assert level.pitch_deg == pytest.approx(0.0)
    down = scene_camera(CameraIn.model_validate(ABOVE), 640, 400)
    (a, b) = on_ground(down, [(100.0, 200.0), (200.0, 200.0)])
    metres = (b[0] - a[0]) * 111_320.0 * np.cos(np.radians(down.lat_deg))
    assert (down.pitch_deg, metres) == (-90.0, pytest.approx(3.0, rel=0.01))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"camera": {**STREET, "ground_m_per_px": 0.1}}, "give either hfov_deg and horizon_px, or ground_m_per_px"),
        ({"camera": {"height_m": 2, "hfov_deg": 60}}, "give either hfov_deg and horizon_px, or ground_m_per_px"),
        ({"things": {"bike": {"box": [5, 5, 5, 9]}}}, r"must be \[left, top, right, bottom\]"),
        ({"clip": {"first": 9, "last": 9}}, "clip ends at frame 9, not after its first, 9"),
        ({"half": "both"}, r"half: Input should be 'tune' or 'report'"),
        ({"scenes": [scene("a", [PARKED | {"thing": "cat"}])]}, "scene a expects 'cat'; things of street: bike"),
        ({"scenes": [scene("a", []) | {"picture": "x"}]}, "scene a names picture 'x', which the file does not have"),
        ({"scenes": [scene("a", []), scene("a", [])]}, "scene 'a' is there twice"),
        ({"scenes": [scene("a", []) | {"at": "2026-05-20T10:00:00"}]}, "give its offset"),
        ({"scenes": [scene("a", [IN_BAY | {"look_alike": "cat"}])]}, "unknown look-alike 'cat'; known: abandoned_"),
        ({"scenes": [scene("a", [PARKED | {"look_alike": "delivery"}])]}, "an allowed thing names its look_alike"),
    ],
)
def test_broken_scenes_are_named(tmp_path, change, message):
    with pytest.raises(ScenesError, match=message):
        load_scenes(write(tmp_path, **change))


def test_a_place_stays_in_one_half(tmp_path):
    folder = write(tmp_path)
    other = write(tmp_path / "other", half="tune", scenes=[scene("again", [PARKED])])
    shutil.copyfile(other / "made.yaml", folder / "other.yaml")
    with pytest.raises(ScenesError, match="place 'here' of made is in both halves"):
        load_scenes(folder)


def test_an_empty_folder_and_a_file_that_is_no_yaml_are_named(tmp_path):
    with pytest.raises(ScenesError, match=r"holds no \*.yaml with scenes"):
        load_scenes(tmp_path)
    (tmp_path / "a.yaml").write_text("{", encoding="utf-8")
    with pytest.raises(ScenesError, match=r"a.yaml: cannot be read"):
        load_scenes(tmp_path)


def test_a_missing_or_changed_picture_is_named(tmp_path):
    (found,) = load_scenes(write(tmp_path))
    with pytest.raises(ScenesError, match=r"street.png is missing; --data-root is the folder that holds street.png/"):
        find_file(found.picture, tmp_path)
    (tmp_path / "data" / "street.png").write_bytes(b"other")
    with pytest.raises(ScenesError, match="the scenes were drawn on"):
        find_file(found.picture, tmp_path / "data")
    gone = found.picture.model_copy(update={"file": "package:no-such-package/clip.mp4"})
    with pytest.raises(ScenesError, match="needs the Python package no-such-package: pip install no-such-package"):
        find_file(gone, tmp_path)


def test_a_file_that_is_no_picture_is_named(tmp_path):
    folder = write(tmp_path)
    file = tmp_path / "data" / "street.png"
    file.write_bytes(b"no picture")
    write_again = yaml.safe_load((folder / "made.yaml").read_text(encoding="utf-8"))
    write_again["pictures"]["street"]["sha256"] = hashlib.sha256(b"no picture").hexdigest()
    (folder / "made.yaml").write_text(yaml.safe_dump(write_again), encoding="utf-8")
    with pytest.raises(ScenesError, match="does not decode as a picture"):
        run(folder, street=Boxes())


def test_a_zone_in_the_sky_and_a_permit_for_no_zone_are_refused(tmp_path):
    sky = {"kind": "bike_bay", "px": [[0, 90], [50, 300], [90, 300]]}
    with pytest.raises(ScenesError, match=r"pixel \(0, 90\) is at or above the horizon"):
        run(write(tmp_path, scenes=[scene("a", [], {"sky": sky})]), street=Boxes())
    astray = scene("a", [], permits={"p": {"kind": "vending", "zone": "pitch"}})
    with pytest.raises(SiteError, match="names zone 'pitch'"):
        run(write(tmp_path, scenes=[astray]), street=Boxes())


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0, 0, 10, 10), True),  # the thing itself
        ((0, 0, 14, 14), True),  # larger, IoU 0.51
        ((40, 40, 50, 50), False),  # elsewhere
        ((0, 0, 30, 30), False),  # much larger, centre outside
    ],
)
def test_a_box_fits(box, expected):
    assert fits(box, (0, 0, 10, 10)) is expected


def test_the_interval_draws_pictures_and_holds_the_rate(tmp_path):
    wrong = scene("wrong", [PARKED], {"footway": FOOTWAY, "bay": BAY})
    folder = write(tmp_path, scenes=[scene("right", [PARKED]), wrong])
    results, _ = run(folder, street=Boxes(("motorcycle", BIKE, 0.9)))
    (score,) = score_kinds(results)
    # One picture, drawn again and again, is always the same: its two scenes are never torn apart.
    assert score.recall == Rate(1, 2, 0.5, 0.5)
    assert (rate_text(score.recall), rate_text(Rate(0, 0, None, None))) == ("0.50 [0.50, 0.50] 1/2", "- 0/0")


def test_the_result_as_json_tells_every_answer(tmp_path):
    results, skipped = run(write(tmp_path), street=Boxes(("motorcycle", BIKE, 0.9)))
    told = json.loads(json.dumps(content(results, skipped)))
    assert [row["group"] for row in told["scores"]] == ["report", "report: made"]
    assert told["scenes"][0]["answers"] == [
        {"thing": "bike", "kind": "disorderly_bike", "is": "violation", "got": "violation", "right": True}
    ]
    assert told["confusions"] == [
        {"half": "report", "kind": "disorderly_bike", "is": "violation", "got": "violation", "count": 1}
    ]


def test_the_shipped_scenes_hold_enough_of_each_kind():
    found = load_scenes(ROOT / "datasets" / "scenes")
    counts = Counter((expected.kind, expected.outcome) for entry in found for expected in entry.scene.expect)
    assert len(found) >= 60
    assert {kind: counts[kind, "violation"] >= 10 and counts[kind, "allowed"] >= 10 for kind in Kind} == dict.fromkeys(
        Kind, True
    )
    assert {entry.picture.half for entry in found} == {"tune", "report"}


def test_the_shipped_scenes_fit_their_pictures(shared_data, tmp_path):
    """Every picture is the one that was labelled, every box lies in it, every site is whole."""
    sizes: dict[str, tuple[int, int]] = {}
    for entry in load_scenes(ROOT / "datasets" / "scenes"):
        if entry.picture.file.startswith("package:"):
            continue
        if entry.picture_name not in sizes:
            path = find_file(entry.picture, shared_data)
            video = cv2.VideoCapture(str(path))
            _, image = video.read()
            video.release()
            sizes[entry.picture_name] = image.shape[1], image.shape[0]
        width_px, height_px = sizes[entry.picture_name]
        for name, thing in entry.picture.things.items():
            left, top, right, bottom = thing.box
            assert 0 <= left < right <= width_px, (entry.name, name)
            assert 0 <= top < bottom <= height_px, (entry.name, name)
        site = write_site(entry.scene, scene_camera(entry.picture.camera, width_px, height_px), tmp_path / entry.name)
        assert set(entry.scene.zones) <= {zone.zone_id for zone in site.zones.zones}
