"""A contact sheet: every picture of a data set with its boxes, small, on one page to scroll through.

Most labelling faults are seen in a second and found by no check: boxes shifted by one picture, a class swapped for
another, a cue that nobody labelled.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.vocabulary import vocabulary
from models.dataset.sample import SPLITS, BuiltDataset, Sample

FOLDER = "sheets"
_COLUMNS, _ROWS = 6, 6
_CELL_PX = (300, 225)
_CAPTION_PX = 18
_JPEG_QUALITY = 82
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_COLOURS_BGR = (
    (60, 76, 231), (80, 175, 76), (235, 150, 30), (0, 200, 255),
    (200, 80, 180), (200, 200, 0), (90, 140, 255), (150, 150, 150),
)  # fmt: skip


def write_contact_sheets(
    dataset: BuiltDataset, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> Path:
    """Draw the sheets of a data set below ``sheets/`` of its folder; returns their ``index.html``.

    The manifest does not name them: they can be drawn again, and other fonts may draw other pixels.

    Args:
        dataset: What to draw.
        on_progress: Called with (pictures drawn, pictures in all).
    """
    folder = dataset.folder / FOLDER
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.jpg"):
        old.unlink()
    colours = {cue: _COLOURS_BGR[i % len(_COLOURS_BGR)] for i, cue in enumerate(_cues(dataset))}
    sections: list[str] = []
    done = 0
    for split in SPLITS:
        samples = [sample for sample in dataset.samples if sample.split == split]
        pages: list[str] = []
        for start in range(0, len(samples), _COLUMNS * _ROWS):
            shown = samples[start : start + _COLUMNS * _ROWS]
            name = f"{split}_{start // (_COLUMNS * _ROWS) + 1:03d}.jpg"
            sheet = _sheet(shown, start + 1, colours)
            (folder / name).write_bytes(
                cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
            )
            pages.append(_page(name, shown, start + 1))
            done += len(shown)
            on_progress(done, len(dataset.samples))
        sections.append(_section(split, samples, pages))
    index = folder / "index.html"
    index.write_text(_document(dataset, colours, sections), encoding="utf-8")
    return index


def _cues(dataset: BuiltDataset) -> list[str]:
    others = sorted({box.cue for sample in dataset.samples for box in sample.boxes} - set(dataset.slots))
    return [*dataset.slots, *others]


def _sheet(samples: Sequence[Sample], first: int, colours: dict[str, tuple[int, int, int]]) -> NDArray[np.uint8]:
    width, height = _CELL_PX
    rows = -(-len(samples) // _COLUMNS)
    sheet = np.full((rows * (height + _CAPTION_PX), _COLUMNS * width, 3), 255, np.uint8)
    for index, sample in enumerate(samples):
        top, left = index // _COLUMNS * (height + _CAPTION_PX), index % _COLUMNS * width
        small = draw_boxes(sample, colours, _CELL_PX)
        sheet[top : top + small.shape[0], left : left + small.shape[1]] = small
        # The font has no Chinese; names that need it stand in the list below the sheet.
        caption = f"{first + index} {sample.stem}".encode("ascii", "replace").decode()[:44]
        cv2.putText(sheet, caption, (left + 3, top + height + 13), _FONT, 0.36, (40, 40, 40), 1, cv2.LINE_AA)
    return sheet


def draw_boxes(sample: Sample, colours: dict[str, tuple[int, int, int]], most_px: tuple[int, int]) -> NDArray[np.uint8]:
    """A sample's picture, shrunk to fit (width, height) in px, with its boxes.

    Hand labels are solid, the teacher's are thin with a dot in the corner. Returns (H, W, 3) uint8 BGR.
    """
    content = np.frombuffer(sample.image.read_bytes(), np.uint8)
    picture = cv2.imdecode(content, cv2.IMREAD_REDUCED_COLOR_2)
    if picture is None or min(picture.shape[1] / most_px[0], picture.shape[0] / most_px[1]) < 1:
        picture = cv2.imdecode(content, cv2.IMREAD_COLOR)
    if picture is None:
        return np.full((most_px[1], most_px[0], 3), 200, np.uint8)
    scale = min(most_px[0] / picture.shape[1], most_px[1] / picture.shape[0])
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    for box in sample.boxes:
        corners = np.array([box.cx - box.w / 2, box.cy - box.h / 2, box.cx + box.w / 2, box.cy + box.h / 2])
        left, top, right, bottom = (corners * [*size, *size]).round().astype(int).tolist()
        colour = colours.get(box.cue, _COLOURS_BGR[-1])
        cv2.rectangle(small, (left, top), (right, bottom), colour, 1 if box.origin == "teacher" else 2)
        if box.origin == "teacher":
            cv2.circle(small, (left, top), 3, colour, -1)
    return small


def _page(name: str, samples: Sequence[Sample], first: int) -> str:
    rows = "".join(
        f"<tr><td>{first + i}<td>{html.escape(s.name)}<td>{html.escape(s.source)}<td>{html.escape(s.place)}"
        f"<td>{len(s.boxes)}<td>{html.escape(' '.join(sorted(s.reviewed)))}</tr>"
        for i, s in enumerate(samples)
    )
    head = "<tr><th>#<th>图像 picture<th>来源 source<th>地点 place<th>框 boxes<th>已复核的目标 reviewed cues</tr>"
    return (
        f'<img src="{name}" loading="lazy" alt="{name}"><details><summary>{name} · 文件名 names</summary>'
        f"<table>{head}{rows}</table></details>"
    )


_SPLIT_TITLES = {"train": "训练 · train", "val": "验证 · val", "test": "测试 · test"}


def _section(split: str, samples: Sequence[Sample], pages: Sequence[str]) -> str:
    places = len({(sample.source, sample.place) for sample in samples})
    boxes = sum(len(sample.boxes) for sample in samples)
    count = f"{len(samples)} 张图像 pictures, {places} 个地点 places, {boxes} 个框 boxes"
    return f'<h2 id="{split}">{_SPLIT_TITLES[split]}</h2><p>{count}</p>{"".join(pages)}'


def _document(dataset: BuiltDataset, colours: dict[str, tuple[int, int, int]], sections: Sequence[str]) -> str:
    known = vocabulary().cues
    legend = "".join(
        f'<li><span style="background:rgb({r},{g},{b})"></span>'
        f"{html.escape(known[cue].zh + ' · ' if cue in known else '')}{html.escape(cue)}</li>"
        for cue, (b, g, r) in colours.items()
    )
    return f"""<!doctype html>
<html lang="zh"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>数据集样张 · Contact sheet</title>
<style>
body{{font:15px/1.5 system-ui,sans-serif;margin:1.5rem;max-width:1840px}} img{{max-width:100%;display:block}}
table{{border-collapse:collapse;font-size:13px}} td,th{{text-align:left;padding:.1rem .6rem}}
ul{{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.3rem 1.2rem}}
li span{{display:inline-block;width:1em;height:1em;margin-right:.4em;vertical-align:-.1em}} code{{word-break:break-all}}
</style>
<h1>数据集样张 · Contact sheet</h1>
<p>清单哈希 · manifest SHA-256: <code>{dataset.manifest_sha256}</code></p>
<p>粗框为人工标注；带圆点的细框由起始权重补全。 · Thick boxes are people's; thin ones with a dot are the start weights'.
<a href="../problems.csv">问题清单 · problems.csv</a> · <a href="../boxes.csv">boxes.csv</a></p>
<ul>{legend}</ul>
{"".join(sections)}
</html>
"""
