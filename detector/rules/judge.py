"""The verdict on tracks: is each a violation, a legal look-alike, or for a person to decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from detector.geo.camera import ObservedBy
from detector.geo.localise import Unplaced
from detector.hit import Hit, Place, SeenBefore
from detector.rules import dwell
from detector.rules.case import EXEMPT_PRIOR, Case
from detector.rules.claims import NOTHING_CLAIMED
from detector.rules.law import NOT_SHOWN, Question, Ruling, rulings
from detector.rules.looks import cue_probability, group_of, has_beside, is_ridden, unattended_group
from detector.rules.walls import WALL, wall_ruling
from detector.rules.weigh import ALL_FREE
from detector.site.model import Site
from detector.site.rulebook import Exemption, Rule
from detector.tracks import Track
from detector.vocabulary import Kind, Outcome

NOT_HERE = frozenset({"above_horizon", "too_far"})
"""A thing without a place for one of these reasons is known not to stand in the patrolled view."""
NOTHING_EARLIER: Mapping[str, SeenBefore] = MappingProxyType({})
"""A box without a memory, or on its first pass."""
NOTHING_SHOWN: Mapping[str, Mapping[str, bool]] = MappingProxyType({})
"""A camera without marked lines."""

_SEVERITY = {Outcome.VIOLATION: 2, Outcome.UNSURE: 1, Outcome.ALLOWED: 0}
_PREFERRED = {kind: -order for order, kind in enumerate((Kind.OUT_OF_STORE, Kind.STREET_STALL))}
"""Between equals a shop's own table is out-of-store business before it is a stall."""

Told = tuple[tuple[int, float, int], Callable[[], Hit]]
"""A rule's verdict: how much it weighs against another rule's, and how to say it."""


def judge(
    track: Track,
    place: Place | Unplaced | None,
    site: Site,
    observed_by: ObservedBy,
    *,
    earlier: Mapping[str, SeenBefore] = NOTHING_EARLIER,
    shown: Mapping[str, Mapping[str, bool]] = NOTHING_SHOWN,
) -> Hit | None:
    """The verdict on one track, or `None` when no rule has a word for it. Many go faster through `judge_all`.

    Args:
        track: the object.
        place: from `detector.geo.localise.place_of` (or `locate`); an `Unplaced` tells a thing that is known to be
            far off or up a wall from one whose place is unknown.
        site: the city's map and rules.
        observed_by: a standing camera waits, a vehicle comes by again (`detector.rules.dwell`).
        earlier: by track id, what the box remembers of the thing from earlier passes.
        shown: by track id, zone id -> whether the picture itself shows the thing inside that zone's line. There the
            picture decides, not the map (`detector.rules.law.Question`).

    Ways it can end: ``allowed`` with the look-alike's name; ``violation``; ``unsure``, which includes every place
    unknown. A thing in a privacy exclusion is not mentioned at all (`None`).
    """
    places = {track.track_id: place}
    return judge_all([track], places, site, observed_by, earlier=earlier, shown=shown)[0]


def judge_all(
    tracks: Sequence[Track],
    places: Mapping[str, Place | Unplaced | None],
    site: Site,
    observed_by: ObservedBy,
    *,
    earlier: Mapping[str, SeenBefore] = NOTHING_EARLIER,
    shown: Mapping[str, Mapping[str, bool]] = NOTHING_SHOWN,
    free: Mapping[str, Mapping[str, float]] = NOTHING_CLAIMED,
) -> list[Hit | None]:
    """`judge` on each of many tracks, each by itself; the map is asked once for all of them.

    Args:
        places: by track id; a track that is not in it has no place.
        free: by track id, how far pitches are free for it beside what else claims them (`detector.rules.claims`).
    """
    said: list[list[Told]] = [[] for _ in tracks]
    rules_of: dict[str, list[Rule]] = {}
    asked: list[tuple[int, Case]] = []
    questions: list[Question] = []
    for number, track in enumerate(tracks):
        place, before = places.get(track.track_id), earlier.get(track.track_id)
        lines = shown.get(track.track_id, NOT_SHOWN)
        if track.cue not in rules_of:
            rules_of[track.cue] = [rule for rule in site.rules.values() if _may_speak(rule, track.cue)]
        p_thing = cue_probability(track) if rules_of[track.cue] else 0.0
        for rule in rules_of[track.cue]:
            unattended = _speaks(rule, track)
            if unattended is None:
                continue
            seen = dwell.watched(rule.dwell, track, before, observed_by)
            case = Case(rule, track, place if isinstance(place, Place) else None, site, seen, lines, p_thing,
                        free.get(track.track_id, ALL_FREE))  # fmt: skip
            # From the air the seller is under the parasol: that nobody is seen makes no stall an abandoned one.
            told = _without_map(case, place, unattended=unattended and observed_by != "drone")
            if isinstance(told, Hit):
                said[number].append((_weight(told.kind, told.outcome, told.probability), partial(_itself, told)))
            elif told is not None:
                asked.append((number, case))
                questions.append(told)
    for (number, case), question, ruling in zip(asked, questions, rulings(questions, site), strict=True):
        heard = _by_map(case, question.place, ruling)
        if heard is not None:
            said[number].append(heard)
    return [
        max(each, key=_first)[1]() if each else _bystander(track, places.get(track.track_id), site, observed_by)
        for track, each in zip(tracks, said, strict=True)
    ]


def _weight(kind: Kind, outcome: Outcome, probability: float) -> tuple[int, float, int]:
    return _SEVERITY[outcome], probability, _PREFERRED.get(kind, -9)


def _first(told: Told) -> tuple[int, float, int]:
    return told[0]


def _itself(hit: Hit) -> Hit:
    return hit


def _may_speak(rule: Rule, cue: str) -> bool:
    """Whether a rule could have a word for a thing of a cue, alone or with others beside it."""
    return cue in rule.cues or any(cue in group.lead for group in rule.groups)


def _speaks(rule: Rule, track: Track) -> bool | None:
    """Whether a rule's thing is all there but for its person; `None` when the rule has no word for the track."""
    if track.cue in rule.cues or group_of(track, rule.groups) is not None:
        return False
    return True if unattended_group(track, rule.groups) is not None else None


def _without_map(case: Case, place: Place | Unplaced | None, *, unattended: bool) -> Hit | Question | None:
    """The verdict when it needs no map, else what to ask the map; `None` when the rule has no word."""
    rule, track = case.rule, case.track
    for exemption in rule.exemptions:
        if _exempts(exemption, track, unattended=unattended):
            return case.allowed(exemption.look_alike)
    if isinstance(place, Place) and place.method == WALL:
        return _by_wall(case, place)
    if isinstance(place, Place):
        return Question(rule, place, track.first_seen_at, track.last_seen_at, case.shown, case.free)
    if isinstance(place, Unplaced) and place.code in NOT_HERE:
        return None if rule.touches_ground else case.allowed("outside_patrol_area")
    return case.unplaced() if case.seen.verdict == "enough" else case.too_brief()


def _by_wall(case: Case, place: Place) -> Hit | None:
    found = wall_ruling(case.rule, place, case.site, case.track.first_seen_at, case.track.last_seen_at)
    if found is None:
        return None
    if found.filed is None and case.seen.verdict != "enough":
        return case.too_brief()
    return case.on_wall(found, place)


def _by_map(case: Case, place: Place, ruling: Ruling) -> Told | None:
    """What the map says. Put into words only when no other rule's verdict outweighs it."""
    rule = case.rule
    if ruling.private or (ruling.silent and (rule.touches_ground or rule.shop_reach_m is not None)):
        return None
    if ruling.granted is None and not ruling.outside and case.seen.verdict != "enough":
        return _weight(rule.kind, Outcome.ALLOWED, EXEMPT_PRIOR * case.p_thing), case.too_brief
    probability = ruling.probability * case.p_thing
    return _weight(rule.kind, case.outcome(probability), probability), partial(case.ruled, ruling, place)


def _exempts(exemption: Exemption, track: Track, *, unattended: bool) -> bool:
    if exemption.cues and track.cue not in exemption.cues:
        return False
    match exemption.when:
        case "always":
            return True
        case "ridden":
            return is_ridden(track)
        case "moving":
            return track.moving
        case "unattended":
            return unattended
        case "with_companion":
            return has_beside(track, exemption.companions)


def _bystander(track: Track, place: Place | Unplaced | None, site: Site, observed_by: ObservedBy) -> Hit | None:
    known = place if isinstance(place, Place) else None
    for rule in site.rules.values():
        for exemption in rule.bystanders:
            if _exempts(exemption, track, unattended=False):
                seen = dwell.watched(rule.dwell, track, None, observed_by)
                return Case(rule, track, known, site, seen, NOT_SHOWN, cue_probability(track)).allowed(
                    exemption.look_alike
                )
    return None
