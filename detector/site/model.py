"""A site: one city's map, hours, permits, rules and cameras, read and checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from shapely.geometry.base import BaseGeometry

from detector.errors import InputError
from detector.geo.camera import Camera, VehicleCamera
from detector.geo.crs import WGS84, Crs
from detector.geo.dates import Holidays
from detector.geo.terrain import Terrain
from detector.geo.zones import Permit, ZoneIndex
from detector.printable import printable
from detector.site.rulebook import Rule
from detector.vocabulary import Kind, Text


@dataclass(frozen=True, slots=True)
class MarkedZone:
    """A zone's area on the ground as the picture shows it: up to the painted line, the step, the kerb.

    Attributes:
        zone_id: the zone of the map that the area belongs to.
        pixels: corners (u, v) in pictures of the camera's `image_px`; the first is not repeated.
    """

    zone_id: str
    pixels: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """Everything a verdict needs to know of a place. Coordinates WGS-84.

    Attributes:
        timezone: IANA zone that the schedules are read in.
        bbox: west, south, east, north, degrees: where the city says its map lies.
        patrol_area: polygon in degrees; `None` when the zones themselves say where there is anything to patrol.
        permits: in the order of the file; `permits_of` groups them by zone id.
        rules: one per kind.
        cameras: by id.
        holidays: public holidays and make-up working days.
        default_vehicle: camera of a vehicle that names none.
        synthetic_positions: positions are made up; every page and report says so.
        sha256: of the folder's content, so that a verdict can be made again.
        public_map_crs: what maps that are handed out are written in.
        coverage: whether patrols keep a log of the ground they looked at.
        marked: by camera id, zones whose line its picture shows.
        terrain: how the ground rises; `None` for flat ground.
    """

    name: Text
    timezone: ZoneInfo
    bbox: tuple[float, float, float, float]
    patrol_area: BaseGeometry | None
    zones: ZoneIndex
    permits: tuple[Permit, ...]
    permits_of: Mapping[str, tuple[Permit, ...]]
    rules: Mapping[Kind, Rule]
    cameras: Mapping[str, Camera]
    camera_names: Mapping[str, Text]
    default_vehicle: VehicleCamera | None
    holidays: Holidays
    synthetic_positions: bool
    sha256: str
    public_map_crs: Crs = WGS84
    coverage: bool = True
    marked: Mapping[str, tuple[MarkedZone, ...]] = field(default_factory=dict[str, tuple[MarkedZone, ...]])
    terrain: Terrain | None = None

    def camera(self, camera_id: str) -> Camera:
        """The camera of an id.

        Raises:
            InputError: there is none; the message lists those there are.
        """
        if camera_id not in self.cameras:
            known = ", ".join(sorted(self.cameras)) or "none"
            raise InputError(f"the site has no camera {camera_id!r}; cameras.yaml names: {known}")
        return self.cameras[camera_id]


@dataclass(frozen=True, slots=True)
class SiteProblem:
    """One thing wrong in a site folder, and how to mend it.

    Attributes:
        file: path inside the folder.
        feature: id, or index from 0, of the feature, permit, camera or rule; `None` for the file itself.
        field: dotted name of the field; `None` for the whole entry.
        message: the bad value and the fix.
    """

    file: str
    feature: str | None
    field: str | None
    message: str

    def __str__(self) -> str:
        where = [self.file, f"feature {self.feature}" if self.feature is not None else None, self.field]
        return printable(": ".join([part for part in where if part] + [self.message]))
