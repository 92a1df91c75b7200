"""The verdict on one track: is it a violation, a legal look-alike, or for a person to decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from detector.geo.camera import ObservedBy
from detector.geo.localise import Unplaced
from detector.hit import Hit, Place, Reason, SeenBefore
from detector.rules import dwell
from detector.rules.law import PERMITTED_PRIOR, Ruling, rule_at, total_cov_m2
from detector.rules.looks import cue_probability, group_of, has_beside, is_ridden, unattended_group
from detector.site.model import Site
from detector.site.rulebook import Exemption, Rule
from detector.tracks import Track
from detector.vocabulary import Kind, Outcome, Text, vocabulary

NOT_HERE = frozenset({"above_horizon", "too_far"})
"""A thing without a place for one of these reasons is known not to stand in the patrolled view."""

NOTHING_EARLIER: Mapping[str, SeenBefore] = MappingProxyType({})
"""A box without a memory, or on its first pass."""

_SEVERITY = {Outcome.VIOLATION: 2, Outcome.UNSURE: 1, Outcome.ALLOWED: 0}
_PREFERRED = {kind: -order for order, kind in enumerate((Kind.OUT_OF_STORE, Kind.STREET_STALL))}
"""Between equals a shop's own table is out-of-store business before it is a stall."""
_POSITION = Text(zh="位置误差约±{sigma_m}米（95%）", en="Position good to about ±{sigma_m} m (95 %)")


def judge(
    track: Track,
    place: Place | Unplaced | None,
    site: Site,
    observed_by: ObservedBy,
    *,
    earlier: Mapping[str, SeenBefore] = NOTHING_EARLIER,
) -> Hit | None:
    """The verdict on one track, or `None` when no rule has a word for it.

    Args:
        track: the object.
        place: from `detector.geo.localise.place_of` (or `locate`); an `Unplaced` tells a thing that is known to be
            far off or up a wall from one whose place is unknown.
        site: the city's map and rules.
        observed_by: a standing camera waits, a vehicle comes by again (`detector.rules.dwell`).
        earlier: by track id, what the box remembers of the thing from earlier passes.

    Ways it can end: ``allowed`` with the look-alike's name; ``violation``; ``unsure``, which includes every place
    unknown. A thing in a privacy exclusion is not mentioned at all (`None`).
    """
    hits = [hit for rule in site.rules.values() if (hit := _judge_by(rule, track, place, site, observed_by, earlier))]
    if hits:
        return max(hits, key=lambda h: (_SEVERITY[h.outcome], h.probability, _PREFERRED.get(h.kind, -9)))
    return _bystander(track, place, site)


def _judge_by(
    rule: Rule,
    track: Track,
    place: Place | Unplaced | None,
    site: Site,
    observed_by: ObservedBy,
    earlier: Mapping[str, SeenBefore],
) -> Hit | None:
    speaks = track.cue in rule.cues or group_of(track, rule.groups) is not None
    unattended = not speaks and unattended_group(track, rule.groups) is not None
    if not speaks and not unattended:
        return None
    # From the air the seller is under the parasol: that nobody is seen does not make a stall an abandoned one.
    unattended = unattended and observed_by != "drone"
    case = _Case(rule, track, place if isinstance(place, Place) else None)
    for exemption in rule.exemptions:
        if _exempts(exemption, track, unattended=unattended):
            return case.allowed(exemption.look_alike)
    if isinstance(place, Unplaced) and place.code in NOT_HERE:
        return None if rule.touches_ground else case.allowed("outside_patrol_area")
    seen = dwell.watched(rule.dwell, track, earlier.get(track.track_id), observed_by)
    if case.place is None:
        return case.unplaced() if seen.verdict == "enough" else case.too_brief(seen, site)
    ruling = rule_at(rule, case.place, site, track.first_seen_at, track.last_seen_at)
    if ruling.private or (ruling.silent and (rule.touches_ground or rule.shop_reach_m is not None)):
        return None
    if ruling.granted is None and not ruling.outside and seen.verdict != "enough":
        return case.too_brief(seen, site)
    return case.ruled(ruling, case.place, seen, site)


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


def _bystander(track: Track, place: Place | Unplaced | None, site: Site) -> Hit | None:
    for rule in site.rules.values():
        for exemption in rule.bystanders:
            if _exempts(exemption, track, unattended=False):
                known = place if isinstance(place, Place) else None
                return _Case(rule, track, known).allowed(exemption.look_alike)
    return None


@dataclass(frozen=True, slots=True)
class _Case:
    """One rule on one track: knows how to say each kind of verdict."""

    rule: Rule
    track: Track
    place: Place | None

    def allowed(self, look_alike: str, reasons: Sequence[Reason] = (), zone_ids: tuple[str, ...] = ()) -> Hit:
        named = Reason(look_alike, vocabulary().look_alikes[look_alike])
        probability = PERMITTED_PRIOR * cue_probability(self.track)
        return self._hit(Outcome.ALLOWED, probability, (*reasons, named), zone_ids, look_alike)

    def too_brief(self, seen: dwell.Watched, site: Site) -> Hit:
        if seen.verdict == "too_brief":
            reason = self._reason(
                "too_brief", dwell_s=_number((seen.last_seen_at - seen.first_seen_at).total_seconds())
            )
        else:
            reason = self._reason(seen.verdict, **dwell.fields(seen, self.rule.dwell, site.timezone))
        return self.allowed("too_brief", [reason])

    def unplaced(self) -> Hit:
        probability = self.rule.unplaced_prior * cue_probability(self.track)
        return self._hit(Outcome.UNSURE, probability, (self._reason("place_unknown"),), ())

    def ruled(self, ruling: Ruling, place: Place, seen: dwell.Watched, site: Site) -> Hit:
        probability = ruling.probability * cue_probability(self.track)
        outcome = self._outcome(probability)
        if outcome is Outcome.ALLOWED:
            return self._allowed_by(ruling)
        reasons = self._why(ruling)
        if seen.passes > 1:
            reasons.append(self._reason("seen_again", **dwell.fields(seen, self.rule.dwell, site.timezone)))
        reasons.append(_position(place))
        zones = tuple(zone.zone_id for zone in (*ruling.forbids, *ruling.lapsed))
        return self._hit(outcome, probability, tuple(reasons), zones)

    def _allowed_by(self, ruling: Ruling) -> Hit:
        zone = ruling.granted
        if zone is None:
            return self.allowed("outside_patrol_area")
        reason = self._reason("granted", zone=zone.name)
        return self.allowed(self.rule.grants[zone.kind].look_alike, [reason], (zone.zone_id, *ruling.permit_ids))

    def _outcome(self, probability: float) -> Outcome:
        if probability >= self.rule.violation_min:
            return Outcome.VIOLATION
        return Outcome.UNSURE if probability >= self.rule.unsure_min else Outcome.ALLOWED

    def _why(self, ruling: Ruling) -> list[Reason]:
        reasons: list[Reason] = []
        near = ruling.nearest
        lapsed = ruling.lapsed[0] if ruling.lapsed else None
        if lapsed is not None:
            hours = lapsed.validity.schedule.text if lapsed.validity.schedule else "-"
            reasons.append(self._reason("not_granted_now", zone=lapsed.name, hours=hours))
        elif near is not None and near.distance_m > 0.0 and "beside" in self.rule.reasons:
            reasons.append(self._reason("beside", zone=near.zone.name, distance_m=_number(near.distance_m)))
        elif near is None and "no_grant_near" in self.rule.reasons:
            reasons.append(self._reason("no_grant_near"))
        if ruling.forbids:
            reasons.append(self._reason("forbidden_here", zone=ruling.forbids[0].name))
        elif lapsed is None:
            reasons.append(self._reason("unzoned"))
        return reasons

    def _reason(self, code: str, **fields: str | Text) -> Reason:
        sentence = self.rule.reasons[code]
        values = {"thing": vocabulary().cues[self.track.cue], **fields}
        return Reason(code, fill(sentence, values))

    def _hit(
        self,
        outcome: Outcome,
        probability: float,
        reasons: tuple[Reason, ...],
        zone_ids: tuple[str, ...],
        look_alike: str | None = None,
    ) -> Hit:
        return Hit(
            track=self.track,
            kind=self.rule.kind,
            outcome=outcome,
            probability=probability,
            place=self.place,
            reasons=reasons,
            zone_ids=zone_ids,
            rule_id=self.rule.rule_id,
            look_alike=look_alike,
            member_track_ids=(self.track.track_id,),
        )


def fill(sentence: Text, values: dict[str, str | Text]) -> Text:
    """A sentence with its braces filled, each language with its own words."""
    zh = {name: value.zh if isinstance(value, Text) else value for name, value in values.items()}
    en = {name: value.en if isinstance(value, Text) else value for name, value in values.items()}
    return Text(zh=sentence.zh.format_map(zh), en=sentence.en.format_map(en))


def _position(place: Place) -> Reason:
    """How good the position is: twice the largest sigma, which holds 95 % along that axis."""
    sigma_m = float(np.sqrt(np.linalg.eigvalsh(np.array(total_cov_m2(place))).max()))
    return Reason("position_error", fill(_POSITION, {"sigma_m": _number(2.0 * sigma_m)}))


def _number(value: float) -> str:
    return f"{max(value, 0.1):.1f}"
