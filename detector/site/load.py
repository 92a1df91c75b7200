"""Reading a site folder: everything is checked, and everything wrong is named."""

from __future__ import annotations

import difflib
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import shapely
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from detector.errors import InputError, SiteError
from detector.geo.camera import Camera, VehicleCamera
from detector.geo.crs import parse_crs, refuse_crs
from detector.geo.dates import Holidays
from detector.geo.schedule import DAYS
from detector.geo.zones import Permit, Zone, ZoneIndex
from detector.model.signers import SITE_SIGNERS, site_signers
from detector.site.camera_file import CAMERAS, read_cameras
from detector.site.closures import CLOSURES, with_closures
from detector.site.geojson import check_point, read_zones
from detector.site.grids import check_codes
from detector.site.model import Site, SiteProblem
from detector.site.permits import PERMITS, filed_sign_zones, read_permits
from detector.site.problems import Problems, read_yaml
from detector.site.rulebook import Rule, RuleIn, default_rules, overlay
from detector.site.schema import SiteIn
from detector.site.terrain import TERRAIN, site_terrain
from detector.vocabulary import Kind

SITE = "site.yaml"
TOP = (SITE, CAMERAS, CLOSURES, PERMITS, TERRAIN)
"""Files that may lie at the top of a site folder."""
_MACHINE_ZONES = frozenset({"localtime", "posixrules", "Factory"})
"""Names in the zone folder that mean another time on every machine."""


def load_site(folder: Path) -> Site:
    """The site in a folder.

    Raises:
        SiteError: anything is wrong; the message is the first problem, and how many more there are. `check_site`
            lists them all.
    """
    problems = Problems()
    site = _read(folder, problems)
    if problems.found or site is None:
        first = problems.found[0]
        more = f" (and {len(problems.found) - 1} more: kerbwatch site check)" if len(problems.found) > 1 else ""
        raise SiteError(first.message + more, file=first.file, feature=first.feature, field=first.field)
    return site


def check_site(folder: Path) -> list[SiteProblem]:
    """Everything wrong in a site folder, file by file; an empty list when it can be used."""
    problems = Problems()
    _read(folder, problems)
    return problems.found


def _read(folder: Path, problems: Problems) -> Site | None:
    if not folder.is_dir():
        problems.add(str(folder), "is no folder; give the site folder that holds site.yaml")
        return None
    files = _site_files(folder, problems)
    head = _read_head(folder, problems)
    bbox = head.bbox if head else None
    zones = _read_all_zones(folder, files, head, problems)
    by_id = {zone.zone_id: zone for zone in zones}
    permits = read_permits(folder, by_id, bbox, problems)
    zones += filed_sign_zones(permits, by_id, problems)
    zones = with_closures(folder, zones, bbox, problems)
    cameras, names, marked = read_cameras(folder, head, {zone.zone_id for zone in zones}, problems)
    rules = _read_rules(folder, files, problems)
    _check_signers(folder, problems)
    if head is None:
        return None
    terrain = site_terrain(folder, head, problems)
    timezone = _timezone(head.timezone, problems)
    vehicle = _default_vehicle(head.default_vehicle_camera, cameras, problems)
    patrol_area = _patrol_area(head, problems)
    if timezone is None or problems.found:
        return None
    permits_of: dict[str, list[Permit]] = defaultdict(list)
    for permit in permits:
        if permit.zone_id is not None:
            permits_of[permit.zone_id].append(permit)
    return Site(
        name=head.name.text(),
        timezone=timezone,
        bbox=head.bbox,
        patrol_area=patrol_area,
        zones=ZoneIndex.build(zones),
        permits=tuple(permits),
        permits_of={zone_id: tuple(bound) for zone_id, bound in permits_of.items()},
        rules=rules,
        cameras=cameras,
        camera_names=names,
        default_vehicle=vehicle,
        holidays=Holidays(frozenset(head.holidays), {day: DAYS.index(name) for day, name in head.makeup.items()}),
        synthetic_positions=head.synthetic_positions,
        sha256=_folder_sha256(folder, files),
        marked=marked,
        public_map_crs=parse_crs(head.public_map_crs),
        coverage=head.coverage,
        terrain=terrain,
    )


def _site_files(folder: Path, problems: Problems) -> list[str]:
    """Names of the files that make the site; YAML or GeoJSON anywhere else would be ignored in silence, so: named."""
    used: list[str] = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix.lower() not in (".yaml", ".yml", ".geojson", ".json", ".asc"):
            continue
        if not path.is_file():
            problems.add(name, "is no file (a folder, a pipe or a broken link); put the file itself there")
            continue
        top = name in TOP
        zone = name.count("/") == 1 and name.startswith("zones/") and path.suffix == ".geojson"
        rule = name.count("/") == 1 and name.startswith("rules/") and path.suffix == ".yaml"
        if top or zone or rule:
            used.append(name)
        else:
            problems.add(
                name,
                f"is not part of a site and would be ignored; expected are {', '.join(TOP)}, "
                "zones/*.geojson and rules/*.yaml",
            )
    return used


def _check_signers(folder: Path, problems: Problems) -> None:
    """The keys that may sign models: read by the patrol, but what is wrong with them shows here too."""
    try:
        site_signers(folder)
    except InputError as error:
        problems.add(SITE_SIGNERS, str(error))


def _folder_sha256(folder: Path, files: Iterable[str]) -> str:
    """SHA-256 over the sorted names and the bytes of the site's files: the same folder, the same hash anywhere."""
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(name.encode() + b"\0" + hashlib.sha256((folder / name).read_bytes()).digest())
    return total.hexdigest()


def _read_head(folder: Path, problems: Problems) -> SiteIn | None:
    if not (folder / SITE).is_file():
        problems.add(SITE, "is missing; a site folder needs it (docs/site-folder.md)")
        return None
    raw = read_yaml(folder / SITE, SITE, problems)
    head = problems.read(SiteIn, raw, SITE) if raw is not None else None
    if head is None:
        return None
    refused = refuse_crs(head.crs)
    if refused:
        problems.add(SITE, refused, field="crs")
    return head


def _timezone(name: str, problems: Problems) -> ZoneInfo | None:
    try:
        if name not in _MACHINE_ZONES:
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    near = difflib.get_close_matches(name, sorted(available_timezones()), n=3, cutoff=0.5)
    hint = f"; near: {', '.join(near)}" if near else ""
    problems.add(SITE, f"{name!r} is no IANA time zone{hint}; China is Asia/Shanghai", field="timezone")
    return None


def _patrol_area(head: SiteIn, problems: Problems) -> BaseGeometry | None:
    if head.patrol_area is None:
        return None
    if len(head.patrol_area) < 3:
        problems.add(SITE, f"has {len(head.patrol_area)} corners; an area needs at least 3", field="patrol_area")
        return None
    area = Polygon(head.patrol_area)
    if not shapely.is_valid(area):
        problems.add(SITE, f"crosses itself: {shapely.is_valid_reason(area)}", field="patrol_area")
        return None
    for lon, lat in head.patrol_area:
        misplaced = check_point(lon, lat, head.bbox)
        if misplaced:
            problems.add(SITE, misplaced, field="patrol_area")
            return None
    return area


def _read_all_zones(folder: Path, files: list[str], head: SiteIn | None, problems: Problems) -> list[Zone]:
    names = [name for name in files if name.startswith("zones/")]
    if not names:
        problems.add("zones", "holds no *.geojson file; without zones nothing can be judged")
    zones: list[Zone] = []
    first_file: dict[str, str] = {}
    for name in names:
        for zone in read_zones(folder / name, name, head.bbox if head else None, problems):
            if zone.zone_id in first_file:
                problems.add(
                    name,
                    f"{zone.zone_id!r} is used twice, first in {first_file[zone.zone_id]}; give each zone its own id",
                    feature=zone.zone_id,
                    field="properties.id",
                )
                continue
            first_file[zone.zone_id] = name
            zones.append(zone)
    if head is not None:
        placed = [(first_file[zone.zone_id], zone) for zone in zones]
        check_codes(placed, head.admin_code, head.void_codes, problems)
    return zones


def _default_vehicle(name: str | None, cameras: dict[str, Camera], problems: Problems) -> VehicleCamera | None:
    if name is None:
        return None
    camera = cameras.get(name)
    if not isinstance(camera, VehicleCamera):
        if any(found.feature == name for found in problems.found):
            return None  # it is there and was refused: that is the fault to mend
        known = ", ".join(sorted(key for key, value in cameras.items() if isinstance(value, VehicleCamera))) or "none"
        message = f"{name!r} is no vehicle camera of cameras.yaml; those are: {known}"
        problems.add(SITE, message, field="default_vehicle_camera")
        return None
    return camera


def _read_rules(folder: Path, files: list[str], problems: Problems) -> dict[Kind, Rule]:
    """The shipped rules, each with the city's file for its kind laid over it."""
    raw: dict[Kind, Mapping[str, Any]] = dict(default_rules())
    origin: dict[Kind, str] = {}
    for name in files:
        if not name.startswith("rules/"):
            continue
        override = read_yaml(folder / name, name, problems)
        if override is None:
            continue
        kind = str(override.get("kind"))
        if kind not in set(Kind):
            problems.add(name, f"{kind!r} is no violation kind; known: {', '.join(Kind)}", field="kind")
            continue
        if Kind(kind) in origin:
            problems.add(name, f"{kind!r} has its rule in {origin[Kind(kind)]} already", field="kind")
            continue
        origin[Kind(kind)] = name
        raw[Kind(kind)] = overlay(raw[Kind(kind)], override)
    rules: dict[Kind, Rule] = {}
    for kind, entry in raw.items():
        read = problems.read(RuleIn, entry, origin.get(kind, f"detector/rules/defaults/{kind}.yaml"))
        if read is not None:
            rules[kind] = read.rule()
    return rules
