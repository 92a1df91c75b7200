"""Small sources on disk: pictures that look different, labels of any format, an index and a recipe."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from models.dataset.problems import Problem
from models.recipe import Recipe, load_recipe

SHIPPED = Path(__file__).parents[3] / "datasets" / "recipes" / "street-n.yaml"
WIDTH_PX, HEIGHT_PX = 120, 80


def picture(seed: int, size_px: tuple[int, int] = (WIDTH_PX, HEIGHT_PX)) -> Image.Image:
    """A patchwork of (width, height) px that looks different for every seed."""
    patches = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(patches).resize(size_px, Image.Resampling.NEAREST)


def write_picture(
    path: Path, seed: int, size_px: tuple[int, int] = (WIDTH_PX, HEIGHT_PX), orientation: int = 1
) -> None:
    """A picture file; ``size_px`` is that of the stored file, before EXIF ``orientation`` turns it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = picture(seed, size_px)
    exif = Image.Exif()
    if orientation != 1:
        exif[0x0112] = orientation
    image.save(path, exif=exif)


def write_source(root: Path, name: str, images: Sequence[str], scenes: Sequence[str] | None = None) -> Path:
    """Pictures of a source and their lines in ``index.csv``; without ``scenes`` each picture is a place of its own."""
    for seed, image in enumerate(images):
        write_picture(root / name / "images" / image, seed + 1000 * len(name))
    add_to_index(root, name, images, scenes)
    return root / name


def add_to_index(root: Path, name: str, images: Sequence[str], scenes: Sequence[str] | None = None) -> None:
    index = root / "index.csv"
    fresh = not index.is_file()
    with index.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        if fresh:
            writer.writerow(["source", "image", "scene"])
        for number, image in enumerate(images):
            writer.writerow([name, image, scenes[number] if scenes else f"{name}-place{number}"])


def write_labels(root: Path, name: str, lines: Mapping[str, str]) -> None:
    """YOLO label files by picture stem."""
    folder = root / name / "labels"
    folder.mkdir(parents=True, exist_ok=True)
    for stem, text in lines.items():
        (folder / f"{stem}.txt").write_text(text, encoding="utf-8")


def source(name: str, **fields: Any) -> dict[str, Any]:
    """A recipe's source, as it stands in YAML; all its pictures are for training unless a split is given."""
    usual = {"origin": "test", "licence": "CC0-1.0", "attribution": "nobody", "labels": {3: "signboard"}}
    return {"name": name, **usual, **fields}


def recipe(folder: Path, *sources: Mapping[str, Any], **fields: Any) -> Recipe:
    """A recipe file below ``folder / "recipes"`` that learns sign boards and doors from the sources, loaded."""
    raw: dict[str, Any] = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    raw |= {"sources": [dict(item) for item in sources], "evaluation_sources": [], "auxiliary": ["door"], **fields}
    path = folder / "recipes" / "tiny.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    return load_recipe(path)


def told(problems: Sequence[Problem]) -> list[tuple[str, str, str]]:
    """(kind, file name, line) of each problem."""
    return [(problem.kind.value, problem.file.rsplit("/", 1)[-1], problem.line) for problem in problems]
