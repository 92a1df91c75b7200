"""A map as one SVG file that needs no network: ground in metres on a sheet, with title, scale, north and legend."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detector.errors import InputError
from detector.geo.plane import LocalPlane
from edge.durable import write_atomic

Array = NDArray[np.float64]

WIDTH_PX, PANEL_PX, MARGIN_PX, HEADER_PX = 1400, 330, 28, 92
_MAP_MIN_PX, _MAP_MAX_PX = 420, 1100
_FONT: Final = "'Noto Sans CJK SC','Noto Sans SC','Source Han Sans SC','PingFang SC','Microsoft YaHei',Arial,sans-serif"
_NICE_M = tuple(base * 10**power for power in range(6) for base in (1, 2, 5))


class Sheet:
    """One map. Draw on it, then `save` it."""

    def __init__(self, title: str, subtitle: str, corners_deg: ArrayLike) -> None:
        """Args: corners_deg: (N, 2) longitude, latitude of what must find room on it."""
        corners = np.asarray(corners_deg, np.float64).reshape(-1, 2)
        middle = (corners.min(axis=0) + corners.max(axis=0)) / 2.0
        self._plane = LocalPlane(*middle.tolist())
        metres = self._plane.east_north_m(corners)
        low, high = metres.min(axis=0), metres.max(axis=0)
        pad_m = 0.03 * float((high - low).max()) + 5.0
        low, high = low - pad_m, high + pad_m
        room_px = WIDTH_PX - PANEL_PX - 2 * MARGIN_PX
        self.scale = float(min(room_px / (high - low)[0], _MAP_MAX_PX / (high - low)[1]))
        self._map_px = float(max((high - low)[1] * self.scale, _MAP_MIN_PX))
        self._room_px = room_px
        centre = (low + high) / 2.0
        self._offset = np.array([MARGIN_PX + room_px / 2.0, HEADER_PX + self._map_px / 2.0])
        self._offset = self._offset - centre * (self.scale, -self.scale)
        self._title, self._subtitle = title, subtitle
        self._drawn: list[str] = []
        self._panel: list[str] = []
        self._panel_y = HEADER_PX + 18.0

    def px(self, lon_lat_deg: ArrayLike) -> Array:
        """(N, 2) longitude, latitude -> (N, 2) x, y on the sheet."""
        return self._plane.east_north_m(lon_lat_deg) * (self.scale, -self.scale) + self._offset

    def ring(
        self, lon_lat_deg: ArrayLike, *, fill: str, line: str = "none", opacity: float = 1.0, tip: str = ""
    ) -> None:
        """A filled polygon with a text that shows under the pointer."""
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in self.px(lon_lat_deg).tolist())
        inside = f"<title>{escape(tip)}</title>" if tip else ""
        self._drawn.append(
            f'<polygon points="{points}" fill="{fill}" fill-opacity="{opacity}" stroke="{line}">{inside}</polygon>'
        )

    def note(self, lon_lat_deg: tuple[float, float], lines: Sequence[str]) -> None:
        """Text on the map around a point."""
        ((x, y),) = self.px([lon_lat_deg]).tolist()
        for number, line in enumerate(lines):
            down = y + 16.0 * (number - (len(lines) - 1) / 2.0) + 5.0
            halo = 'stroke="#fff" stroke-width="3" paint-order="stroke"'
            self._drawn.append(_text(x, down, line, 13.0, weight=700 if number == 0 else 400, more=f"{halo} {_MIDDLE}"))

    def heading(self, text: str) -> None:
        """A heading in the legend."""
        self._panel_y += 38.0 if self._panel else 0.0
        self._panel.append(_text(self._panel_x, self._panel_y, text, 16.0, weight=700))
        self._panel_y += 6.0

    def key(self, fill: str, text: str, *, line: str = "#888") -> None:
        """A colour of the legend."""
        self._panel_y += 26.0
        box = f'x="{self._panel_x}" y="{self._panel_y - 14:.0f}" width="26" height="18" rx="3"'
        self._panel.append(f'<rect {box} fill="{fill}" stroke="{line}"/>')
        self._panel.append(_text(self._panel_x + 36, self._panel_y, text, 13.5))

    def say(self, text: str) -> None:
        """A line of text in the legend."""
        self._panel_y += 21.0
        self._panel.append(_text(self._panel_x, self._panel_y, text, 13.0, fill="#444"))

    def save(self, path: Path) -> None:
        """Write ``.svg``, or ``.html`` that holds it.

        Raises:
            InputError: `path` ends in neither, or cannot be written.
        """
        svg = self.render()
        if path.suffix == ".html":
            title = escape(self._title)
            # As wide as the window, so that the legend is never beyond its edge.
            style = "<style>body{margin:0}svg{max-width:100%;height:auto}</style>"
            svg = f'<!doctype html><meta charset="utf-8"><title>{title}</title>{style}<body>{svg}</body>\n'
        elif path.suffix != ".svg":
            raise InputError(f"{path.name!r} is neither .svg nor .html; name the map e.g. map.svg")
        write_atomic(path, svg.encode())

    def render(self) -> str:
        """The SVG."""
        height = max(HEADER_PX + self._map_px, self._panel_y) + MARGIN_PX
        frame = f'x="{MARGIN_PX}" y="{HEADER_PX}" width="{self._room_px}" height="{self._map_px:.1f}" rx="8"'
        size = f'viewBox="0 0 {WIDTH_PX} {height:.0f}" width="{WIDTH_PX}" height="{height:.0f}"'
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{_FONT}">',
            f'<defs><clipPath id="sheet"><rect {frame}/></clipPath></defs>',
            f'<rect width="{WIDTH_PX}" height="{height:.0f}" fill="#fff"/>',
            _text(MARGIN_PX, 42, self._title, 26.0, weight=700),
            _text(MARGIN_PX, 70, self._subtitle, 13.5, fill="#666"),
            f'<rect {frame} fill="#f7f5f0"/><g clip-path="url(#sheet)" shape-rendering="crispEdges">',
            *self._drawn,
            "</g>",
            *self._scale_bar(),
            *self._panel,
            "</svg>",
        ]
        return "\n".join(parts) + "\n"

    @property
    def _panel_x(self) -> float:
        return WIDTH_PX - PANEL_PX

    def _scale_bar(self) -> Iterable[str]:
        metres = max(value for value in _NICE_M if value * self.scale <= 260 or value == _NICE_M[0])
        x, y, length = MARGIN_PX + 22, HEADER_PX + self._map_px - 24, metres * self.scale
        unit = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
        plate = f'x="{x - 10}" y="{y - 26}" width="{length + 20:.1f}" height="38" rx="5"'
        yield f'<rect {plate} fill="#fff" opacity=".85"/>'
        yield f'<path d="M{x} {y - 5}v5h{length:.1f}v-5" fill="none" stroke="#222" stroke-width="2"/>'
        yield _text(x + length / 2, y - 9, unit, 13.0, more=_MIDDLE)
        north = MARGIN_PX + self._room_px - 36
        yield f'<path d="M{north} {HEADER_PX + 20}l9 28l-9 -6l-9 6z" fill="#222"/>'
        yield _text(north, HEADER_PX + 66, "北 N", 12.0, more=_MIDDLE)


_MIDDLE: Final = 'text-anchor="middle" pointer-events="none"'


def _text(
    x: float, y: float, text: str, size_px: float, *, fill: str = "#222", weight: int = 400, more: str = ""
) -> str:
    style = f'font-size="{size_px}" font-weight="{weight}" fill="{fill}" {more}'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'
