"""A card as a page for people, Chinese and English, so that the numbers stand in one place only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_TRIAL_BOXES = 200
"""A cue learnt from fewer hand-labelled boxes is a trial, whatever its figures say."""
_ORIGIN = {
    "trained": "本项目训练 · learnt here, from hand labels",
    "kept": "沿用起始权重 · the start weights' own",
}

_Row = Mapping[str, Any]


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
        *_unmeasured(card["cues"]),
        _both(card["unmeasured"]),
        "## 目标 · Cues",
        *_cues(card["cues"]),
        "## 实测 · Measured",
        *_measured(card["metrics"]),
        *_pictures(card.get("pictures", ())),
        "## 训练 · Training",
        *_training(card["training"]),
    ]
    return "\n\n".join(parts) + "\n"


def _unmeasured(cues: Sequence[_Row]) -> list[str]:
    names = [cue["name"] for cue in cues if cue.get("measured") is False]
    if not names:
        return []
    listed = ", ".join(names)
    return [
        f"下列目标没有在训练未见过的地点测量：{listed}。",
        f"No figures from places that no training saw: {listed}.",
    ]


def _cues(cues: Sequence[_Row]) -> list[str]:
    """Cue, origin and threshold; training boxes and whether it was measured where the card tells."""
    told = any(cue.get("measured") is not None for cue in cues)
    header = ("cue", "来源 · origin", "阈值 · threshold")
    rows = [(cue["name"], _ORIGIN[cue["origin"]], _threshold(cue)) for cue in cues]
    if not told:
        return [_table(header, rows)]
    header = (*header, "训练框 · training boxes", "已测量 · measured")
    rows = [
        (*row, _boxes(cue), "是 · yes" if cue["measured"] else "否 · no") for row, cue in zip(rows, cues, strict=True)
    ]
    chosen = any(cue.get("threshold") == "chosen" for cue in cues)
    return [_table(header, rows), *(_CHOSEN if chosen else ())]


_CHOSEN = (
    "阈值在验证地点上选定：取精度不低于 0.80 的最低值；达不到时取 F1 最高值。测试地点不参与。",
    "A chosen threshold is the lowest with a precision of 0.80 or more on the validation places, or the one with the "
    "best F1 where none reaches that. Test places have no say.",
)


def _threshold(cue: _Row) -> str:
    value = f"{cue['min_confidence']:.2f}"
    return f"{value}（验证集选定 · chosen）" if cue.get("threshold") == "chosen" else value


def _boxes(cue: _Row) -> str:
    if cue.get("training_boxes") is None:
        return "–"
    trial = cue["training_boxes"] < _TRIAL_BOXES
    return f"{cue['training_boxes']}" + (f"，不足 {_TRIAL_BOXES}，仅为试验 · a trial" if trial else "")


def _measured(rows: Sequence[_Row]) -> list[str]:
    if not rows:
        return ["没有留出图像，未测量。\nNo picture was held out: nothing was measured."]
    if all("intervals" in row for row in rows):
        return [*_with_intervals(rows), *(_both(row) for row in _notes(rows))]
    header = ("cue", "source", "split", "images", "places", "boxes", "AP50", "AP50-95", "precision", "recall")
    body = [tuple("–" if row[key] is None else str(row[key]) for key in header) for row in rows]
    return [
        "以本包自身的 ONNX 与前后处理测得；precision、recall 取该目标自身阈值、IoU 0.5。同一地点的图像只算一个地点。",
        "With the bundle's own ONNX file, pre- and post-processing; precision and recall at the cue's own threshold "
        "and IoU 0.5. What counts is the number of places, not of pictures.",
        _table(header, body),
        *(_both(row) for row in _notes(rows)),
    ]


def _with_intervals(rows: Sequence[_Row]) -> list[str]:
    header = (
        "目标 · cue", "来源 · source", "划分 · split", "图像 · images", "框 · boxes", "地点 · places",
        "AP50 [95 %]", "AP50-95", "精度 · precision", "召回 · recall", "起始权重 · start weights AP50",
    )  # fmt: skip
    return [
        "以本包自身的 ONNX 与前后处理测得，各来源分开，从不合并。AP 按 COCO 定义；精度与召回取该目标的阈值、IoU 0.5。"
        "方括号内为 95 % 自助法区间：地点不少于五个时重抽地点，否则重抽图像（标 *，偏窄）。"
        "最右列为起始权重在相同图像、相同输入尺寸下的结果，“–”表示它不认识该目标。",
        "With the bundle's own ONNX file, pre- and post-processing, each source by itself, never pooled. AP is COCO's; "
        "precision and recall at the cue's threshold and IoU 0.5. In brackets the 95 % bootstrap interval: places are "
        "drawn again where there are five or more, else pictures (marked *, too narrow). Last column: the start "
        "weights on the same pictures at the same input size; – where they do not know the cue.",
        _table(header, [_row(row) for row in rows]),
    ]


def _row(row: _Row) -> tuple[str, ...]:
    intervals, start = row["intervals"], row["start_weights"]
    mark = "" if intervals["unit"] == "place" else "*"
    counts = (str(row["images"]), str(row["boxes"]), "?" if row["places"] is None else str(row["places"]))
    figures = (
        f"{_score(row['AP50'])} {_interval(intervals['AP50'])}{mark}",
        _score(row["AP50-95"]),
        f"{_score(row['precision'])} {_interval(intervals['precision'])}",
        f"{_score(row['recall'])} {_interval(intervals['recall'])}",
        _score(start["AP50"] if start else None),
    )
    return (row["cue"], row["source"], row["split"], *counts, *(figure.strip() for figure in figures))


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _interval(value: Sequence[float] | None) -> str:
    return "" if value is None else f"[{value[0]:.2f}, {value[1]:.2f}]"


def _pictures(names: Sequence[str]) -> list[str]:
    if not names:
        return []
    return [
        "## 曲线与失败样例 · Curves and failures",
        "红框：没有与之重合（IoU 0.5）的标注框——那里没有该目标，或标注漏了它、画得不同；黄框：漏报。人脸与车辆已模糊。",
        "Red: no labelled box overlaps it by IoU 0.5, because nothing is there, or because the label is missing or "
        "drawn otherwise. Yellow: a labelled box that was missed. People and vehicles are blurred.",
        "\n\n".join(f"![{name}]({name})" for name in names),
    ]


def _notes(rows: Sequence[_Row]) -> list[Mapping[str, str]]:
    """The remarks on sources, once each."""
    notes: dict[str, Mapping[str, str]] = {}
    for row in rows:
        if row.get("note"):
            notes.setdefault(row["source"], row["note"])
    return list(notes.values())


def _training(training: _Row) -> list[str]:
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


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _both(text: Mapping[str, str]) -> str:
    return f"{text['zh']}\n\n{text['en']}"
