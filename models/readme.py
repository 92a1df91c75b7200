"""A card as a page for people, Chinese and English, so that the numbers stand in one place only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ORIGIN = {
    "trained": "本项目训练 · learnt here, from hand labels",
    "kept": "沿用起始权重 · the start weights' own",
}


def readme(name: str, card: Mapping[str, Any]) -> str:
    """The README.md of a bundle.

    Args:
        name: The bundle's name.
        card: The content of its ``card.yaml``.
    """
    size = card["model"]["input"]
    parts = [
        f"# {name} {card['version']}",
        _both(card["description"]),
        f"{size['width_px']}x{size['height_px']} · {card['created']} · {card['licence']}",
        "## 适用 · Good for",
        _both(card["good_for"]),
        "## 未测量 · Not measured",
        _both(card["unmeasured"]),
        "## 目标 · Cues",
        _table(
            ("cue", "来源 · origin", "阈值 · threshold"),
            [(cue["name"], _ORIGIN[cue["origin"]], f"{cue['min_confidence']:.2f}") for cue in card["cues"]],
        ),
        "## 实测 · Measured",
        *_measured(card["metrics"]),
        "## 训练 · Training",
        *_training(card["training"]),
    ]
    return "\n\n".join(parts) + "\n"


def _measured(rows: list[Mapping[str, Any]]) -> list[str]:
    if not rows:
        return ["没有留出图像，未测量。\nNo picture was held out: nothing was measured."]
    header = ("cue", "source", "split", "images", "places", "boxes", "AP50", "AP50-95", "precision", "recall")
    body = [tuple("–" if row[key] is None else str(row[key]) for key in header) for row in rows]
    return [
        "以本包自身的 ONNX 与前后处理测得；precision、recall 取该目标自身阈值、IoU 0.5。同一地点的图像只算一个地点。",
        "With the bundle's own ONNX file, pre- and post-processing; precision and recall at the cue's own threshold "
        "and IoU 0.5. What counts is the number of places, not of pictures.",
        _table(header, body),
        *(_both(row) for row in _notes(rows)),
    ]


def _notes(rows: list[Mapping[str, Any]]) -> list[Mapping[str, str]]:
    """The remarks on sources, once each."""
    notes: dict[str, Mapping[str, str]] = {}
    for row in rows:
        if row.get("note"):
            notes.setdefault(row["source"], row["note"])
    return list(notes.values())


def _training(training: Mapping[str, Any]) -> list[str]:
    sources = [
        (source["name"], source["origin"], source["licence"], str(source["images"]), source["use"])
        for source in training["sources"]
    ]
    return [
        _both(training["method"]),
        f"起始权重 · Start weights: {training['start_weights']}",
        _table(("source", "origin", "licence", "images", "use"), sources),
        "\n".join(f"- {source['attribution']}" for source in training["sources"]),
    ]


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _both(text: Mapping[str, str]) -> str:
    return f"{text['zh']}\n\n{text['en']}"
