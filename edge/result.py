"""What a patrol found, for people (`edge.summary`) and for programs (`--json`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from detector.hit import Hit, Matrix2, Reason
from detector.vocabulary import vocabulary
from edge.coverage.totals import Looked
from edge.gnss import LogCounts
from edge.registered import Registered

EXIT_REFUSED = 1
"""The server holds another report under an id, or finds one invalid: kept here, and named."""
EXIT_PARTIAL = 3
"""A source was cut off or damaged: everything before is reported, but the street was not seen to its end."""
EXIT_TRY_AGAIN = 75
EXIT_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class PlaceLine:
    """Where, with one-sigma errors per axis (root mean square of east and north), metres."""

    lon_deg: float
    lat_deg: float
    sigma_own_m: float
    sigma_pass_m: float
    synthetic: bool
    moved_m: float | None = None
    """How far it was moved onto the map; `None`: as the fix gave it."""


@dataclass(frozen=True, slots=True)
class ReasonLine:
    """One reason in both languages."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One report of the patrol, as lists show it. `case_url` is known once the server has it."""

    report_id: str
    hit_key: str
    kind: str
    kind_text: str
    cue: str
    outcome: str
    probability: float
    place: PlaceLine | None
    reasons: tuple[ReasonLine, ...]
    zone_ids: tuple[str, ...]
    count: int
    first_seen_at: str
    path: str | None = None
    case_url: str | None = None

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> ReportLine:
        """The line that `kerbwatch patrol --json` printed."""
        place = PlaceLine(**data["place"]) if data["place"] else None
        reasons = tuple(ReasonLine(**reason) for reason in data["reasons"])
        return ReportLine(**{**data, "place": place, "reasons": reasons, "zone_ids": tuple(data["zone_ids"])})


@dataclass(frozen=True, slots=True)
class PatrolResult:
    """What a patrol found.

    Attributes:
        frames: pictures that were looked at.
        watched_s: time they span.
        wall_s: time it took.
        tracks: things followed, reported or not.
        reports: in the order they were decided.
        look_alikes: how many things were found to be legal, by look-alike.
        places_unknown: reports without a place.
        seen_before: things that the site memory knew from earlier passes.
        registered: how many places of a moving camera were moved onto the map, and by how much.
        looked: how much ground was looked at; `None` where the site wants no coverage log.
        gnss: what the log held, when one was given.
        partial: a source was damaged or cut off.
        interrupted: stopped by Ctrl-C; run again to go on.
        waiting: reports of this and earlier patrols that are not at the server yet.
        troubled: the server refused something that a person must look at; the warnings name it.
        warnings: what the user should know, one sentence each.
    """

    patrol_id: str
    camera: str
    frames: int
    watched_s: float
    wall_s: float
    tracks: int
    reports: tuple[ReportLine, ...]
    look_alikes: Mapping[str, int]
    seen_before: int = 0
    looked: Looked | None = None
    registered: Registered = field(default_factory=Registered)
    gnss: LogCounts | None = None
    partial: bool = False
    interrupted: bool = False
    waiting: int = 0
    troubled: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def places_unknown(self) -> int:
        """Reports without a place."""
        return sum(r.place is None for r in self.reports)

    @property
    def reports_per_km(self) -> float | None:
        """Reports on each kilometre that was looked at and well seen; `None` without such a way."""
        if self.looked is None or self.looked.good_km <= 0.0:
            return None
        return len(self.reports) / self.looked.good_km

    @property
    def exit_code(self) -> int:
        """0 done, 1 refused by the server, 3 a source was damaged, 75 reports still wait, 130 stopped by Ctrl-C."""
        if self.interrupted:
            return EXIT_INTERRUPTED
        if self.waiting:
            return EXIT_TRY_AGAIN
        if self.troubled:
            return EXIT_REFUSED
        return EXIT_PARTIAL if self.partial else 0

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        reckoned = {"places_unknown": self.places_unknown, "reports_per_km": self.reports_per_km}
        return asdict(self) | reckoned | {"exit_code": self.exit_code}


def report_line(report_id: str, hit_key: str, hit: Hit, *, synthetic: bool) -> ReportLine:
    """The line of a hit."""
    place = hit.place
    return ReportLine(
        report_id=report_id,
        hit_key=hit_key,
        kind=hit.kind.value,
        kind_text=vocabulary().kinds[hit.kind.value].both(),
        cue=hit.track.cue,
        outcome=hit.outcome.value,
        probability=hit.probability,
        place=None
        if place is None
        else PlaceLine(
            place.lon_deg,
            place.lat_deg,
            sigma_m(place.cov_own_m2),
            sigma_m(place.cov_pass_m2),
            place.synthetic or synthetic,
            None if place.offset is None else math.hypot(place.offset.east_m, place.offset.north_m),
        ),
        reasons=tuple(_reason(r) for r in hit.reasons),
        zone_ids=hit.zone_ids,
        count=hit.count,
        first_seen_at=hit.track.first_seen_at.isoformat(),
    )


def sigma_m(cov: Matrix2) -> float:
    """One-sigma error per axis: the root mean square of east and north."""
    return math.sqrt((cov[0][0] + cov[1][1]) / 2)


def located(line: ReportLine, *, path: str | None = None, case_url: str | None = None) -> ReportLine:
    """The line with where the report can be looked at."""
    return replace(line, path=path, case_url=case_url)


def _reason(reason: Reason) -> ReasonLine:
    return ReasonLine(reason.code, reason.text.zh, reason.text.en)
