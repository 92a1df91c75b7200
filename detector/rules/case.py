"""One rule on one track: how each kind of verdict is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

from detector.geo.schedule import Standing
from detector.geo.zones import Zone
from detector.hit import Hit, Place, Reason
from detector.rules import dwell
from detector.rules.law import Ruling, total_cov_m2
from detector.rules.sentences import INSIDE, OUTSIDE, SENTENCES, fill
from detector.rules.walls import WallRuling
from detector.rules.weigh import ALL_FREE
from detector.site.model import Site
from detector.site.rulebook import Rule
from detector.tracks import Track
from detector.vocabulary import Outcome, Text, vocabulary

EXEMPT_PRIOR = 0.02
"""P(violation) of a look-alike that is known without a map: a rider, a passer-by."""
TAKEN_BELOW = 0.5
"""A pitch that is free for a thing with less than this probability is said to be taken."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One rule on one track.

    Attributes:
        place: `None` when it is unknown.
        seen: what was seen of it over all passes.
        shown: zone id -> inside, where the picture itself shows the line.
        p_thing: P(the thing is what the model calls it).
        free: zone id -> how far it is free for the thing, beside what else claims it.
    """

    rule: Rule
    track: Track
    place: Place | None
    site: Site
    seen: dwell.Watched
    shown: Mapping[str, bool]
    p_thing: float
    free: Mapping[str, float] = field(default_factory=lambda: ALL_FREE)

    def outcome(self, probability: float) -> Outcome:
        """Of P(violation)."""
        if probability >= self.rule.violation_min:
            return Outcome.VIOLATION
        return Outcome.UNSURE if probability >= self.rule.unsure_min else Outcome.ALLOWED

    def allowed(self, look_alike: str, reasons: Sequence[Reason] = (), zone_ids: tuple[str, ...] = (),
                p_violation: float = EXEMPT_PRIOR) -> Hit:  # fmt: skip
        """A legal look-alike, by its name."""
        named = Reason(look_alike, vocabulary().look_alikes[look_alike])
        return self._hit(Outcome.ALLOWED, p_violation, (*reasons, named), zone_ids, look_alike)

    def too_brief(self) -> Hit:
        """Not seen for long enough, or not often enough."""
        code = self.seen.verdict
        if code == "too_brief":
            seen_s = (self.seen.last_seen_at - self.seen.first_seen_at).total_seconds()
            return self.allowed("too_brief", [self._reason(code, dwell_s=_number(seen_s))])
        return self.allowed("too_brief", [self._reason(code, **self._dwell_fields())])

    def unplaced(self) -> Hit:
        """Nobody knows where it stands."""
        return self._hit(Outcome.UNSURE, self.rule.unplaced_prior, (self._reason("place_unknown"),), ())

    def ruled(self, ruling: Ruling, place: Place) -> Hit:
        """As the map says."""
        outcome = self.outcome(ruling.probability * self.p_thing)
        if outcome is Outcome.ALLOWED:
            return self._allowed_by(ruling)
        reasons = [*self._shown(ruling), *self._why(ruling), *self._taken(ruling)]
        if outcome is Outcome.UNSURE and ruling.grants:
            reasons.append(self._reason("perhaps_granted", zone=ruling.grants[0].name))
        if self.seen.passes > 1:
            reasons.append(self._reason("seen_again", **self._dwell_fields()))
        reasons.append(self._reason("position_error", sigma_m=_number(2.0 * _largest_sigma_m(place))))
        perhaps = ruling.grants if outcome is Outcome.UNSURE else ()
        zones = tuple(zone.zone_id for zone in (*ruling.forbids, *ruling.lapsed, *perhaps))
        return self._hit(outcome, ruling.probability, tuple(reasons), zones)

    def on_wall(self, found: WallRuling, place: Place) -> Hit | None:
        """As the map says of a sign on a wall; `None` when too little speaks against it to trouble a person."""
        if found.filed is not None:
            reason = self._reason("granted", zone=found.filed.name)
            return self.allowed("filed_sign", [reason], (found.filed.zone_id,), found.probability)
        outcome = self.outcome(found.probability * self.p_thing)
        if outcome is Outcome.ALLOWED:
            return None
        reasons = [self._lapsed(zone) for zone in found.lapsed[:1]]
        if found.nearest is not None and not reasons:
            distance_m = _number(found.nearest.distance_m)
            reasons.append(self._reason("beside", zone=found.nearest.zone.name, distance_m=distance_m))
        if found.forbids:
            reasons.append(self._reason("forbidden_here", zone=found.forbids[0].name))
        elif found.wall is not None:
            reasons.append(self._reason("unfiled_on_wall", zone=found.wall.name))
        reasons.append(self._reason("position_error", sigma_m=_number(2.0 * _largest_sigma_m(place))))
        walls = (found.wall,) if found.wall is not None else ()
        zones = tuple(zone.zone_id for zone in (*found.forbids, *found.lapsed, *walls))
        return self._hit(outcome, found.probability, tuple(reasons), zones)

    def _allowed_by(self, ruling: Ruling) -> Hit:
        zone = ruling.granted
        if zone is None:
            return self.allowed("outside_patrol_area", p_violation=ruling.probability)
        code = "granted" if ruling.inside else "probably_granted"
        reasons = [*self._shown(ruling), self._reason(code, zone=zone.name)]
        if zone.goods is not None:
            reasons.append(self._reason("goods", goods=zone.goods))
        look_alike = self.rule.grants[zone.kind].look_alike
        return self.allowed(look_alike, reasons, (zone.zone_id, *ruling.permit_ids), ruling.probability)

    def _why(self, ruling: Ruling) -> list[Reason]:
        reasons: list[Reason] = []
        near = ruling.nearest
        lapsed = ruling.lapsed[0] if ruling.lapsed else None
        if lapsed is not None:
            reasons.append(self._lapsed(lapsed))
        elif near is not None and near.distance_m > 0.0 and "beside" in self.rule.reasons:
            reasons.append(self._reason("beside", zone=near.zone.name, distance_m=_number(near.distance_m)))
        elif near is None and "no_grant_near" in self.rule.reasons:
            reasons.append(self._reason("no_grant_near"))
        if ruling.forbids:
            reasons.append(self._reason("forbidden_here", zone=ruling.forbids[0].name))
        elif lapsed is None:
            reasons.append(self._reason("unzoned"))
        return reasons

    def _lapsed(self, zone: Zone) -> Reason:
        """Why a zone does not permit now."""
        at, validity = self.track.last_seen_at, zone.validity
        local = at.astimezone(self.site.timezone)
        match validity.standing(at, self.site.timezone, self.site.holidays):
            case Standing.OPEN:
                return self._reason("no_permit_now", zone=zone.name)
            case Standing.OUT_OF_HOURS:
                hours = validity.schedule.text if validity.schedule else "-"
                return self._reason("not_granted_now", zone=zone.name, hours=hours, at=f"{local:%H:%M}")
            case Standing.CLOSED:
                closure = validity.closure_at(local.replace(tzinfo=None))
                return self._reason("closed_now", zone=zone.name, why=closure.reason if closure else "-")
            case _:
                return self._reason("not_in_use", zone=zone.name, on=f"{local:%Y-%m-%d}")

    def _shown(self, ruling: Ruling) -> list[Reason]:
        """The lines that the picture shows, of zones that matter here."""
        if not self.shown:
            return []
        known = {zone.zone_id: zone for zone in (*ruling.grants, *ruling.lapsed, *ruling.forbids)}
        if ruling.nearest is not None:
            known.setdefault(ruling.nearest.zone.zone_id, ruling.nearest.zone)
        return [
            self._reason("picture_decides", zone=known[zone_id].name, side=INSIDE if held else OUTSIDE)
            for zone_id, held in self.shown.items()
            if zone_id in known
        ]

    def _taken(self, ruling: Ruling) -> list[Reason]:
        """The pitch nearby that has its stall already."""
        known = {zone.zone_id: zone for zone in ruling.grants}
        if ruling.nearest is not None:
            known.setdefault(ruling.nearest.zone.zone_id, ruling.nearest.zone)
        taken = [known[zone_id] for zone_id, part in self.free.items() if part < TAKEN_BELOW and zone_id in known]
        return [self._reason("taken", zone=zone.name) for zone in taken[:1]]

    def _dwell_fields(self) -> dict[str, str]:
        return dwell.fields(self.seen, self.rule.dwell, self.site.timezone)

    def _reason(self, code: str, **fields: str | Text) -> Reason:
        sentence = self.rule.reasons.get(code) or SENTENCES[code]
        return Reason(code, fill(sentence, {"thing": vocabulary().cues[self.track.cue], **fields}))

    def _hit(
        self,
        outcome: Outcome,
        p_violation: float,
        reasons: tuple[Reason, ...],
        zone_ids: tuple[str, ...],
        look_alike: str | None = None,
    ) -> Hit:
        return Hit(
            track=self.track,
            kind=self.rule.kind,
            outcome=outcome,
            probability=p_violation * self.p_thing,
            place=self.place,
            reasons=reasons,
            zone_ids=zone_ids,
            rule_id=self.rule.rule_id,
            look_alike=look_alike,
            member_track_ids=(self.track.track_id,),
        )


def _largest_sigma_m(place: Place) -> float:
    """Of the whole position error: its covariance's larger eigenvalue, square root."""
    (var_e, cov), (_, var_n) = total_cov_m2(place)
    return sqrt((var_e + var_n) / 2.0 + sqrt(((var_e - var_n) / 2.0) ** 2 + cov * cov))


def _number(value: float) -> str:
    return f"{max(value, 0.1):.1f}"
