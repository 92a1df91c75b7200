"""Picture alarms: dirt rendered over real pictures, clean ones for the false alarms, knocks on a rendered street.

Real drives are short here (one clip of 6 s, one walk of 29 pictures), so sets of street photographs stand for long
drives: every look shows another street, which is what a drive does over minutes. Their looks are counted in hours at
20 km/h and one look in 2.5 m. The clip turns and hardly moves ahead, so no knock can be seen in it.

Run: python -m benchmarks.alarms
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np

from benchmarks.paths import SHARED_DATA
from detector.frame import Frame, Image
from edge.alarms.lens import LensWatch
from edge.alarms.mount import MountWatch
from edge.calibrate.flow import motions
from tests.edge.calibrate.street_video import NOON, Street, camera, drive

SIZE_PX = (960, 540)
CLIP = SHARED_DATA / "video" / "mapillary_sample-5s.mp4"
PHOTOS = {
    "walk": "street_sequence/lund/*.jpg",
    "streets A": "detect/bicycles_5000/images/*",
    "streets B": "detect/bicycles_6000/images/*",
    "streets C": "detect/coco256/images/*",
    "streets D": "detect/bikes_nerve/images/*",
}
_PAIRS = 26
LOOKS_PER_HOUR = 20_000 / 2.5
CLEAN_LOOKS, DIRTY_LOOKS = 100, 160
SPOTS = ((0.3, 0.5, 0.10), (0.7, 0.6, 0.10), (0.5, 0.4, 0.07), (0.85, 0.3, 0.10), (0.15, 0.7, 0.12))
"""Centre and radius, as parts of the width (the centre's row: of the height)."""
KNOCKS_DEG = ((0.0, 0.0), (6.0, 0.0), (-6.0, 0.0), (0.0, 6.0), (0.0, -6.0), (10.0, -4.0), (2.0, 1.0))

Dirt = Callable[[Image], Image]


def main() -> int:
    """Measure and print; the exit code says nothing, the numbers do."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=80, help="of each set, at most")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    sets = {"drive": _clip()} | {name: _photos(pattern, asked.photos) for name, pattern in PHOTOS.items()}
    _false_alarms(sets)
    _dirt(sets)
    _knocks()
    return 0


def _false_alarms(sets: dict[str, list[Image]]) -> None:
    looks = alarms = 0
    spent_s = 0.0
    for name, pictures in sets.items():
        watch, raised, before = LensWatch(), 0, False
        for picture in _endless(pictures, 600, shuffled=True):
            began_s = time.process_time()
            found = watch.saw(picture, 5.0) is not None
            spent_s += time.process_time() - began_s
            raised += found and not before
            before = found
        looks, alarms = looks + 600, alarms + raised
        print(f"clean {name}: {len(pictures)} pictures, 600 looks, {raised} false alarms")
    hours = looks / LOOKS_PER_HOUR
    print(
        f"lens: {alarms} false alarms in {looks} looks ({hours:.2f} h of driving at 20 km/h); "
        f"{1000 * spent_s / looks:.2f} ms of one core per look of {SIZE_PX[0]} x {SIZE_PX[1]} px"
    )


def _dirt(sets: dict[str, list[Image]]) -> None:
    whole: dict[str, Dirt] = {"fog": lambda image: cv2.GaussianBlur(image, (0, 0), SIZE_PX[0] / 150).astype(np.uint8)}
    kinds: dict[str, list[Dirt]] = {
        "drop": [_over(spot, lambda image: cv2.GaussianBlur(image, (0, 0), SIZE_PX[0] / 60)) for spot in SPOTS],
        "mud": [_over(spot, lambda image: np.full_like(image, (20, 25, 30))) for spot in SPOTS],
        "fog": [whole["fog"]],
    }
    for kind, dirts in kinds.items():
        found, after = 0, []
        tries = [(pictures, dirt) for pictures in sets.values() for dirt in dirts]
        for pictures, dirt in tries:
            looks = _until_alarm(pictures[:40], dirt)
            if looks is not None:
                found += 1
                after.append(looks)
        soon = f", after {np.median(after):.0f} looks ({2.5 * np.median(after):.0f} m; median)" if after else ""
        print(f"{kind}: found {found} of {len(tries)}{soon}")


def _until_alarm(pictures: list[Image], dirt: Dirt) -> int | None:
    watch = LensWatch()
    for picture in _endless(pictures, CLEAN_LOOKS):
        watch.saw(picture, 5.0)
    dirty = [dirt(picture) for picture in pictures]
    for number, picture in enumerate(_endless(dirty, DIRTY_LOOKS)):
        if watch.saw(picture, 5.0) is not None:
            return number + 1
    return None


def _knocks() -> None:
    """No real drive at hand moves far enough: a street is rendered by a knocked camera, and the site does not know."""
    site, road = camera(), drive(25.0, lambda _: 6.0)
    spent_s, pairs = 0.0, 0
    for yaw_deg, pitch_deg in KNOCKS_DEG:
        street = Street(camera(yaw_deg=site.yaw_deg + yaw_deg, pitch_deg=site.pitch_deg + pitch_deg))
        watch, found = MountWatch(site), None
        for number in range(_PAIRS):
            frames = [_frame(street.seen(road, at_s), at_s) for at_s in (0.7 * number, 0.7 * number + 0.25)]
            began_s = time.process_time()
            moved = list(motions(frames, site.lens))
            spent_s, pairs = spent_s + time.process_time() - began_s, pairs + 1
            for motion in moved:
                found = watch.moved(motion)
        says = found.figure if found else "no alarm"
        print(f"rendered knock yaw {yaw_deg:+.0f} pitch {pitch_deg:+.0f} deg: {says}")
    print(f"mount: {1000 * spent_s / pairs:.0f} ms of one core per pair of looks, at most one pair in 5 s")


def _frame(image: Image, at_s: float) -> Frame:
    return Frame(image, 0, NOON + timedelta(seconds=at_s), at_s, "rendered")


def _over(spot: tuple[float, float, float], dirt: Callable[[Image], object]) -> Dirt:
    x, y, radius = spot
    mask = np.zeros((SIZE_PX[1], SIZE_PX[0]), np.float32)
    cv2.circle(mask, (round(x * SIZE_PX[0]), round(y * SIZE_PX[1])), round(radius * SIZE_PX[0]), 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), 0.1 * radius * SIZE_PX[0])[..., None]
    return lambda image: (image * (1 - mask) + np.asarray(dirt(image)) * mask).astype(np.uint8)


def _endless(pictures: list[Image], count: int, *, shuffled: bool = False) -> list[Image]:
    order = list(range(len(pictures)))
    rng, made = random.Random(0), []
    while len(made) < count:
        if shuffled:
            rng.shuffle(order)
        made += [pictures[k] for k in order]
    return made[:count]


def _clip(every: int = 2) -> list[Image]:
    reader, made = cv2.VideoCapture(str(CLIP)), []
    while True:
        done, image = reader.read()
        if not done:
            return made[::every]
        made.append(cv2.resize(image, SIZE_PX, interpolation=cv2.INTER_AREA))


def _photos(pattern: str, count: int) -> list[Image]:
    files = sorted(Path(SHARED_DATA).glob(pattern))
    random.Random(0).shuffle(files)
    made: list[Image] = []
    for file in files:
        image = cv2.imread(str(file))
        if image is None or image.shape[1] < image.shape[0] or len(made) >= count:
            continue
        height_px = image.shape[1] * SIZE_PX[1] // SIZE_PX[0]
        top = max(0, (image.shape[0] - height_px) // 2)
        made.append(cv2.resize(image[top : top + height_px], SIZE_PX, interpolation=cv2.INTER_AREA).astype(np.uint8))
    return made


if __name__ == "__main__":
    raise SystemExit(main())
