"""Scenes as pictures: zones, what was expected, and the hits with their reasons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from detector.frame import Image
from detector.vocabulary import Outcome
from models.scenes.schema import Scene
from models.scenes.score import SceneResult, boxes_of
from models.scenes.watch import Watched

Colour = tuple[int, int, int]
GREEN, RED, ORANGE, WHITE, BLACK, GREY, BLUE = (
    (60, 160, 40),
    (40, 40, 220),
    (0, 150, 255),
    (255, 255, 255),
    (0, 0, 0),
    (150, 150, 150),
    (200, 160, 0),
)
COLOURS: dict[Outcome, Colour] = {Outcome.VIOLATION: RED, Outcome.UNSURE: ORANGE, Outcome.ALLOWED: GREEN}
WIDTH_PX = 760
LINE_PX = 15
FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_scene(result: SceneResult, watched: Watched) -> Image:
    """One scene, BGR: the picture with dashed boxes for what was expected and full ones for what came out."""
    scale = WIDTH_PX / watched.image.shape[1]
    resized = cv2.resize(watched.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    picture: Image = resized.astype(np.uint8, copy=False)
    _zones(picture, result.scene, scale)
    for answer in result.answers:
        box = result.scene.picture.things[answer.expected.thing].box
        _dashed(picture, box, scale, WHITE if answer.right else RED)
    lines: list[tuple[str, Colour]] = [(f"{result.scene.name}  [{result.scene.picture.half}]", BLACK)]
    for number, hit in enumerate(watched.hits):
        colour = COLOURS[hit.outcome]
        for box in boxes_of(hit, watched):
            left, top, right, bottom = (round(v * scale) for v in box)
            cv2.rectangle(picture, (left, top), (right, bottom), colour, 2)
            cv2.putText(picture, str(number), (left + 2, top + 13), FONT, 0.45, colour, 1, cv2.LINE_AA)
        said = hit.look_alike or f"{hit.outcome} {hit.probability:.2f}"
        why = hit.reasons[0].text.en if hit.reasons and hit.look_alike is None else ""
        lines.append((f"{number} {hit.track.cue} x{hit.count}: {hit.kind} {said}. {why}", colour))
    for answer in result.answers:
        wanted = answer.expected.look_alike or "violation"
        mark = "ok" if answer.right else "MISSED" if wanted == "violation" else "FALSE"
        text = f"expected {answer.expected.thing}: {answer.expected.kind} {wanted} -> {answer.got}  {mark}"
        lines.append((text, GREY if answer.right else RED))
    return np.vstack([picture, _caption(lines)])


def _zones(picture: Image, scene: Scene, scale: float) -> None:
    for name, zone in scene.scene.zones.items():
        points = np.round(np.array(zone.px) * scale).astype(np.int32)
        cv2.polylines(picture, [points], True, BLUE, 1, cv2.LINE_AA)
        inside = points.clip((2, 12), (picture.shape[1] - 60, picture.shape[0] - 4)).mean(axis=0)
        at = (int(inside[0]), int(inside[1]))
        cv2.putText(
            picture, f"{zone.kind}" if name == zone.kind else name, at, FONT, 0.38, (200, 160, 0), 1, cv2.LINE_AA
        )


def _dashed(picture: Image, box: Sequence[float], scale: float, colour: Colour) -> None:
    left, top, right, bottom = (round(v * scale) for v in box)
    for x in range(left, right, 10):
        for y in (top, bottom):
            cv2.line(picture, (x, y), (min(x + 5, right), y), colour, 1)
    for y in range(top, bottom, 10):
        for x in (left, right):
            cv2.line(picture, (x, y), (x, min(y + 5, bottom)), colour, 1)


def _caption(lines: Sequence[tuple[str, Colour]]) -> Image:
    caption = np.full((LINE_PX * len(lines) + 6, WIDTH_PX, 3), 255, np.uint8)
    for row, (text, colour) in enumerate(lines):
        at = (4, LINE_PX * (row + 1) - 2)
        cv2.putText(caption, text[:118], at, FONT, 0.38, colour, 1, cv2.LINE_AA)
    return caption


def write_sheet(pictures: Sequence[Image], path: Path, columns: int = 3) -> None:
    """Pictures side by side in one file, e.g. all failures."""
    rows: list[Image] = []
    for start in range(0, len(pictures), columns):
        row = [*pictures[start : start + columns]]
        tall = max(picture.shape[0] for picture in row)
        row += [np.full((tall, WIDTH_PX, 3), 255, np.uint8)] * (columns - len(row))
        padded = [np.pad(p, ((0, tall - p.shape[0]), (0, 0), (0, 0)), constant_values=255) for p in row]
        rows.append(np.hstack(padded))
    cv2.imwrite(str(path), np.vstack(rows))
