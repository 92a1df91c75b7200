"""Counting what came out of the scenes against what had to.

* A box *fits* an expected thing when their IoU is at least 0.3 or the box's centre lies in the thing.
* A reported violation is *right* when more than half of the things it stands for fit expected violations of its kind.
* An expected violation is *found* when such a report of its kind stands for a box that fits it.
* ``unsure`` goes to a person and is neither: it is counted beside, and does not find anything.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from detector.boxes import iou_matrix
from detector.hit import Hit
from detector.rules.looks import PERSON
from detector.site.rulebook import default_rules
from detector.tracks import Box
from detector.vocabulary import Kind, Outcome
from models.scenes.schema import ExpectIn, PixelBox, Scene
from models.scenes.watch import Watched

FITS_IOU = 0.3
RESAMPLES = 2000
INTERVAL = (2.5, 97.5)
"""Percentiles of the bootstrap: 95 %."""

NO_BOX = "no box"
NO_WORD = "no verdict"


@dataclass(frozen=True, slots=True)
class Reported:
    """A violation that was reported, and whether it is one."""

    kind: Kind
    right: bool
    hit: Hit


@dataclass(frozen=True, slots=True)
class Answer:
    """What came out for one expected thing.

    Attributes:
        got: ``violation``, ``unsure``, the name of a look-alike, ``no verdict`` (seen, but no rule has a word for it),
            ``seen as bus`` (or another cue that the kind's rule does not look at) or ``no box`` (not detected).
        right: found, for a violation; not accused, for a legal thing.
        named: a legal thing was called by its own name.
    """

    expected: ExpectIn
    got: str
    right: bool
    named: bool


@dataclass(frozen=True, slots=True)
class SceneResult:
    """One scene counted."""

    scene: Scene
    reported: tuple[Reported, ...]
    answers: tuple[Answer, ...]
    unsure: Counter[Kind] = field(default_factory=Counter[Kind])


@dataclass(frozen=True, slots=True)
class Rate:
    """``hits / of`` with its bootstrap interval; `None` where there is nothing to divide by."""

    hits: int
    of: int
    low: float | None
    high: float | None

    @property
    def value(self) -> float | None:
        """The rate itself."""
        return self.hits / self.of if self.of else None


@dataclass(frozen=True, slots=True)
class KindScore:
    """One kind over a set of scenes.

    Attributes:
        precision: right among the reported violations.
        recall: found among the expected violations.
        spared: not accused among the legal look-alikes.
        named: called by their own name among the legal look-alikes.
        unsure: hits that went to a person.
        pictures, places: how many different ones hold an expectation of the kind.
    """

    kind: Kind
    precision: Rate
    recall: Rate
    spared: Rate
    named: Rate
    unsure: int
    pictures: int
    places: int


def score_scene(scene: Scene, watched: Watched) -> SceneResult:
    """Count one scene."""
    wanted = [
        (expected, scene.picture.things[expected.thing].box)
        for expected in scene.scene.expect
        if expected.outcome == "violation"
    ]
    reported = tuple(
        Reported(hit.kind, _is_right(boxes_of(hit, watched), [box for e, box in wanted if e.kind is hit.kind]), hit)
        for hit in watched.hits
        if hit.outcome is Outcome.VIOLATION
    )
    answers = tuple(_answer(expected, scene, watched) for expected in scene.scene.expect)
    unsure = Counter(hit.kind for hit in watched.hits if hit.outcome is Outcome.UNSURE)
    return SceneResult(scene, reported, answers, unsure)


def fits(box: Box, thing: PixelBox) -> bool:
    """Whether a box is the thing: IoU of at least 0.3, or its centre inside.

    >>> fits((0, 0, 10, 10), (0, 0, 100, 100)), fits((0, 0, 10, 10), (6, 6, 20, 20))
    (True, False)
    """
    x, y = (box[0] + box[2]) / 2.0, (box[1] + box[3]) / 2.0
    if thing[0] <= x <= thing[2] and thing[1] <= y <= thing[3]:
        return True
    return bool(iou_matrix(np.array([box], np.float64), np.array([thing], np.float64))[0, 0] >= FITS_IOU)


def boxes_of(hit: Hit, watched: Watched) -> list[Box]:
    """The last box of each thing that a hit stands for."""
    members = [watched.tracks[name] for name in hit.member_track_ids] or [hit.track]
    return [track.observations[-1].xyxy for track in members]


def _is_right(boxes: Sequence[Box], wanted: Sequence[PixelBox]) -> bool:
    fitting = sum(any(fits(box, thing) for thing in wanted) for box in boxes)
    return 2 * fitting > len(boxes)


def _answer(expected: ExpectIn, scene: Scene, watched: Watched) -> Answer:
    thing = scene.picture.things[expected.thing].box
    on_it = [hit for hit in watched.hits if any(fits(box, thing) for box in boxes_of(hit, watched))]
    accused = any(hit.outcome is Outcome.VIOLATION and hit.kind is expected.kind for hit in on_it)
    if expected.outcome == "violation":
        return Answer(expected, "violation" if accused else _otherwise(expected, on_it, thing, watched), accused, False)
    names = {hit.look_alike for hit in on_it}
    # A bystander's name is given by any rule; what matters for a look-alike is that it is said of the right thing.
    named = not accused and expected.look_alike in names
    got = "violation" if accused else str(expected.look_alike) if named else _otherwise(expected, on_it, thing, watched)
    return Answer(expected, got, not accused, named)


def _otherwise(expected: ExpectIn, on_it: Sequence[Hit], thing: PixelBox, watched: Watched) -> str:
    """What was said instead: of the same kind first."""
    ordered = sorted(on_it, key=lambda hit: (hit.kind is not expected.kind, hit.outcome is Outcome.ALLOWED))
    for hit in ordered:
        if hit.outcome is Outcome.UNSURE and hit.kind is expected.kind:
            return "unsure"
        if hit.look_alike is not None and hit.look_alike != "passer_by":
            return hit.look_alike
        if hit.outcome is not Outcome.ALLOWED:
            return f"{hit.outcome} of {hit.kind}"
    seen = {track.cue for track in watched.tracks.values() if fits(track.observations[-1].xyxy, thing)}
    if seen & _cues_of(expected.kind):
        return NO_WORD
    others = sorted(seen - {PERSON})
    return f"seen as {others[0]}" if others else NO_BOX


def _cues_of(kind: Kind) -> set[str]:
    """What the shipped rule of a kind looks at."""
    rule = default_rules()[kind]
    return set(rule.get("cues", ())) | {cue for group in rule.get("groups", ()) for cue in group["lead"]}


def score_kinds(results: Sequence[SceneResult], kinds: Iterable[Kind] = tuple(Kind)) -> list[KindScore]:
    """Every kind that the scenes expect or report something of.

    The bootstrap draws pictures, not scenes: the scenes of one picture are not independent (percentile method, Efron
    and Tibshirani, An Introduction to the Bootstrap, 13.3; fixed seed).
    """
    scores: list[KindScore] = []
    for kind in kinds:
        expecting = [r for r in results if any(a.expected.kind is kind for a in r.answers)]
        if not expecting and not any(said.kind is kind for r in results for said in r.reported):
            continue
        scores.append(
            KindScore(
                kind=kind,
                precision=_rate(results, lambda r, k=kind: [s.right for s in r.reported if s.kind is k]),
                recall=_rate(results, lambda r, k=kind: [a.right for a in _of(r, k, "violation")]),
                spared=_rate(results, lambda r, k=kind: [a.right for a in _of(r, k, "allowed")]),
                named=_rate(results, lambda r, k=kind: [a.named for a in _of(r, k, "allowed")]),
                unsure=sum(r.unsure[kind] for r in results),
                pictures=len({r.scene.picture_name for r in expecting}),
                places=len({(r.scene.picture.source, r.scene.picture.place) for r in expecting}),
            )
        )
    return scores


def _of(result: SceneResult, kind: Kind, outcome: str) -> list[Answer]:
    return [a for a in result.answers if a.expected.kind is kind and a.expected.outcome == outcome]


def _rate(results: Sequence[SceneResult], judged: Callable[[SceneResult], list[bool]]) -> Rate:
    by_picture: dict[str, list[bool]] = defaultdict(list)
    for result in results:
        by_picture[result.scene.picture_name] += judged(result)
    counts = np.array([(sum(flags), len(flags)) for flags in by_picture.values() if flags], np.int64).reshape(-1, 2)
    hits, of = (int(total) for total in counts.sum(axis=0))
    if of == 0:
        return Rate(0, 0, None, None)
    draws = np.random.default_rng(0).integers(0, len(counts), (RESAMPLES, len(counts)))
    drawn = counts[draws].sum(axis=1)
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], INTERVAL)
    return Rate(hits, of, float(low), float(high))


def confusions(results: Sequence[SceneResult]) -> Counter[tuple[Kind, str, str]]:
    """How often what was said of an expected thing: (kind, what it is, what came out)."""
    return Counter((a.expected.kind, a.expected.look_alike or "violation", a.got) for r in results for a in r.answers)
