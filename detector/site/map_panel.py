"""The panel beside the map: what the colours mean, and when what holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from detector.geo.camera import VehicleCamera
from detector.geo.schedule import ALWAYS, Standing
from detector.geo.zones import Zone
from detector.site.map_style import CLOSED, OFF, STYLES, Style, shape
from detector.site.model import Site
from detector.site.states import ZoneState, calendar_words
from detector.site.svg import text, wrapped

_GREY = "#555"
_DOTS = {True: "#2b8a3e", False: "#868e96"}


@dataclass
class Panel:
    """A column of lines at `x`, from `y` down to `bottom` at most, `width` px wide."""

    site: Site
    states: Mapping[str, ZoneState]
    x: float
    y: float
    width: float
    bottom: float

    def render(self, unnamed: int) -> Iterable[str]:
        """Legend, then hours; `unnamed` zones had no room for their name on the map."""
        yield text(self.x, self.y, "图例 · Legend", 16, weight=700)
        yield from self._kinds()
        yield from self._others()
        if unnamed:
            yield self._line(f"{unnamed} 个名称放不下，悬停可见", 29)
            yield self._line(f"{unnamed} names had no room: hover to read", 18)
        self.y += 44
        yield from self._times()

    def _kinds(self) -> Iterable[str]:
        used = {zone.kind for zone in self.site.zones.zones}
        for kind, style in STYLES.items():
            if kind in used:
                yield from self._swatch(style)
        off = [state for state in self.states.values() if not state.in_force]
        if any(state.standing is not Standing.CLOSED for state in off):
            yield from self._swatch(OFF)
        if any(state.standing is Standing.CLOSED for state in off):
            yield from self._swatch(CLOSED)

    def _swatch(self, style: Style) -> Iterable[str]:
        self.y += 29
        top, x = self.y - 14, self.x
        yield from shape(f"M{x} {top:.0f}h26v18h-26z", style)
        yield text(x + 36, self.y, style.name.both(), 14)

    def _others(self) -> Iterable[str]:
        if any(not isinstance(camera, VehicleCamera) for camera in self.site.cameras.values()):
            self.y += 29
            yield f'<circle cx="{self.x + 13}" cy="{self.y - 5:.0f}" r="7" fill="#1864ab"/>'
            yield text(self.x + 36, self.y, "固定摄像头 · standing camera", 14)
        vehicles = [name for name, camera in self.site.cameras.items() if isinstance(camera, VehicleCamera)]
        if vehicles:
            yield self._line("车载 · on vehicles: " + ", ".join(vehicles), 29)
        if self.site.patrol_area is not None:
            self.y += 29
            dashed = 'stroke="#2b8a3e" stroke-width="2.5" stroke-dasharray="8 4"'
            yield f'<path d="M{self.x} {self.y - 5:.0f}h26" {dashed}/>'
            yield text(self.x + 36, self.y, "巡查区域 · patrolled area", 14)

    def _times(self) -> Iterable[str]:
        timed = [zone for zone in self.site.zones.zones if zone.validity != ALWAYS or self._off(zone)]
        if not timed:
            return
        now = bool(self.states)
        yield text(self.x, self.y, "此时 · At this time" if now else "时段 · Hours", 16, weight=700)
        for number, zone in enumerate(timed):
            lines = list(self._about(zone))
            if self.y + 18 * len(lines) + 8 > self.bottom:
                left = len(timed) - number
                yield self._line(f"… 另有 {left} 处，悬停可见 · {left} more: hover to read", 24)
                return
            self.y += 8
            for words, size, weight, fill in lines:
                self.y += 18
                yield text(self.x + (14 if now else 0), self.y, words, size, weight=weight, fill=fill)
            if now:
                dot = self.y - 18 * (len(lines) - 1) - 5
                yield f'<circle cx="{self.x + 5}" cy="{dot:.0f}" r="5" fill="{self._dot(zone)}"/>'

    def _about(self, zone: Zone) -> Iterable[tuple[str, float, int, str]]:
        """Lines on a zone: text, size, weight, colour."""
        for line in wrapped(zone.name.both(), 13, self.width - 14):
            yield line, 13, 600, "#222"
        state = self.states.get(zone.zone_id)
        for words in [state.words] if state else calendar_words(zone.validity):
            for line in (words.zh, words.en) if words.zh != words.en else (words.zh,):
                yield from ((part, 12.5, 400, _GREY) for part in wrapped(line, 12.5, self.width - 14))

    def _off(self, zone: Zone) -> bool:
        state = self.states.get(zone.zone_id)
        return state is not None and not state.in_force

    def _dot(self, zone: Zone) -> str:
        state = self.states[zone.zone_id]
        return CLOSED.line if state.standing is Standing.CLOSED else _DOTS[state.in_force]

    def _line(self, words: str, down: float) -> str:
        self.y += down
        return text(self.x, self.y, words, 13, fill=_GREY)
