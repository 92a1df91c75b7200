"""What the files of a site folder may hold: pydantic at the door, extra fields refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from detector.geo.zones import ZoneKind
from detector.site.rulebook import Line, TextIn, one_line

Lon = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Lat = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Id = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f/\\]{1,100}$"), AfterValidator(one_line)]
Metres = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
Angle = Annotated[float, Field(ge=-360, le=360, allow_inf_nan=False)]
Tilt = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
SigmaDeg = Annotated[float, Field(gt=0, le=180, allow_inf_nan=False)]
SwayDeg = Annotated[float, Field(ge=0, le=45, allow_inf_nan=False)]
SigmaM = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
ScheduleIn = Mapping[str, tuple[str, ...]]
DayName = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def _local_time(value: object) -> object:
    """A time of the site's wall clock, without an offset."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if "T" in value or " " in value.strip() else None
        except ValueError:
            value = None
    if not isinstance(value, datetime):
        raise ValueError("is no local date and time; write e.g. 2026-05-18T08:00")
    if value.tzinfo is not None:
        raise ValueError("carries an offset; write the site's own local time, e.g. 2026-05-18T08:00")
    return value


def _digits(value: object) -> object:
    """A code; YAML reads one without quotes as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _grid_code(value: str) -> str:
    if not re.fullmatch(r"[0-9]{14,16}", value):
        raise ValueError(f"{value!r} is no unit grid code: 14, 15 or 16 digits, the admin code first")
    return value


def _admin_code(value: str) -> str:
    if not re.fullmatch(r"[0-9]{6}([0-9]{3}){0,2}", value):
        raise ValueError(f"{value!r} is no admin code: 6 digits (county), 9 (street) or 12 (community)")
    return value


GridCode = Annotated[str, BeforeValidator(_digits), AfterValidator(_grid_code)]
AdminCode = Annotated[str, BeforeValidator(_digits), AfterValidator(_admin_code)]
LocalTime = Annotated[datetime, BeforeValidator(_local_time)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Valid(_Strict):
    valid_from: date | None = None
    valid_to: date | None = None
    ranges: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    season: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    schedule: ScheduleIn | None = None

    @model_validator(mode="after")
    def _ordered(self) -> _Valid:
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise ValueError(f"valid_to {self.valid_to} lies before valid_from {self.valid_from}")
        return self


class SiteIn(_Strict):
    """site.yaml."""

    schema_: Literal["kerbwatch-site/1"] = Field(alias="schema")
    name: TextIn
    timezone: Annotated[str, Field(max_length=100)]
    crs: str
    bbox: tuple[Lon, Lat, Lon, Lat]
    synthetic_positions: bool
    holidays: tuple[date, ...] = ()
    makeup: Mapping[date, DayName] = {}
    admin_code: AdminCode | None = None
    void_codes: tuple[GridCode, ...] = ()
    patrol_area: tuple[tuple[Lon, Lat], ...] | None = None
    default_vehicle_camera: str | None = None
    public_map_crs: Literal["WGS84", "GCJ02", "BD09"] = "WGS84"
    coverage: bool = True
    terrain_crs: Literal["WGS84"] | None = None

    @model_validator(mode="after")
    def _days(self) -> SiteIn:
        both = sorted(set(self.holidays) & set(self.makeup))
        if both:
            raise ValueError(f"{both[0]} is a holiday and a make-up working day; it can be only one of them")
        return self

    @model_validator(mode="after")
    def _box(self) -> SiteIn:
        west, south, east, north = self.bbox
        if not (west < east and south < north):
            raise ValueError(f"bbox {self.bbox} must be [west, south, east, north] with west < east, south < north")
        if north - south > 3.0 or east - west > 5.0:
            raise ValueError(f"bbox {self.bbox} is larger than 5 x 3 degrees; a site is one city, split it")
        return self


class ZoneIn(_Valid):
    """Properties of a zone feature."""

    id: Id
    kind: ZoneKind
    name: TextIn
    tolerance_m: Annotated[float, Field(ge=0, le=50, allow_inf_nan=False)] = 0.0
    capacity: Annotated[int, Field(ge=0, le=100000)] | None = None
    owner: Line | None = None
    goods: TextIn | None = None
    code: GridCode | None = None

    @model_validator(mode="after")
    def _fitting(self) -> ZoneIn:
        if self.goods is not None and self.kind not in (ZoneKind.VENDING_PITCH, ZoneKind.MARKET):
            raise ValueError(f"goods are for vending_pitch and market, not for {self.kind}; remove them")
        if self.code is not None and self.kind is not ZoneKind.GRID:
            raise ValueError(f"a code is for a grid, not for {self.kind}; remove it")
        return self


class PermitIn(_Valid):
    """One permit: bound to a zone, or to a point with a radius."""

    id: Id
    kind: Literal["vending", "filed_sign", "bike_parking", "occupation"]
    holder: Line
    zone: str | None = None
    point: tuple[Lon, Lat] | None = None
    radius_m: Annotated[float, Field(gt=0, le=50, allow_inf_nan=False)] = 3.0

    @model_validator(mode="after")
    def _bound(self) -> PermitIn:
        if (self.zone is None) == (self.point is None):
            raise ValueError("a permit is bound to a zone or to a point: give exactly one of them")
        if self.point is not None and self.kind != "filed_sign":
            raise ValueError(f"a {self.kind} permit is bound to a zone; only a filed_sign may name a point")
        return self


class PermitsIn(_Strict):
    """permits.yaml; the entries are read one by one, so that each problem names its own."""

    schema_: Literal["kerbwatch-permits/1"] = Field(alias="schema")
    permits: tuple[object, ...]


class ClosuresIn(_Strict):
    """closures.yaml; the entries are read one by one."""

    schema_: Literal["kerbwatch-closures/1"] = Field(alias="schema")
    closures: tuple[object, ...]


class ClosureIn(_Strict):
    """One closure: of zones by id, or of what is permitted in an area."""

    id: Id
    zones: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    area: Annotated[tuple[tuple[Lon, Lat], ...], Field(min_length=3)] | None = None
    from_: LocalTime = Field(alias="from")
    to: LocalTime
    reason: TextIn

    @model_validator(mode="after")
    def _sound(self) -> ClosureIn:
        if (self.zones is None) == (self.area is None):
            raise ValueError("a closure closes zones or an area: give exactly one of them")
        if self.to <= self.from_:
            raise ValueError(f"to {self.to} must lie after from {self.from_}")
        return self


class CamerasIn(_Strict):
    """cameras.yaml; the entries are read one by one."""

    schema_: Literal["kerbwatch-cameras/1"] = Field(alias="schema")
    cameras: tuple[object, ...]


class LensIn(_Strict):
    """A horizontal field of view, or a full calibration."""

    horizontal_fov_deg: Annotated[float, Field(ge=1, lt=170)] | None = None
    fx_px: Annotated[float, Field(ge=1, le=1e6)] | None = None
    fy_px: Annotated[float, Field(ge=1, le=1e6)] | None = None
    cx_px: Annotated[float, Field(ge=-1e5, le=1e5)] | None = None
    cy_px: Annotated[float, Field(ge=-1e5, le=1e5)] | None = None
    distortion: tuple[Annotated[float, Field(ge=-1000, le=1000)], ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> LensIn:
        full = [self.fx_px, self.fy_px, self.cx_px, self.cy_px]
        given = sum(value is not None for value in full)
        if (self.horizontal_fov_deg is None) != (given == 4) or given not in (0, 4):
            raise ValueError("give either horizontal_fov_deg, or all of fx_px, fy_px, cx_px, cy_px")
        if len(self.distortion) not in (0, 4, 5, 8):
            raise ValueError(f"distortion has {len(self.distortion)} numbers; OpenCV takes 4, 5 or 8")
        return self


class SigmasIn(_Strict):
    """One-sigma errors; what is left out is that of the profile. See `detector.geo.camera.CameraSigmas`."""

    pixel_px: Annotated[float, Field(gt=0, le=100)] | None = None
    heading_deg: SigmaDeg | None = None
    pitch_deg: SigmaDeg | None = None
    roll_deg: SigmaDeg | None = None
    ground_m: Annotated[float, Field(gt=0, le=5)] | None = None
    position_m: SigmaM | None = None


class CarriedSigmasIn(SigmasIn):
    """Those of a vehicle, which sways."""

    sway_pitch_deg: SwayDeg | None = None
    sway_roll_deg: SwayDeg | None = None
    sway_heading_deg: SwayDeg | None = None
    lean_deg: SigmaDeg | None = None


class GroundPointIn(_Strict):
    """One point marked in the picture and on the map."""

    pixel: tuple[Annotated[float, Field(allow_inf_nan=False)], Annotated[float, Field(allow_inf_nan=False)]]
    lon_lat: tuple[Lon, Lat]


Pixel = tuple[Annotated[float, Field(allow_inf_nan=False)], Annotated[float, Field(allow_inf_nan=False)]]


class MarkedIn(_Strict):
    """A zone's area on the ground, marked in the picture."""

    zone: str
    pixels: Annotated[tuple[Pixel, ...], Field(min_length=3)]


CameraHeight = Annotated[float, Field(gt=0, le=200, allow_inf_nan=False)]
Lever = Annotated[float, Field(ge=-20, le=20, allow_inf_nan=False)]


class _CameraIn(_Strict):
    id: Id
    name: TextIn
    image_px: tuple[Annotated[int, Field(ge=16, le=20000)], Annotated[int, Field(ge=16, le=20000)]]


class FixedCameraIn(_CameraIn):
    """A standing camera, by pose or by ground points."""

    type: Literal["fixed"]
    height_m: CameraHeight
    sigmas: SigmasIn = SigmasIn()
    lon_deg: Lon
    lat_deg: Lat
    heading_deg: Angle | None = None
    pitch_deg: Tilt | None = None
    roll_deg: Angle | None = None
    lens: LensIn | None = None
    ground_points: tuple[GroundPointIn, ...] | None = None
    max_residual_m: Annotated[float, Field(gt=0, le=10)] = 0.5
    marked: tuple[MarkedIn, ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> FixedCameraIn:
        pose = [self.heading_deg, self.pitch_deg, self.roll_deg, self.lens]
        if self.ground_points is None and any(value is None for value in pose):
            raise ValueError("a fixed camera needs heading_deg, pitch_deg, roll_deg and lens, or ground_points")
        if self.ground_points is not None and any(value is not None for value in pose):
            raise ValueError("a fixed camera has either a pose (heading_deg ... lens) or ground_points, not both")
        return self


class VehicleCameraIn(_CameraIn):
    """A camera on a vehicle; angles are of the mounting."""

    type: Literal["vehicle"]
    height_m: CameraHeight
    sigmas: CarriedSigmasIn = CarriedSigmasIn()
    profile: Literal["car", "e_bike"] | None = None
    yaw_deg: Angle
    pitch_deg: Tilt
    roll_deg: Angle = 0.0
    lever_right_m: Lever = 0.0
    lever_forward_m: Lever = 0.0
    lever_up_m: Lever = 0.0
    lens: LensIn


class DroneCameraIn(_CameraIn):
    """A camera on a drone's gimbal; pose and height come with every picture."""

    type: Literal["drone"]
    sigmas: SigmasIn = SigmasIn()
    lens: LensIn
