"""Watch a scene as the patrol does: bundle -> detections -> tracks -> places -> verdicts.

A still stands for a standing camera that sees the same picture for as long as the rules wait: it is looked at once and
shown to the tracker `LOOKS` times. So stills measure the detector on one look and the rules on a thing that does not
move; that people walk and vehicles drive is measured on clips only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, distribution
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import cv2

from detector.detections import Detections
from detector.frame import Frame, Image
from detector.geo.camera import FixedPose, ObservedBy
from detector.hit import Hit
from detector.rules import judge_tracks
from detector.rules.placing import Placing
from detector.site import Site
from detector.tracking import Tracker, TrackerLimits
from detector.tracks import Track
from models.errors import ScenesError
from models.scenes.schema import ClipIn, PictureIn, SceneIn

LOOKS = 7
"""How often a still is shown to the tracker."""
MARGIN = 1.2
"""And for how long, in dwell times of the most patient rule."""


class Sees(Protocol):
    """What finds things: `detector.model.yolo.Detector`."""

    @property
    def cue_names(self) -> tuple[str, ...]:
        """The model's cues in index order."""
        ...

    def detect(self, image: Image) -> Detections:
        """What is in a picture."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One frame of a scene. `at_s` counts from the scene's beginning."""

    image: Image
    detections: Detections
    at_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """What came out of a scene.

    Attributes:
        image: the frame to draw on: the still, or the last of the clip.
        detections: boxes of every look.
        tracks: by track id.
        hits: verdicts, in the order of their tracks.
    """

    image: Image
    detections: tuple[Detections, ...]
    tracks: dict[str, Track]
    hits: tuple[Hit, ...]


def find_file(picture: PictureIn, data_root: Path) -> Path:
    """The picture's file, seen to be the labelled one.

    Raises:
        ScenesError: it is missing, or its SHA-256 is another: boxes and zones were drawn on other pixels.
    """
    path = _path(picture.file, data_root)
    if not path.is_file():
        raise ScenesError(f"{path} is missing; --data-root is the folder that holds {picture.file.split('/')[0]}/")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != picture.sha256:
        raise ScenesError(f"{path} has SHA-256 {found[:12]}…, the scenes were drawn on {picture.sha256[:12]}…")
    return path


def _path(file: str, data_root: Path) -> Path:
    if not file.startswith("package:"):
        return data_root / file
    package, _, inside = file.removeprefix("package:").partition("/")
    try:
        return Path(str(distribution(package).locate_file(inside)))
    except PackageNotFoundError as error:
        raise ScenesError(f"the clip {inside} needs the Python package {package}: pip install {package}") from error


def look(picture: PictureIn, path: Path, detector: Sees) -> tuple[Look, ...]:
    """Detect in the still (one look) or in the frames of the clip.

    Raises:
        ScenesError: it does not decode, or the clip ends early.
    """
    if picture.clip is not None:
        return tuple(Look(image, detector.detect(image), at_s) for image, at_s in _frames(path, picture.clip))
    image: Any = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ScenesError(f"{path} does not decode as a picture")
    return (Look(image, detector.detect(image), 0.0),)


def _frames(path: Path, clip: ClipIn) -> Iterator[tuple[Image, float]]:
    video = cv2.VideoCapture(str(path))
    try:
        rate = video.get(cv2.CAP_PROP_FPS) or 25.0
        for index in range(clip.last + 1):
            got, image = video.read()
            if not got:
                raise ScenesError(f"{path} ends at frame {index}, the clip goes to {clip.last}")
            if index >= clip.first and (index - clip.first) % clip.step == 0:
                yield image.astype("uint8", copy=False), (index - clip.first) / rate
    finally:
        video.release()


def watch(
    scene: SceneIn,
    looks: Sequence[Look],
    camera: FixedPose,
    site: Site,
    cues: tuple[str, ...],
    observed_by: ObservedBy = "fixed",
) -> Watched:
    """The verdicts on a scene, by the same tracker, geometry and rules as on a patrol."""
    shown = looks if len(looks) > 1 else _standing(looks[0], _patience_s(site))
    step_s = max(b.at_s - a.at_s for a, b in pairwise(shown))
    usual = TrackerLimits()
    limits = replace(usual, lost_s=max(usual.lost_s, 2.5 * step_s), tentative_s=max(usual.tentative_s, 1.5 * step_s))
    tracker = Tracker(scene.id, cues, limits, standing_camera=True)
    finished: list[Track] = []
    for seq, seen in enumerate(shown):
        frame = Frame(seen.image, seq, scene.at + timedelta(seconds=seen.at_s), seen.at_s, scene.id)
        finished += tracker.update(frame, seen.detections).finished
    finished += tracker.flush().finished
    placing = Placing(site, camera)
    places = {track.track_id: placing.place(track) for track in finished}
    return Watched(
        image=looks[-1].image,
        detections=tuple(seen.detections for seen in looks),
        tracks={track.track_id: track for track in finished},
        hits=judge_tracks(finished, places, site, observed_by),
    )


def _standing(seen: Look, patience_s: float) -> tuple[Look, ...]:
    step_s = MARGIN * patience_s / (LOOKS - 1)
    return tuple(replace(seen, at_s=index * step_s) for index in range(LOOKS))


def _patience_s(site: Site) -> float:
    return max(60.0, *(rule.dwell.fixed_min_s for rule in site.rules.values()))
