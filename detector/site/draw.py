"""A picture of a site: zones, hours, permits and cameras, as one SVG file that needs no network."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from detector.errors import InputError
from detector.geo.camera import Camera, FixedHomography, FixedPose, VehicleCamera
from detector.geo.plane import LocalPlane
from detector.geo.zones import Zone, ZoneKind
from detector.site.model import Site
from detector.vocabulary import Text

Array = NDArray[np.float64]

WIDTH_PX, PANEL_PX, MARGIN_PX, HEADER_PX = 1500, 330, 28, 92
MIN_MAP_PX, MAX_MAP_PX = 520, 1150
FAN_M = 14.0
"""How far a camera's fan is drawn; it sees farther."""
MAX_LABELS = 150
FONT = "'Noto Sans CJK SC','Noto Sans SC','Source Han Sans SC','PingFang SC','Microsoft YaHei',Arial,sans-serif"


@dataclass(frozen=True, slots=True)
class Style:
    """How a zone kind looks: fill, line, and its name."""

    fill: str
    line: str
    name: Text
    opacity: float = 0.55
    dashed: bool = False


STYLES: dict[ZoneKind, Style] = {
    ZoneKind.PUBLIC_GROUND: Style("#e9e2d3", "#b3a684", Text("公共场地", "public ground"), 0.9),
    ZoneKind.PRIORITY_ROAD: Style("#c9ccd3", "#8b919d", Text("重点道路", "priority road"), 0.9),
    ZoneKind.NO_VENDING: Style("#e4572e", "#b23a17", Text("禁止摆摊", "no vending"), 0.28, dashed=True),
    ZoneKind.NO_SIGNAGE: Style("#c2255c", "#8f1d45", Text("禁止设置广告", "no signage"), 0.25, dashed=True),
    ZoneKind.VENDING_PITCH: Style("#f2a65a", "#b9701f", Text("便民摊位", "vending pitch")),
    ZoneKind.MARKET: Style("#f6d55c", "#b0942a", Text("市场", "market")),
    ZoneKind.BIKE_BAY: Style("#3d8bd4", "#1f5d99", Text("非机动车停车区", "bike bay")),
    ZoneKind.SHOP_FRONTAGE: Style("#9b7fc4", "#6a4f96", Text("店面", "shop front"), 0.5),
    ZoneKind.SIGN_REGISTRY: Style("#3caea3", "#23766e", Text("已备案招牌", "filed sign")),
    ZoneKind.PRIVACY_EXCLUSION: Style("#3b3b3b", "#1d1d1d", Text("隐私区（不记录）", "privacy, not recorded"), 0.35),
    ZoneKind.BUILDING: Style("#d6d3ce", "#77736c", Text("建筑物", "building"), 0.8),
    ZoneKind.GRID: Style("none", "#7a8699", Text("网格", "grid"), 0.0, dashed=True),
}


def draw_site_map(site: Site, path: Path) -> None:
    """Draw a site to an ``.svg`` file, or to an ``.html`` page that holds it.

    Raises:
        InputError: `path` ends in neither.
    """
    svg = _Drawing(site).render()
    if path.suffix == ".svg":
        path.write_text(svg, encoding="utf-8")
    elif path.suffix == ".html":
        title = escape(site.name.both())
        page = f'<!doctype html><meta charset="utf-8"><title>{title}</title><body style="margin:0">{svg}</body>'
        path.write_text(page, encoding="utf-8")
    else:
        raise InputError(f"{path.name!r} is neither .svg nor .html; name the map e.g. site-map.svg")


_SHIFTS = tuple(
    sorted(
        ((down, right) for down in (0.0, 1.0, -1.0, 1.7, -1.7, 2.6, -2.6) for right in (0.0, 0.4, -0.4)),
        key=lambda shift: abs(shift[0]) + 2.0 * abs(shift[1]),
    )
)
"""Where a label may go when its own spot is taken, nearest first: heights down, widths to the right."""


@dataclass
class _Labels:
    """Labels that do not lie on each other: the first to come stays."""

    taken: list[tuple[float, float, float, float]] = field(default_factory=list[tuple[float, float, float, float]])

    def place(self, x: float, y: float, lines: Sequence[str], size: float) -> tuple[float, float] | None:
        """Middle of the label near (x, y), or `None` when there is no room."""
        width = max(_text_width(line, size) for line in lines)
        height = size * 1.25 * len(lines)
        for down, right in _SHIFTS:
            middle = x + right * width, y + down * height
            box = (middle[0] - width / 2, middle[1] - height / 2, middle[0] + width / 2, middle[1] + height / 2)
            if not any(
                box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]
                for other in self.taken
            ):
                self.taken.append(box)
                return middle
        return None


class _Drawing:
    """One site on one sheet."""

    def __init__(self, site: Site) -> None:
        self.site = site
        west, south, east, north = site.bbox
        self.plane = LocalPlane((west + east) / 2.0, (south + north) / 2.0)
        corners = self._extent()
        span = np.maximum(corners[1] - corners[0], 1.0)
        room = WIDTH_PX - PANEL_PX - 2 * MARGIN_PX
        self.scale = float(min(room / span[0], MAX_MAP_PX / span[1]))
        self.map_height = float(max(MIN_MAP_PX, span[1] * self.scale))
        middle = (corners[0] + corners[1]) / 2.0
        self.offset = np.array([MARGIN_PX + room / 2.0, HEADER_PX + self.map_height / 2.0])
        self.offset -= middle * (self.scale, -self.scale)
        self.room = room
        self.labels = _Labels()
        self.unnamed = 0

    def _extent(self) -> Array:
        shapes = [zone.polygon for zone in self.site.zones.zones]
        points = [shapely.get_coordinates(np.array(shapes, dtype=object))]
        places = [(c.lon_deg, c.lat_deg) for c in self.site.cameras.values() if not isinstance(c, VehicleCamera)]
        if places:
            points.append(np.array(places))
        metres = self.plane.east_north_m(np.concatenate(points))
        low, high = metres.min(axis=0), metres.max(axis=0)
        pad = 0.04 * float((high - low).max()) + 2.0
        return np.array([low - pad, high + pad])

    def _px(self, lon_lat_deg: Array | Sequence[tuple[float, float]]) -> Array:
        return self._px_of_metres(self.plane.east_north_m(lon_lat_deg))

    def _px_of_metres(self, metres: Array) -> Array:
        return metres * (self.scale, -self.scale) + self.offset

    def render(self) -> str:
        height = HEADER_PX + self.map_height + MARGIN_PX
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH_PX} {height:.0f}" width="{WIDTH_PX}" '
            f'height="{height:.0f}" font-family="{FONT}">',
            "<defs>",
            '<pattern id="hatch" width="9" height="9" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
            '<path d="M0 0V9" stroke="#b23a17" stroke-width="2.4" opacity=".45"/></pattern>',
            f'<clipPath id="sheet"><rect x="{MARGIN_PX}" y="{HEADER_PX}" width="{self.room}" '
            f'height="{self.map_height:.1f}" rx="8"/></clipPath>',
            "</defs>",
            f'<rect width="{WIDTH_PX}" height="{height:.0f}" fill="#ffffff"/>',
            *self._header(),
            '<g clip-path="url(#sheet)">',
            f'<rect x="0" y="0" width="{WIDTH_PX}" height="{height:.0f}" fill="#f7f5f0"/>',
            *self._patrol_area(),
            *self._zones(),
            *self._cameras(),
            *self._zone_labels(),
            *self._watermark(),
            "</g>",
            *self._scale_bar(),
            *self._north(),
            *self._panel(),
            "</svg>",
        ]
        return "\n".join(parts) + "\n"

    def _header(self) -> Iterable[str]:
        site = self.site
        yield _text(MARGIN_PX, 42, site.name.zh, 27, weight=700)
        yield _text(MARGIN_PX + _text_width(site.name.zh, 27) + 18, 42, site.name.en, 20, fill="#555")
        facts = (
            f"WGS-84 (EPSG:4326) · {site.timezone.key} · {len(site.zones)} 个区域 zones · {len(site.permits)} 个许可 "
            f"permits · {len(site.cameras)} 个摄像头 cameras · sha256 {site.sha256[:12]}"
        )
        yield _text(MARGIN_PX, 70, facts, 13.5, fill="#666")

    def _patrol_area(self) -> Iterable[str]:
        if self.site.patrol_area is not None:
            ring = self._px(shapely.get_coordinates(self.site.patrol_area))
            yield f'<path d="{_path([ring])}" fill="none" stroke="#2b8a3e" stroke-width="2.5" stroke-dasharray="12 6"/>'

    def _drawn(self) -> list[Zone]:
        """Large zones first, so that small ones lie on top."""
        return sorted(self.site.zones.zones, key=lambda zone: -zone.polygon.area)

    def _zones(self) -> Iterable[str]:
        for zone in self._drawn():
            style = STYLES[zone.kind]
            rings = [self._px(shapely.get_coordinates(ring)) for ring in _rings(zone)]
            path = _path(rings)
            dash = ' stroke-dasharray="7 4"' if style.dashed else ""
            yield (
                f'<path d="{path}" fill="{style.fill}" fill-opacity="{style.opacity}" fill-rule="evenodd" '
                f'stroke="{style.line}" stroke-width="1.6"{dash}><title>{escape(self._tip(zone))}</title></path>'
            )
            if zone.kind is ZoneKind.NO_VENDING:
                yield f'<path d="{path}" fill="url(#hatch)" fill-rule="evenodd" pointer-events="none"/>'

    def _tip(self, zone: Zone) -> str:
        style = STYLES[zone.kind]
        lines = [zone.name.both(), f"{style.name.both()} · {zone.zone_id}"]
        if zone.validity.schedule:
            lines.append(zone.validity.schedule.text.both())
        if zone.capacity is not None:
            lines.append(f"容量 · capacity {zone.capacity}")
        lines += [f"许可 · permit {p.permit_id}: {p.holder}" for p in self.site.permits_of.get(zone.zone_id, ())]
        return "\n".join(lines)

    def _zone_labels(self) -> Iterable[str]:
        written = 0
        for zone in reversed(self._drawn()):
            if written == MAX_LABELS:
                self.unnamed += 1
                continue
            lines = [zone.name.zh, zone.name.en]
            permits = self.site.permits_of.get(zone.zone_id, ())
            if permits:
                lines.append(f"许可 permit ×{len(permits)}")
            x, y = self._label_spot(zone, lines)
            middle = self.labels.place(x, y, lines, 13.0)
            if middle is None:
                self.unnamed += 1
            else:
                yield from _label(*middle, lines, 13.0)
                written += 1

    def _label_spot(self, zone: Zone, lines: Sequence[str]) -> tuple[float, float]:
        """Inside the zone where the label fits, else just above it, so that small zones stay in sight."""
        spot = zone.polygon.representative_point()
        ((x, y),) = self._px([(spot.x, spot.y)]).tolist()
        outline = self._px(shapely.get_coordinates(zone.polygon))
        top, height = float(outline[:, 1].min()), float(np.ptp(outline[:, 1]))
        fits = height > 18.0 * len(lines) and float(np.ptp(outline[:, 0])) > 0.7 * _text_width(lines[0], 13.0)
        return x, y if fits else top - 8.5 * len(lines)

    def _cameras(self) -> Iterable[str]:
        for name, camera in self.site.cameras.items():
            if isinstance(camera, VehicleCamera):
                continue
            ((x, y),) = self._px([(camera.lon_deg, camera.lat_deg)]).tolist()
            fan = self._fan(camera)
            yield (
                f'<path d="{_path([fan])}" fill="#1864ab" fill-opacity=".20" stroke="#1864ab" stroke-width="1.4" '
                f'stroke-linejoin="round"/>'
            )
            title = escape(f"{self.site.camera_names[name].both()} · {name}")
            yield (
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="#1864ab" stroke="#fff" stroke-width="2">'
                f"<title>{title}</title></circle>"
            )
            self.labels.taken.append((x - 10, y - 10, x + 10, y + 10))
            lines = [self.site.camera_names[name].zh, name]
            middle = self.labels.place(x, y + 26, lines, 12.5)
            if middle is not None:
                yield from _label(*middle, lines, 12.5, fill="#0b4884")

    def _fan(self, camera: FixedPose | FixedHomography) -> Array:
        """Outline of the view on the map, px: the camera and an arc `FAN_M` away."""
        left, right = view_bearings_deg(camera)
        bearing = np.radians(np.linspace(left, right, 24))
        origin = self.plane.east_north_m((camera.lon_deg, camera.lat_deg))
        arc = origin + FAN_M * np.column_stack((np.sin(bearing), np.cos(bearing)))
        return self._px_of_metres(np.concatenate((origin, arc)))

    def _watermark(self) -> Iterable[str]:
        if not self.site.synthetic_positions:
            return
        x, y = MARGIN_PX + self.room / 2.0, HEADER_PX + self.map_height / 2.0
        for shift in (-0.28, 0.28):
            line = y + shift * self.map_height
            yield (
                f'<text x="{x:.0f}" y="{line:.0f}" font-size="40" font-weight="700" fill="#c92a2a" fill-opacity=".13" '
                f'text-anchor="middle" transform="rotate(-8 {x:.0f} {line:.0f})">虚拟位置 · SYNTHETIC POSITIONS</text>'
            )

    def _scale_bar(self) -> Iterable[str]:
        metres = max(value for value in _NICE_M if value * self.scale <= 260 or value == _NICE_M[0])
        length = metres * self.scale
        x, y = MARGIN_PX + 22, HEADER_PX + self.map_height - 24
        unit = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
        plate = f'width="{length + 20:.1f}" height="38" rx="5" fill="#fff" opacity=".85"'
        yield f'<rect x="{x - 10}" y="{y - 26}" {plate}/>'
        yield f'<path d="M{x} {y - 5}v5h{length:.1f}v-5" fill="none" stroke="#222" stroke-width="2"/>'
        yield _text(x + length / 2, y - 9, unit, 13, anchor="middle")

    def _north(self) -> Iterable[str]:
        x, y = MARGIN_PX + self.room - 36, HEADER_PX + 22
        yield f'<circle cx="{x}" cy="{y + 22}" r="27" fill="#fff" opacity=".85"/>'
        yield f'<path d="M{x} {y + 2}l9 28l-9 -6l-9 6z" fill="#222"/>'
        yield _text(x, y + 45, "北 N", 12, anchor="middle")

    def _panel(self) -> Iterable[str]:
        x, y = WIDTH_PX - PANEL_PX, HEADER_PX + 18.0
        yield _text(x, y, "图例 · Legend", 16, weight=700)
        used = {zone.kind for zone in self.site.zones.zones}
        for kind, style in STYLES.items():
            if kind not in used:
                continue
            y += 29
            dash = ' stroke-dasharray="5 3"' if style.dashed else ""
            yield (
                f'<rect x="{x}" y="{y - 14:.0f}" width="26" height="18" rx="3" fill="{style.fill}" '
                f'fill-opacity="{style.opacity}" stroke="{style.line}" stroke-width="1.6"{dash}/>'
            )
            if kind is ZoneKind.NO_VENDING:
                yield f'<rect x="{x}" y="{y - 14:.0f}" width="26" height="18" rx="3" fill="url(#hatch)"/>'
            yield _text(x + 36, y, style.name.both(), 14)
        y += 29
        yield f'<circle cx="{x + 13}" cy="{y - 5:.0f}" r="7" fill="#1864ab"/>'
        yield _text(x + 36, y, "固定摄像头 · standing camera", 14)
        vehicles = [name for name, camera in self.site.cameras.items() if isinstance(camera, VehicleCamera)]
        if vehicles:
            y += 29
            yield _text(x, y, "车载 · on vehicles: " + ", ".join(vehicles), 13, fill="#555")
        if self.site.patrol_area is not None:
            y += 29
            dashed = 'stroke="#2b8a3e" stroke-width="2.5" stroke-dasharray="8 4"'
            yield f'<path d="M{x} {y - 5:.0f}h26" {dashed}/>'
            yield _text(x + 36, y, "巡查区域 · patrolled area", 14)
        if self.unnamed:
            y += 29
            yield _text(x, y, f"{self.unnamed} 个名称放不下，悬停可见", 13, fill="#555")
            y += 18
            yield _text(x, y, f"{self.unnamed} names had no room: hover to read", 13, fill="#555")
        yield from self._hours(x, y + 44)

    def _hours(self, x: float, y: float) -> Iterable[str]:
        timed = [zone for zone in self.site.zones.zones if zone.validity.schedule is not None]
        if not timed:
            return
        yield _text(x, y, "时段 · Hours", 16, weight=700)
        for zone in timed:
            if y > HEADER_PX + self.map_height - 50:
                yield _text(x, y + 20, "…", 13)
                return
            y += 26
            yield _text(x, y, zone.name.both(), 13, weight=600)
            for part in zone.validity.schedule.text.en.split("; ") if zone.validity.schedule else ():
                y += 18
                yield _text(x + 8, y, part, 12.5, fill="#555")


_NICE_M = tuple(base * 10**power for power in range(5) for base in (1, 2, 5))


def view_bearings_deg(camera: Camera) -> tuple[float, float]:
    """Bearings of the left and right edge of a standing camera's view, degrees from north, right >= left."""
    if isinstance(camera, FixedPose):
        half = float(np.degrees(np.arctan(camera.lens.width_px / 2.0 / camera.lens.fx_px)))
        return camera.heading_deg - half, camera.heading_deg + half
    if isinstance(camera, FixedHomography):
        edges = np.array([[0.0, camera.height_px - 1.0, 1.0], [camera.width_px - 1.0, camera.height_px - 1.0, 1.0]])
        mapped = edges @ np.array(camera.matrix).T
        east_north = mapped[:, :2] / mapped[:, 2:]
        left, right = np.degrees(np.arctan2(east_north[:, 0], east_north[:, 1])).tolist()
        return left, left + (right - left) % 360.0
    raise InputError(f"camera {camera.camera_id!r} rides on a vehicle; it has no view on the map")


def _rings(zone: Zone) -> list[shapely.LinearRing]:
    rings: list[shapely.LinearRing] = []
    for part in shapely.get_parts(zone.polygon).tolist():
        rings += [part.exterior, *part.interiors]
    return rings


def _path(rings: Sequence[Array]) -> str:
    return "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in ring.tolist()) + "Z" for ring in rings)


def _text_width(text: str, size: float) -> float:
    return sum(size if unicodedata.east_asian_width(char) in "WFA" else 0.56 * size for char in text)


def _text(
    x: float, y: float, text: str, size: float, *, fill: str = "#222", weight: int = 400, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{fill}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def _label(x: float, middle: float, lines: Sequence[str], size: float, *, fill: str = "#222") -> Iterable[str]:
    """Lines on a halo, so that they read on any ground."""
    top = middle - size * 1.25 * (len(lines) - 1) / 2.0 + size * 0.35
    for number, line in enumerate(lines):
        weight, own = (700, size) if number == 0 else (400, size * 0.9)
        yield (
            f'<text x="{x:.1f}" y="{top + number * size * 1.25:.1f}" font-size="{own:.1f}" font-weight="{weight}" '
            f'fill="{fill}" stroke="#fff" stroke-width="3" stroke-opacity=".85" paint-order="stroke" '
            f'stroke-linejoin="round" text-anchor="middle" pointer-events="none">{escape(line)}</text>'
        )
