"""A verdict on one track at one place and time, and the place itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from detector.tracks import Track
from detector.vocabulary import Kind, Outcome, Text

Matrix2 = tuple[tuple[float, float], tuple[float, float]]
"""2x2 covariance in the local east-north plane, square metres: ((ee, en), (en, nn))."""


@dataclass(frozen=True, slots=True)
class PassOffset:
    """What a pass's own positions must be moved by to lie on the map, found from everything it saw.

    Attributes:
        east_m, north_m: added to a place as the fix gave it.
        cov_m2: what is still unknown of the shift; takes the place of the fix's error in `Place.pass_shift_m2`.
        anchors: how many things seen bear on it.
    """

    east_m: float
    north_m: float
    cov_m2: Matrix2
    anchors: int


@dataclass(frozen=True, slots=True)
class SeenBefore:
    """What the box remembers of this thing at this place from earlier passes.

    Attributes:
        first_seen_at, last_seen_at: UTC of the earliest and the latest earlier sighting without a gap too long.
        passes: how many earlier passes (or stretches of a standing camera) saw it.
    """

    first_seen_at: datetime
    last_seen_at: datetime
    passes: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where the thing stands, WGS-84, with an error split by who shares it.

    Attributes:
        lon_deg, lat_deg: WGS-84.
        cov_own_m2: error of this thing alone (pixel, attitude, ground height).
        cov_pass_m2: error that everything seen on the same pass shares: GNSS position and heading, already
            carried to this point. `cov_own_m2 + cov_pass_m2` is the whole error.
        pass_shift_m2: the part of `cov_pass_m2` that shifts the whole pass alike (GNSS position).
        heading_lever_m: (east, north) metres by which this point moves per radian of shared heading error; the
            joint covariance of two points i, j of one pass is ``pass_shift + lever_i lever_j^T sigma_heading^2``.
        sigma_heading_rad: one sigma of the shared heading error, 0 for a standing camera.
        range_m: ground distance from the camera.
        method: ``vehicle_ground``, ``fixed_homography``, ``fixed_ground``, ``drone_ground``, ``triangulated`` or
            ``wall``.
        offset: the registration of the pass that this place was moved by; `None` as the fix gave it.
        synthetic: made up for a demonstration; every page and report says so.
        above_ground_m: height of the middle of a thing on a wall; `None` for what stands on the ground.
    """

    lon_deg: float
    lat_deg: float
    cov_own_m2: Matrix2
    cov_pass_m2: Matrix2
    pass_shift_m2: Matrix2
    heading_lever_m: tuple[float, float]
    sigma_heading_rad: float
    range_m: float
    method: str
    synthetic: bool = False
    offset: PassOffset | None = None
    above_ground_m: float | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, in a sentence a shopkeeper would understand; `code` is stable, for filters and statistics."""

    code: str
    text: Text


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule's verdict on a track.

    Attributes:
        track: the object.
        kind: what the law would call it.
        outcome: violation, allowed or unsure. Only violation and unsure become reports.
        probability: P(violation), 0..1.
        place: where; `None` when there was no fix ("place unknown", never 0, 0).
        look_alike: name of the legal look-alike (vocabulary) when `outcome` is allowed.
        reasons: ordered, most telling first.
        zone_ids: zones and permits that decided.
        rule_id: the rule that spoke.
        count: how many things the hit stands for (a row of bikes is one hit).
        member_track_ids: tracks gathered into this hit, this one's own included.
    """

    track: Track
    kind: Kind
    outcome: Outcome
    probability: float
    place: Place | None
    reasons: tuple[Reason, ...]
    zone_ids: tuple[str, ...]
    rule_id: str
    look_alike: str | None = None
    count: int = 1
    member_track_ids: tuple[str, ...] = field(default=())
