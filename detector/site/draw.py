"""A picture of a site: zones, hours, permits and cameras, as one SVG file that needs no network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from types import MappingProxyType

import numpy as np
import shapely

from detector.errors import InputError
from detector.geo.camera import Camera, FixedHomography, FixedPose
from detector.geo.plane import LocalPlane
from detector.geo.zones import Zone
from detector.output import write_whole
from detector.site.map_panel import Panel
from detector.site.map_style import STYLES, patterns, shape, style_of
from detector.site.model import Site
from detector.site.states import ZoneState, calendar_words, zone_states
from detector.site.svg import FONT, Array, Labels, label, path, text, text_width

WIDTH_PX, PANEL_PX, MARGIN_PX, HEADER_PX = 1500, 350, 28, 92
MIN_MAP_PX, MAX_MAP_PX, MAX_PANEL_PX = 520, 1150, 1250
FAN_M = 14.0
"""How far a camera's fan is drawn; it sees farther."""
MAX_LABELS, MAX_TRIES = 150, 600
"""Names on the map, and zones that are tried: in a whole city most find no room."""
_NO_STATES: Mapping[str, ZoneState] = MappingProxyType({})


def draw_site_map(site: Site, target: Path, at: datetime | None = None) -> None:
    """Draw a site to an ``.svg`` file, or to an ``.html`` page that holds it.

    Args:
        at: aware time whose state to show: what is in force then, what is out of its hours or season, what is closed
            or lacks a permit. `None` for the map of all times.

    Raises:
        InputError: `target` ends in neither, or cannot be written.
        TransientError: the disk is full.
    """
    svg = _Drawing(site, at).render()
    if target.suffix == ".svg":
        write_whole(target, svg)
    elif target.suffix == ".html":
        title = escape(site.name.both())
        page = f'<!doctype html><meta charset="utf-8"><title>{title}</title><body style="margin:0">{svg}</body>'
        write_whole(target, page)
    else:
        raise InputError(f"{target.name!r} is neither .svg nor .html; name the map e.g. site-map.svg")


class _Drawing:
    """One site on one sheet."""

    def __init__(self, site: Site, at: datetime | None) -> None:
        self.site = site
        self.at = at.astimezone(site.timezone) if at else None
        self.states = zone_states(site, at) if at else _NO_STATES
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
        self.labels = Labels()
        self.unnamed = 0

    def _extent(self) -> Array:
        shapes = [zone.polygon for zone in self.site.zones.zones]
        points = [shapely.get_coordinates(np.array(shapes, dtype=object))]
        places = [(camera.lon_deg, camera.lat_deg) for _, camera in self._standing()]
        if places:
            points.append(np.array(places))
        metres = self.plane.east_north_m(np.concatenate(points))
        low, high = metres.min(axis=0), metres.max(axis=0)
        pad = 0.04 * float((high - low).max()) + 2.0
        return np.array([low - pad, high + pad])

    def _standing(self) -> list[tuple[str, FixedPose | FixedHomography]]:
        """Cameras that have a place on the map."""
        return [(n, c) for n, c in self.site.cameras.items() if isinstance(c, FixedPose | FixedHomography)]

    def _px(self, lon_lat_deg: Array | Sequence[tuple[float, float]]) -> Array:
        return self._px_of_metres(self.plane.east_north_m(lon_lat_deg))

    def _px_of_metres(self, metres: Array) -> Array:
        return metres * (self.scale, -self.scale) + self.offset

    def render(self) -> str:
        """The whole sheet: the map on the left, the panel on the right, as high as the higher of the two."""
        names = [*self._cameras(), *self._zone_labels()]
        panel = Panel(self.site, self.states, WIDTH_PX - PANEL_PX, HEADER_PX + 18.0, PANEL_PX - MARGIN_PX, MAX_PANEL_PX)
        beside = list(panel.render(self.unnamed))
        height = max(HEADER_PX + self.map_height, panel.y) + MARGIN_PX
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH_PX} {height:.0f}" width="{WIDTH_PX}" '
            f'height="{height:.0f}" font-family="{FONT}">',
            "<defs>",
            *patterns(),
            f'<clipPath id="sheet"><rect x="{MARGIN_PX}" y="{HEADER_PX}" width="{self.room}" '
            f'height="{self.map_height:.1f}" rx="8"/></clipPath>',
            "</defs>",
            f'<rect width="{WIDTH_PX}" height="{height:.0f}" fill="#ffffff"/>',
            *self._header(),
            '<g clip-path="url(#sheet)">',
            f'<rect x="0" y="0" width="{WIDTH_PX}" height="{height:.0f}" fill="#f7f5f0"/>',
            *self._patrol_area(),
            *self._zones(),
            *names,
            *self._watermark(),
            "</g>",
            *self._scale_bar(),
            *self._north(),
            *beside,
            "</svg>",
        ]
        return "\n".join(parts) + "\n"

    def _header(self) -> Iterable[str]:
        site = self.site
        yield text(MARGIN_PX, 42, site.name.zh, 27, weight=700)
        yield text(MARGIN_PX + text_width(site.name.zh, 27) + 18, 42, site.name.en, 20, fill="#555")
        facts = (
            f"WGS-84 (EPSG:4326) · {site.timezone.key} · {len(site.zones)} 个区域 zones · {len(site.permits)} 个许可 "
            f"permits · {len(site.cameras)} 个摄像头 cameras · sha256 {site.sha256[:12]}"
        )
        yield text(MARGIN_PX, 70, facts, 13.5, fill="#666")
        if self.at is not None:
            right = WIDTH_PX - MARGIN_PX
            day = f"{_WEEKDAYS[self.at.weekday()]} {self.at:%a}"
            yield text(right, 42, f"{self.at:%Y-%m-%d}  {self.at:%H:%M}", 25, weight=700, anchor="end")
            yield text(right, 70, f"{day} · 此时生效的 · what is in force", 13.5, fill="#666", anchor="end")

    def _patrol_area(self) -> Iterable[str]:
        if self.site.patrol_area is not None:
            ring = self._px(shapely.get_coordinates(self.site.patrol_area))
            yield f'<path d="{path([ring])}" fill="none" stroke="#2b8a3e" stroke-width="2.5" stroke-dasharray="12 6"/>'

    def _drawn(self) -> list[Zone]:
        """Large zones first, so that small ones lie on top."""
        return sorted(self.site.zones.zones, key=lambda zone: -zone.polygon.area)

    def _zones(self) -> Iterable[str]:
        for zone in self._drawn():
            outline = path([self._px(shapely.get_coordinates(ring)) for ring in _rings(zone)])
            yield from shape(outline, style_of(zone.kind, self.states.get(zone.zone_id)), escape(self._tip(zone)))

    def _tip(self, zone: Zone) -> str:
        lines = [zone.name.both(), f"{STYLES[zone.kind].name.both()} · {zone.zone_id}"]
        if zone.zone_id in self.states:
            lines.append(self.states[zone.zone_id].words.both())
        lines += [words.both() for words in calendar_words(zone.validity)]
        if zone.capacity is not None:
            lines.append(f"容量 · capacity {zone.capacity}")
        if zone.goods is not None:
            lines.append(f"许可经营 · permitted for: {zone.goods.both()}")
        if zone.owner is not None:
            lines.append(f"责任人 · owner: {zone.owner}")
        lines += [f"许可 · permit {p.permit_id}: {p.holder}" for p in self.site.permits_of.get(zone.zone_id, ())]
        return "\n".join(lines)

    def _zone_labels(self) -> Iterable[str]:
        written = 0
        for tried, zone in enumerate(reversed(self._drawn())):
            if written == MAX_LABELS or tried >= MAX_TRIES:
                self.unnamed += 1
                continue
            lines = self._name(zone)
            x, y = self._label_spot(zone, lines)
            middle = self.labels.place(x, y, lines, 13.0)
            if middle is None:
                self.unnamed += 1
            else:
                yield from label(*middle, lines, 13.0)
                written += 1

    def _name(self, zone: Zone) -> list[str]:
        state = self.states.get(zone.zone_id)
        if state is not None and (state.until is not None or not state.in_force):
            return [zone.name.zh, zone.name.en, state.label.both()]
        permits = self.site.permits_of.get(zone.zone_id, ())
        return [zone.name.zh, zone.name.en, *([f"许可 permit ×{len(permits)}"] if permits else [])]

    def _label_spot(self, zone: Zone, lines: Sequence[str]) -> tuple[float, float]:
        """Inside the zone where the label fits, else just above it, so that small zones stay in sight."""
        spot = zone.polygon.representative_point()
        ((x, y),) = self._px([(spot.x, spot.y)]).tolist()
        outline = self._px(shapely.get_coordinates(zone.polygon))
        top, height = float(outline[:, 1].min()), float(np.ptp(outline[:, 1]))
        fits = height > 18.0 * len(lines) and float(np.ptp(outline[:, 0])) > 0.7 * text_width(lines[0], 13.0)
        return x, y if fits else top - 8.5 * len(lines)

    def _cameras(self) -> Iterable[str]:
        for name, camera in self._standing():
            ((x, y),) = self._px([(camera.lon_deg, camera.lat_deg)]).tolist()
            fan = self._fan(camera)
            yield (
                f'<path d="{path([fan])}" fill="#1864ab" fill-opacity=".20" stroke="#1864ab" stroke-width="1.4" '
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
                yield from label(*middle, lines, 12.5, fill="#0b4884")

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
        yield text(x + length / 2, y - 9, unit, 13, anchor="middle")

    def _north(self) -> Iterable[str]:
        x, y = MARGIN_PX + self.room - 36, HEADER_PX + 22
        yield f'<circle cx="{x}" cy="{y + 22}" r="27" fill="#fff" opacity=".85"/>'
        yield f'<path d="M{x} {y + 2}l9 28l-9 -6l-9 6z" fill="#222"/>'
        yield text(x, y + 45, "北 N", 12, anchor="middle")


_WEEKDAYS = tuple(f"周{day}" for day in "一二三四五六日")
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
