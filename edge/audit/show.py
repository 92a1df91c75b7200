"""An audit as a table, a CSV file and a map."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Final

import shapely
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from detector.geo.zones import ZoneKind
from detector.site.model import Site
from detector.vocabulary import vocabulary
from edge.audit.grids import Audit, Rate
from edge.durable import write_atomic
from edge.sheet import Sheet

_SHADES: Final = ("#fff5eb", "#fdd0a2", "#fd8d3c", "#d94801", "#7f2704")
_HEAD: Final = (
    *("grid_id", "kind", "violations", "unsure", "looks", "km"),
    *("reports_per_km", "low_95", "high_95", "p_corrected", "flagged"),
)
_NO_WAY: Final = "#e6e6e6"
_OUTSIDE: Final = "网格外 · outside every grid"
_MEANING: Final = (
    "标记只表示差异超出偶然，不表示处置有误，请人工核查原因 · "
    "a flag says that a rate differs by more than chance, not that anything was wrong: a person looks for the reason"
)


def print_audit(console: Console, site: Site, done: Audit) -> None:
    """Print the table and what could not be counted."""
    table = Table(title="各网格报告率 · Reports by grid", title_justify="left")
    for heading in ("网格 grid", "类型 kind"):
        table.add_column(heading, overflow="fold")
    for heading in ("违规 violation", "待定 unsure", "清晰 km", "每公里 per km", "95 %", "p"):
        table.add_column(heading, justify="right")
    for rate in done.rates:
        style = "bold red" if rate.flagged else ""
        table.add_row(escape(grid_name(site, rate.grid_id)), kind_name(rate), *_numbers(rate), style=style)
    console.print(table)
    if done.flagged:
        console.print(f"[bold red]标记 · flagged: {len(done.flagged)}[/]  {_MEANING}", highlight=False)
    else:
        console.print("各网格之间没有超出偶然的差异 · no grid differs from the others by more than chance")
    for count, words in (
        (done.unplaced, "份报告位置未知 · reports without a place"),
        (done.standing, "份来自固定摄像头，无里程 · reports of standing cameras, which drive no kilometres"),
        (done.unlogged, "份所属巡查没有覆盖记录 · reports of patrols without a coverage log"),
    ):
        if count:
            console.print(f"未计入 · not counted: {count} {words}", highlight=False)
    for one, other in done.overlaps:
        console.print(f"[yellow]网格重叠 · grids overlap: {escape(one)}, {escape(other)}[/]")


def write_csv(done: Audit, path: Path) -> None:
    """Write every rate as a line of CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEAD)
    for rate in done.rates:
        kind = rate.kind.value if rate.kind else "all"
        numbers = [_short(v, 4) for v in (rate.km, rate.per_km, rate.low, rate.high, rate.p)]
        counts = [rate.violations, rate.unsure, rate.looks]
        writer.writerow([_as_text(rate.grid_id), kind, *counts, *numbers, int(rate.flagged)])
    write_atomic(path, text.getvalue().encode())


def _as_text(name: str) -> str:
    """A name that no spreadsheet takes for a formula (OWASP, "CSV Injection"): an apostrophe says that it is text."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@")) else name


def draw_audit(site: Site, done: Audit, path: Path) -> None:
    """Draw the rates of all kinds together: shade by rate, a thick line around what is flagged."""
    grids = {z.zone_id: z for z in site.zones.zones if z.kind is ZoneKind.GRID}
    rates = {rate.grid_id: rate for rate in done.rates if rate.kind is None and rate.grid_id}
    flagged = {rate.grid_id for rate in done.flagged}
    top = max((rate.per_km for rate in rates.values() if rate.per_km is not None), default=0.0) or 1.0
    corners = shapely.get_coordinates([grid.polygon for grid in grids.values()])
    sheet = Sheet("各网格报告率 · Reports on each kilometre, by grid", f"{site.name.both()} · WGS-84", corners)
    for grid_id, grid in sorted(grids.items(), key=lambda item: item[0] in flagged):
        rate = rates[grid_id]
        line = "#c2255c" if grid_id in flagged else "#8a8a8a"
        words = [grid.name.zh, "-" if rate.per_km is None else f"{rate.per_km:.2f} / km"]
        for part in shapely.get_parts(grid.polygon).tolist():
            ring = shapely.get_coordinates(part.exterior)
            sheet.ring(
                ring, fill=_shade(rate.per_km, top), line=line, opacity=0.85, tip=f"{grid.name.both()} {grid_id}"
            )
        middle = grid.polygon.representative_point()
        sheet.note((middle.x, middle.y), [*words, *(["⚑"] if grid_id in flagged else [])])
    sheet.heading("每公里报告 · Reports per km")
    for number, shade in enumerate(_SHADES):
        low, high = number * top / len(_SHADES), (number + 1) * top / len(_SHADES)
        sheet.key(shade, f"{low:.2f} – {high:.2f}")
    sheet.key(_NO_WAY, "没有清晰里程 · not looked at")
    sheet.key("#fff", "⚑ 差异超出偶然 · beyond chance", line="#c2255c")
    sheet.heading("说明 · What it says")
    for words in ("先验只随用地类型，不随街区", "priors hang on the kind of ground,", "never on the neighbourhood"):
        sheet.say(words)
    sheet.save(path)


def grid_name(site: Site, grid_id: str) -> str:
    """Name and id of a grid."""
    zone = site.zones.zone(grid_id) if grid_id else None
    return _OUTSIDE if zone is None else f"{zone.name.both()} ({grid_id})"


def kind_name(rate: Rate) -> str:
    """Name of a kind, or of all."""
    return "全部 · all" if rate.kind is None else vocabulary().kinds[rate.kind.value].both()


def _numbers(rate: Rate) -> tuple[str, ...]:
    interval = "-" if rate.low is None else f"{_short(rate.low, 2)} – {_short(rate.high, 2)}"
    p = "< 0.001" if rate.p is not None and rate.p < 0.001 else _short(rate.p, 3)
    p = f"⚑ {p}" if rate.flagged else p
    return str(rate.violations), str(rate.unsure), f"{rate.km:.2f}", _short(rate.per_km, 2), interval, p


def _short(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _shade(per_km: float | None, top: float) -> str:
    if per_km is None:
        return _NO_WAY
    return _SHADES[min(int(per_km / top * len(_SHADES)), len(_SHADES) - 1)]
