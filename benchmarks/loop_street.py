"""The street of the label loop: real pictures with hand labels, and a made-up site with two cameras around them.

`car` is a camera on a vehicle without satellite reception, over facade_ads: sign boards, place unknown. `pole` is a
standing camera over bikes_nerve, which counts as one place: two-wheelers. Poses and zones are made up.
"""

from __future__ import annotations

import csv
import shutil
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from PIL import Image

from benchmarks.paths import ROOT, SHARED_DATA
from tests.edge.street import write_street

DETECT = SHARED_DATA / "detect"
CORRECTIONS = ROOT / "datasets" / "corrections"

Xyxy = tuple[float, float, float, float]


@dataclass(frozen=True)
class Beat:
    """What one camera of the site sees.

    Attributes:
        camera: its id in the site.
        source: folder of the pictures below ``detect/``.
        corrections: hand labels of the same pictures below ``datasets/corrections``.
        size_px: width and height; a camera has one shape, so pictures of another are left out.
        source_cues: cue by class id of the source's own labels, for cues that are complete in them.
    """

    camera: str
    source: str
    corrections: str
    size_px: tuple[int, int]
    source_cues: Mapping[int, str]


BEATS = (
    Beat("car", "facade_ads", "street_scenes_facade", (720, 405), {3: "signboard"}),
    Beat("pole", "bikes_nerve", "street_scenes_bikes", (576, 576), {}),
)


@dataclass(frozen=True)
class Labelled:
    """A picture and its hand labels.

    Attributes:
        boxes: (cue, (left, top, right, bottom) in px).
        looked_for: the cues of which every one in the picture has a box.
    """

    path: Path
    scene: str
    boxes: tuple[tuple[str, Xyxy], ...]
    looked_for: frozenset[str]


def labelled_pictures(beat: Beat) -> list[Labelled]:
    """The hand-labelled pictures of a beat that fit its camera, by scene and name."""
    scenes = {row["image"]: row["scene"] for row in _rows(DETECT / "index.csv") if row["source"] == beat.source}
    boxes: dict[str, list[tuple[str, Xyxy]]] = defaultdict(list)
    for row in _rows(CORRECTIONS / beat.corrections / "boxes.csv"):
        left, top, right, bottom = (float(row[f"{side}_px"]) for side in ("left", "top", "right", "bottom"))
        boxes[row["image"]].append((row["cue"], (left, top, right, bottom)))
    found: list[Labelled] = []
    for row in _rows(CORRECTIONS / beat.corrections / "reviewed.csv"):
        name, path = row["image"], DETECT / beat.source / "images" / row["image"]
        with Image.open(path) as picture:
            if picture.size != beat.size_px:
                continue
        looked_for = frozenset(row["cues"].split())
        # For a reviewed cue the corrections replace the source's own labels.
        own = [(cue, box) for cue, box in _source_boxes(beat, name) if cue not in looked_for]
        truth = (*boxes[name], *own)
        found.append(Labelled(path, scenes[name], truth, looked_for | set(beat.source_cues.values())))
    return sorted(found, key=lambda picture: (picture.scene, picture.path.name))


def every_other_scene(pictures: list[Labelled], first: int) -> list[Labelled]:
    """The pictures of every second scene, from the `first` (0 or 1) on: no scene is in both halves."""
    wanted = set(sorted({picture.scene for picture in pictures})[first::2])
    return [picture for picture in pictures if picture.scene in wanted]


def lay_out(pictures: list[Labelled], folder: Path) -> list[Labelled]:
    """Copy the pictures to a folder whose natural order is theirs; gives them in that order."""
    folder.mkdir(parents=True)
    for number, picture in enumerate(pictures):
        shutil.copyfile(picture.path, folder / f"{number:03d}-{picture.path.name}")
    return pictures


def write_site(folder: Path) -> Path:
    """All ground is footway, a single look is enough, and every bike is a case of its own."""
    by_camera = {beat.camera: beat.size_px for beat in BEATS}
    write_street(folder, image_px=by_camera["pole"], height_m=1.6, pitch_deg=-3.0, fov_deg=65.0)
    cameras = yaml.safe_load((folder / "cameras.yaml").read_text(encoding="utf-8"))
    cameras["cameras"] = [{**cameras["cameras"][0], "id": "pole"}, _on_a_car(by_camera["car"])]
    _dump(folder / "cameras.yaml", cameras)
    at_once = {"fixed_min_s": 0, "vehicle_min_observations": 1}
    _dump(folder / "rules" / "disorderly_bike.yaml", {"kind": "disorderly_bike", "dwell": at_once, "gather": None})
    _dump(folder / "rules" / "illegal_signage.yaml", {"kind": "illegal_signage", "dwell": at_once})
    return folder


def _on_a_car(size_px: tuple[int, int]) -> dict[str, object]:
    return {
        "id": "car",
        "name": {"zh": "巡查车（虚构）", "en": "patrol car (made up)"},
        "type": "vehicle",
        "image_px": list(size_px),
        "height_m": 2.0,
        "yaw_deg": 90.0,
        "pitch_deg": -25.0,  # so far down that no sign counts as above the horizon, where nothing stands on the ground
        "lens": {"horizontal_fov_deg": 60.0},
    }


def _source_boxes(beat: Beat, name: str) -> list[tuple[str, Xyxy]]:
    width_px, height_px = beat.size_px
    lines = (DETECT / beat.source / "labels" / name).with_suffix(".txt").read_text(encoding="ascii").splitlines()
    boxes: list[tuple[str, Xyxy]] = []
    for line in lines if beat.source_cues else ():
        class_id, cx, cy, w, h = (float(value) for value in line.split())
        if int(class_id) in beat.source_cues:
            left, top = (cx - w / 2) * width_px, (cy - h / 2) * height_px
            boxes.append((beat.source_cues[int(class_id)], (left, top, left + w * width_px, top + h * height_px)))
    return boxes


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _dump(path: Path, content: object) -> None:
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
