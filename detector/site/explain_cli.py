"""`kerbwatch site explain`: may such a thing stand here, now? 此处此时是否允许"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from detector.errors import InputError
from detector.geo.crs import parse_crs, to_wgs84
from detector.geo.crs.names import TAKEN
from detector.site.explain import NEAREST_M, SIGMAS_M, Explanation, explain
from detector.site.explain_words import OUTCOMES, forecast, kind_names, permit_now, zone_now
from detector.site.explain_words import as_json as to_json
from detector.site.load import load_site
from detector.site.model import Site
from detector.site.states import clock
from detector.vocabulary import Kind, Outcome, vocabulary

EARLIEST, LATEST = 1900, 2200
"""Years that a question may be about; beyond them calendars end."""

_MARKS = {
    Outcome.ALLOWED: "[bold green]✓[/]",
    Outcome.VIOLATION: "[bold red]✗[/]",
    Outcome.UNSURE: "[bold yellow]?[/]",
    None: "[bold]–[/]",
}


def explain_place(
    folder: Annotated[Path, typer.Argument(help="The site folder.")],
    lon: Annotated[float, typer.Argument(help="Longitude in degrees; easting in metres with a projected --crs.")],
    lat: Annotated[float, typer.Argument(help="Latitude in degrees, or northing.")],
    kind: Annotated[str, typer.Argument(help=f"What it would be: {', '.join(Kind)}.")],
    time: Annotated[str, typer.Argument(help="The site's local time, 2026-05-18T23:10; with an offset; or now.")],
    sigma: Annotated[
        float | None, typer.Option(help="Error of the position, m per axis; 1, 3 and 8 are shown.")
    ] = None,
    crs: Annotated[str, typer.Option(help=f"System of LON and LAT: {TAKEN}.")] = "WGS84",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """May such a thing stand here at this time, until when, and why: 此处此时是否允许，为什么.

    The patrol's own verdict on a thing that stands there for as long as the rule asks and that there is no doubt about.
    """
    site = load_site(folder)
    at = read_time(time, site)
    ((lon_deg, lat_deg),) = to_wgs84([(lon, lat)], parse_crs(crs)).tolist()
    told = explain(site, lon_deg, lat_deg, read_kind(kind), at, (sigma,) if sigma is not None else SIGMAS_M)
    if as_json:
        sys.stdout.write(json.dumps(to_json(told), ensure_ascii=False, indent=2) + "\n")
        return
    _print(site, told, Console(soft_wrap=True, highlight=False))


def read_kind(text: str) -> Kind:
    """The violation kind of a name.

    Raises:
        InputError: there is none such; the message lists them.
    """
    try:
        return Kind(text)
    except ValueError:
        raise InputError(f"{text!r} is no violation kind; known: {kind_names()}") from None


def read_time(text: str, site: Site) -> datetime:
    """An aware time from what a person types.

    Raises:
        InputError: it is neither ``now`` nor a date with a time of day in the years that a law may be of.
    """
    if text == "now":
        return datetime.now(site.timezone)
    try:
        at = datetime.fromisoformat(text) if len(text) > len("2026-05-18") else None
    except ValueError:
        at = None
    if at is None or not EARLIEST <= at.year <= LATEST:
        raise InputError(
            f"{text!r} is no time; write 2026-05-18T23:10 ({site.timezone.key}), 2026-05-18T15:10+00:00 or now"
        )
    if at.tzinfo:
        return at
    meant = at.replace(tzinfo=site.timezone)
    if meant.astimezone(UTC).astimezone(site.timezone).replace(tzinfo=None) != at:
        raise InputError(
            f"{text!r} never comes (该时刻不存在): clocks in {site.timezone.key} go forward over it; write another time"
        )
    return meant


def _print(site: Site, told: Explanation, console: Console) -> None:
    kind = vocabulary().kinds[told.kind.value]
    console.print(
        f"[bold]{escape(kind.both())}[/]  {told.lon_deg:.6f}, {told.lat_deg:.6f}  "
        f"{told.at:%Y-%m-%d %H:%M} {escape(site.timezone.key)}  {escape(site.name.both())}"
    )
    if site.synthetic_positions:
        console.print("[yellow]虚拟位置 · synthetic positions[/]")
    first = told.answers[0]
    console.print(f"\n{_MARKS[first.outcome]} [bold]{OUTCOMES[first.outcome].both()}[/]")
    console.print(f"  {escape(forecast(first, told.at).both())}")
    console.print()
    for reason in first.hit.reasons if first.hit else ():
        console.print(f"  {escape(reason.text.zh)}\n  [dim]{escape(reason.text.en)}[/]")
    console.print()
    console.print(_answers(told))
    console.print()
    console.print(_zones(told) if told.zones else "这里没有区域说明 · no zone speaks about this place")
    console.print()
    for label, near in (
        ("最近的许可区域 · nearest permitted zone", told.nearest),
        ("此时开放的最近一处 · nearest open now", told.nearest_open),
    ):
        none = f"{NEAREST_M:g} m 内没有 · none within {NEAREST_M:g} m"
        where = f"{near.zone.name.both()} ({near.zone.zone_id}), {near.distance_m:.1f} m" if near else none
        console.print(f"{label}: {escape(where)}")


def _answers(told: Explanation) -> Table:
    """One line for each position error."""
    table = _table("位置误差的影响 · what the position error changes", "σ", "P", "结论 · answer", "此后 · from then on")
    for answer in told.answers:
        later = [f"{clock(each.at, told.at)} {OUTCOMES[each.outcome].both()}" for each in answer.changes]
        table.add_row(
            f"{answer.sigma_m:g} m",
            f"{answer.hit.probability:.2f}" if answer.hit else "-",
            f"{_MARKS[answer.outcome]} {OUTCOMES[answer.outcome].both()}",
            "\n".join(later) or "-",
        )
    return table


def _zones(told: Explanation) -> Table:
    """One line for each zone with a word."""
    table = _table("相关区域 · zones that speak", "区域 · zone", "此时 · now")
    for says in told.zones:
        zone = says.zone
        notes = [zone_now(says, told.at).both()]
        notes += [permit_now(each.standing, each.permit.permit_id).both() for each in says.permits]
        if zone.goods:
            notes.append(f"许可经营 · permitted for: {zone.goods.both()}")
        if zone.owner:
            notes.append(f"责任人 · owner: {zone.owner}")
        table.add_row(escape(f"{zone.name.both()}\n({zone.zone_id})"), escape("\n".join(notes)))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), title=title, title_justify="left", title_style="bold")
    for name in columns:
        table.add_column(name, header_style="dim")
    return table
