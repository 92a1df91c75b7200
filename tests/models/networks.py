"""Tiny real networks and data sets, so that the training tests need no downloads."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from models.trainer_env import ultralytics

SIDE_PX = 96


def random_start_weights(path: Path) -> Path:
    """A YOLO26n with the 80 COCO names and random weights, saved as a checkpoint."""
    import torch

    package = ultralytics()
    torch.manual_seed(0)
    network = package.YOLO("yolo26n.yaml", task="detect")
    coco = package.utils.YAML.load(Path(package.__file__).parent / "cfg" / "datasets" / "coco.yaml")
    network.model.names = coco["names"]
    network.save(str(path))
    return path


def draw_picture(path: Path, seed: int) -> tuple[float, float, float, float]:
    """Write a patchwork with one bright rectangle; returns its box as fractions (cx, cy, w, h).

    Patches, not noise of single pixels: two seeds look different also to a perceptual hash.
    """
    generator = np.random.default_rng(seed)
    patches = generator.integers(0, 160, (8, 8, 3), dtype=np.uint8)
    image = np.kron(patches, np.ones((SIDE_PX // 8, SIDE_PX // 8, 1), np.uint8))
    left, top = (int(value) for value in generator.integers(0, SIDE_PX // 2, 2))
    width, height = (int(value) for value in generator.integers(SIDE_PX // 4, SIDE_PX // 2, 2))
    image[top : top + height, left : left + width] = 230
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)
    return (left + width / 2) / SIDE_PX, (top + height / 2) / SIDE_PX, width / SIDE_PX, height / SIDE_PX


def write_source(root: Path, name: str, pictures_per_scene: Mapping[str, int], class_id: int = 3) -> None:
    """A source folder with one box of ``class_id`` and one window (class 0) per picture, and its lines in index.csv."""
    lines = [] if (root / "index.csv").is_file() else ["source,image,scene"]
    seed = 0
    for scene, count in pictures_per_scene.items():
        for _ in range(count):
            stem = f"{name}_{seed:03d}"
            picture = root / name / "images" / f"{stem}.png"
            box = " ".join(f"{value:.6f}" for value in draw_picture(picture, zlib.crc32(stem.encode())))
            labels = root / name / "labels" / f"{stem}.txt"
            labels.parent.mkdir(parents=True, exist_ok=True)
            labels.write_text(f"{class_id} {box}\n0 0.5 0.5 0.1 0.1\n", encoding="ascii")
            lines.append(f"{name},{stem}.png,{scene}")
            seed += 1
    with (root / "index.csv").open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def write_export(
    folder: Path, names: Sequence[str], pictures: Sequence[tuple[str, str, str]], *, class_id: int = 0
) -> Path:
    """A folder as ``kerbwatch label export`` writes it; ``pictures`` are (place, split, reviewed cues)."""
    reviewed, provenance = ["image,cues"], ["image,place,split"]
    for seed, (place, split, cues) in enumerate(pictures):
        name = f"{seed:016x}.png"
        box = " ".join(f"{value:.6f}" for value in draw_picture(folder / "images" / name, seed))
        labels = folder / "labels" / f"{seed:016x}.txt"
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text(f"{class_id} {box}\n", encoding="ascii")
        reviewed.append(f"{name},{cues}")
        provenance.append(f"{name},{place},{split}")
    (folder / "reviewed_cues.csv").write_text("\n".join(reviewed) + "\n", encoding="utf-8")
    (folder / "provenance.csv").write_text("\n".join(provenance) + "\n", encoding="utf-8")
    lines = "".join(f"  {index}: {name}\n" for index, name in enumerate(names))
    (folder / "data.yaml").write_text(f"names:\n{lines}", encoding="utf-8")
    return folder
