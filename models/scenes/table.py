"""The outcome of the scenes as tables for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from detector.vocabulary import Kind
from models.scenes.run import Skipped
from models.scenes.score import KindScore, Rate, SceneResult, confusions, score_kinds

HALVES = ("report", "tune")


def groups(results: Sequence[SceneResult]) -> list[tuple[str, list[SceneResult]]]:
    """The halves first, then the sources within the half that is reported."""
    found = [(half, [r for r in results if r.scene.picture.half == half]) for half in HALVES]
    reported = found[0][1]
    sources = sorted({r.scene.picture.source for r in reported})
    found += [(f"report: {name}", [r for r in reported if r.scene.picture.source == name]) for name in sources]
    return [(name, chosen) for name, chosen in found if chosen]


def rows(results: Sequence[SceneResult]) -> list[tuple[str, KindScore]]:
    """(group, score) in the order of `groups`."""
    return [(name, score) for name, chosen in groups(results) for score in score_kinds(chosen)]


def rate_text(rate: Rate) -> str:
    """Like ``0.83 [0.71, 0.94] 10/12``; ``- 0/0`` where nothing was there to judge."""
    if rate.value is None or rate.low is None or rate.high is None:
        return "- 0/0"
    return f"{rate.value:.2f} [{rate.low:.2f}, {rate.high:.2f}] {rate.hits}/{rate.of}"


def content(results: Sequence[SceneResult], skipped: Sequence[Skipped]) -> dict[str, Any]:
    """Everything as plain data: ``scores``, ``confusions``, ``scenes`` and ``skipped``."""
    return {
        "scores": [
            {
                "group": group,
                "kind": str(score.kind),
                "precision": _rate(score.precision),
                "recall": _rate(score.recall),
                "spared": _rate(score.spared),
                "named": _rate(score.named),
                "unsure": score.unsure,
                "pictures": score.pictures,
                "places": score.places,
            }
            for group, score in rows(results)
        ],
        "confusions": [
            {"half": half, "kind": str(kind), "is": truth, "got": got, "count": count}
            for half in HALVES
            for (kind, truth, got), count in _sorted(r for r in results if r.scene.picture.half == half)
        ],
        "scenes": [_scene(result) for result in results],
        "skipped": [{"scene": entry.scene.name, "reason": entry.reason} for entry in skipped],
    }


def _sorted(results: Iterable[SceneResult]) -> list[tuple[tuple[Kind, str, str], int]]:
    return sorted(confusions(list(results)).items(), key=lambda item: (item[0][0], item[0][1], -item[1]))


def _rate(rate: Rate) -> dict[str, float | int | None]:
    return {"value": rate.value, "low": rate.low, "high": rate.high, "hits": rate.hits, "of": rate.of}


def _scene(result: SceneResult) -> dict[str, Any]:
    return {
        "scene": result.scene.name,
        "source": result.scene.picture.source,
        "place": result.scene.picture.place,
        "half": result.scene.picture.half,
        "answers": [
            {
                "thing": answer.expected.thing,
                "kind": str(answer.expected.kind),
                "is": answer.expected.look_alike or "violation",
                "got": answer.got,
                "right": answer.right,
            }
            for answer in result.answers
        ],
        "reported": [
            {"kind": str(said.kind), "right": said.right, "cue": said.hit.track.cue, "count": said.hit.count}
            for said in result.reported
        ],
        "unsure": {str(kind): count for kind, count in result.unsure.items()},
    }
