"""permits.yaml: who may, where, until when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import shapely
from shapely import Polygon

from detector.geo.plane import LocalPlane
from detector.geo.zones import Permit, Zone, ZoneKind
from detector.site.geojson import Bbox, check_point, read_validity
from detector.site.problems import Problems, read_entries, unknown_zone
from detector.site.schema import PermitIn, PermitsIn
from detector.vocabulary import Text

PERMITS = "permits.yaml"

_FITS = {
    "vending": (ZoneKind.VENDING_PITCH, ZoneKind.MARKET),
    "bike_parking": (ZoneKind.BIKE_BAY,),
    "filed_sign": (ZoneKind.SIGN_REGISTRY, ZoneKind.SHOP_FRONTAGE),
}
"""Zone kinds that a permit may be bound to; an occupation permit may be for any. A rule asks for a permit of the zone,
so one of another kind would let a stall stand where only bikes may."""


def read_permits(folder: Path, zones: Mapping[str, Zone], bbox: Bbox | None, problems: Problems) -> list[Permit]:
    """The good permits of a site; everything else becomes a problem. `zones` by id."""
    permits: list[Permit] = []
    for label, read in read_entries(folder, PERMITS, PermitsIn, PermitIn, problems):
        permit = _permit(read, label, zones, bbox, problems)
        if permit is not None:
            permits.append(permit)
    return permits


def _permit(
    read: PermitIn, label: str, zones: Mapping[str, Zone], bbox: Bbox | None, problems: Problems
) -> Permit | None:
    zone = zones.get(read.zone) if read.zone is not None else None
    if read.zone is not None and zone is None:
        unknown_zone(read.zone, zones, PERMITS, label, "zone", problems)
        return None
    if zone is not None and zone.kind not in _FITS.get(read.kind, ZoneKind):
        kinds = " or ".join(_FITS[read.kind])
        message = f"a {read.kind} permit is for a {kinds}; {read.zone!r} is a {zone.kind}"
        problems.add(PERMITS, message, feature=label, field="zone")
        return None
    if read.point is not None:
        misplaced = check_point(*read.point, bbox)
        if misplaced:
            problems.add(PERMITS, misplaced, feature=label, field="point")
            return None
    validity = read_validity(read, PERMITS, label, "", problems)
    if validity is None:
        return None
    if zone is not None and validity.schedule is None:
        # Its last evening then ends with the zone's hours, not at midnight of its last day.
        validity = replace(validity, schedule=zone.validity.schedule)
    return Permit(read.id, read.kind, read.holder, read.zone, read.point, read.radius_m, validity)


def filed_sign_zones(permits: Sequence[Permit], zones: Mapping[str, Zone], problems: Problems) -> list[Zone]:
    """A sign filed at a point becomes a round zone of the sign registry, so that one question answers both."""
    found: list[Zone] = []
    for permit in permits:
        if permit.point is None:
            continue
        if permit.permit_id in zones:
            message = f"{permit.permit_id!r} is already the id of a zone; give the filed sign another"
            problems.add(PERMITS, message, feature=permit.permit_id, field="id")
            continue
        plane = LocalPlane(*permit.point)
        disc = Polygon(plane.lon_lat_deg(shapely.get_coordinates(shapely.Point(0, 0).buffer(permit.radius_m))))
        name = Text(zh=permit.holder, en=f"filed sign {permit.permit_id}")
        found.append(Zone(permit.permit_id, ZoneKind.SIGN_REGISTRY, name, disc, permit.validity))
    return found
