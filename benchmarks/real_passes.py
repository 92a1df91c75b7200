"""Real second looks at one thing: overlapping drone photos, and the frames of a clip. No virtual pass is among them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.appearance_crop import CropSpec, masked_crop
from detector.model.yolo import Detector
from models.appearance.things import Thing, read_picture

PATCH_PX = 70
STEP_PX = 110
MIN_INLIERS = 40
MIN_CONTRAST = 18.0
"""Standard deviation of a patch's grey values; smooth tarmac and lawn are nothing that anybody could recognise."""
WIDTH_PX = 1200
NOBODY = np.zeros((0, 4))

CLIP_SHOTS = (("bicycle", 187, 241), ("motorcycle", 112, 136), ("bicycle", 112, 136))
"""Shots of bikes.mp4 with one standing bike of the cue: first and last frame."""
CLIP_STEP = 6


def drone_patches(folder: Path, spec: CropSpec) -> Iterator[tuple[NDArray[np.float32], Thing]]:
    """Patches of the ground, about the size of a stall, as two overlapping photos show them.

    Where a patch of the first photo lies in the second is known from the homography between the two (ORB, RANSAC); a
    real second look from another place, seconds later, with the detector's error left out. The patches of one photo
    are each other's look-alikes.
    """
    paths = sorted(folder.glob("*.JPG"))
    pictures = [_narrow(read_picture(path)) for path in paths]
    orb: Any = cv2.ORB.create(2500)
    keys = [orb.detectAndCompute(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), None) for picture in pictures]
    for i, j in combinations(range(len(paths)), 2):
        matrix = _homography(keys[i], keys[j])
        if matrix is None:
            continue
        for box in _patches(pictures[i]):
            moved = _moved(box, matrix, pictures[j])
            if moved is None:
                continue
            # One pair of photos is one picture of things: a patch of another pair may be the same piece of ground.
            name = Path(f"{paths[i].stem}-{paths[j].stem}")
            left, top, right, bottom = box.tolist()
            thing = Thing("drone", "patch", name, (left, top, right, bottom), "flight", None, "test")
            crops = masked_crop(pictures[i], box, NOBODY, spec), masked_crop(pictures[j], moved, NOBODY, spec)
            yield from ((crop, thing) for crop in crops if crop is not None)


def parked_bikes(clip: Path, detector: Detector, spec: CropSpec) -> Iterator[tuple[NDArray[np.float32], Thing]]:
    """The standing bikes of bikes.mp4, every sixth frame, as the street model boxes them, people painted over."""
    import av

    with av.open(str(clip)) as video:
        for number, frame in enumerate(video.decode(video=0)):
            shots = [shot for shot in CLIP_SHOTS if shot[1] <= number <= shot[2] and number % CLIP_STEP == 0]
            if not shots:
                continue
            image = frame.to_ndarray(format="bgr24")
            found = detector.detect(image)
            names = np.array(found.names())
            people = np.concatenate([found.xyxy[names == "person"], found.faint_people_xyxy])
            for cue, first, last in shots:
                boxes = found.xyxy[names == cue]
                if not len(boxes):
                    continue
                # Detections come best first.
                crop = masked_crop(image, boxes[0], people, spec)
                thing = Thing(
                    "clip", "bike", Path(f"{first}"), (first, 0, last, len(cue)), f"{first}-{cue}", None, "test"
                )
                if crop is not None:
                    yield crop, thing


def _narrow(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    small: Any = cv2.resize(picture, (WIDTH_PX, round(height * WIDTH_PX / width)), interpolation=cv2.INTER_AREA)
    return small


def _homography(a: Any, b: Any) -> NDArray[np.float64] | None:
    (points_a, looks_a), (points_b, looks_b) = a, b
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(looks_a, looks_b, k=2)
    sure = [best for best, second in pairs if best.distance < 0.8 * second.distance]
    if len(sure) < MIN_INLIERS:
        return None
    from_px = np.array([points_a[match.queryIdx].pt for match in sure], np.float32)
    to_px = np.array([points_b[match.trainIdx].pt for match in sure], np.float32)
    matrix, inliers = cv2.findHomography(from_px, to_px, cv2.RANSAC, 4.0)
    if matrix is None or int(inliers.sum()) < MIN_INLIERS:
        return None
    return np.asarray(matrix, np.float64)


def _patches(picture: NDArray[np.uint8]) -> Iterator[NDArray[np.float64]]:
    height, width = picture.shape[:2]
    for top in range(PATCH_PX, height - 2 * PATCH_PX, STEP_PX):
        for left in range(PATCH_PX, width - 2 * PATCH_PX, STEP_PX):
            patch = picture[top : top + PATCH_PX, left : left + PATCH_PX]
            if patch.mean(axis=2).std() >= MIN_CONTRAST:
                yield np.array([left, top, left + PATCH_PX, top + PATCH_PX], np.float64)


def _moved(
    box: NDArray[np.float64], matrix: NDArray[np.float64], picture: NDArray[np.uint8]
) -> NDArray[np.float64] | None:
    """The upright box around the patch in the second photo; None when it leaves that photo."""
    corners = box[[[0, 1], [2, 1], [2, 3], [0, 3]]].reshape(-1, 1, 2)
    points = cv2.perspectiveTransform(corners, matrix).reshape(4, 2)
    height, width = picture.shape[:2]
    low, high = points.min(axis=0), points.max(axis=0)
    inside = (low >= PATCH_PX / 4).all() and (high <= np.array([width, height]) - PATCH_PX / 4).all()
    return np.concatenate([low, high]) if inside else None
