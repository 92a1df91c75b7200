"""What each zone of a site is at a moment: in force, out of its hours, or closed, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from detector.geo.changes import changes
from detector.geo.schedule import Standing, Validity
from detector.geo.zones import Zone
from detector.site.model import Site
from detector.vocabulary import Text

STANDINGS = {
    Standing.OPEN: Text("有效", "in force"),
    Standing.OUT_OF_HOURS: Text("不在时段内", "out of hours"),
    Standing.OUT_OF_SEASON: Text("不在季节内", "out of season"),
    Standing.NOT_YET: Text("尚未生效", "not yet in force"),
    Standing.EXPIRED: Text("已过期", "run out"),
    Standing.BETWEEN: Text("不在有效日期内", "between its dates"),
    Standing.CLOSED: Text("临时关闭", "closed for the time being"),
}
NO_PERMIT = Text("没有有效的许可证", "no permit is in force")


@dataclass(frozen=True, slots=True)
class ZoneState:
    """A zone at a moment.

    Attributes:
        standing: by its own hours, dates and closures.
        lacks_permit: it permits only with a permit, and none is in force.
        until: when `standing` changes next; `None` when not within the horizon.
        words: all that in words.
        label: the same for a map, where there is little room.
    """

    zone: Zone
    standing: Standing
    lacks_permit: bool
    until: datetime | None
    words: Text
    label: Text

    @property
    def in_force(self) -> bool:
        """Whether it says anything now: a pitch permits, a ban forbids."""
        return self.standing is Standing.OPEN and not self.lacks_permit


def zone_states(site: Site, at: datetime) -> dict[str, ZoneState]:
    """What each zone is at an aware time, by zone id. Zones with the same hours are asked once."""
    until: dict[Validity, datetime | None] = {}
    for validity in {zone.validity for zone in site.zones.zones}:
        until[validity] = next(changes([validity], at, site.timezone, site.holidays), None)
    needing = {kind for rule in site.rules.values() for kind, grant in rule.grants.items() if grant.needs_permit}
    return {
        zone.zone_id: _state(site, zone, at, until[zone.validity], needs_permit=zone.kind in needing)
        for zone in site.zones.zones
    }


def _state(site: Site, zone: Zone, at: datetime, until: datetime | None, *, needs_permit: bool) -> ZoneState:
    local = at.astimezone(site.timezone)
    standing = zone.validity.standing(at, site.timezone, site.holidays)
    permits = site.permits_of.get(zone.zone_id, ())
    lacks = needs_permit and not any(p.validity.is_valid(at, site.timezone, site.holidays) for p in permits)
    why = NO_PERMIT if lacks and standing is Standing.OPEN else why_words(zone.validity, standing, local, short=True)
    label = why
    if standing is Standing.CLOSED and (closure := zone.validity.closure_at(local.replace(tzinfo=None))):
        label = closure.reason
    if until is not None:
        end = clock(until, local)
        why = Text(f"{why.zh}，至{end}", f"{why.en}, until {end}")
        if standing is Standing.OPEN and not lacks:
            label = Text(f"至{end}", f"until {end}")
        elif standing not in (Standing.OPEN, Standing.CLOSED):
            label = Text(f"{end}起", f"from {end}")
    return ZoneState(zone, standing, lacks, until, why, label)


def clock(moment: datetime, now: datetime) -> str:
    """A moment as one would say it at `now`: the time alone when it is the next such time within a day."""
    if moment - now < timedelta(hours=24):
        return f"{moment:%H:%M}"
    return f"{moment:%m-%d %H:%M}" if moment.year == now.year else f"{moment:%Y-%m-%d %H:%M}"


def why_words(validity: Validity, standing: Standing, local: datetime, *, short: bool = False) -> Text:
    """A standing with what it rests on: the hours, the season, the date, the closure's reason.

    Args:
        local: the moment on the site's wall clock.
        short: leave the weekly hours out.
    """
    word = STANDINGS[standing]
    detail: Text | str | None = None
    match standing:
        case Standing.OPEN | Standing.OUT_OF_HOURS:
            detail = validity.schedule.text if validity.schedule and not short else None
        case Standing.OUT_OF_SEASON:
            detail = ", ".join(map(str, validity.seasons))
        case Standing.BETWEEN:
            detail = ", ".join(map(str, validity.ranges))
        case Standing.NOT_YET:
            detail = str(validity.valid_from or validity.ranges[0].first)
        case Standing.EXPIRED:
            detail = str(validity.valid_to or validity.ranges[-1].last)
        case Standing.CLOSED:
            closure = validity.closure_at(local.replace(tzinfo=None))
            detail = closure.reason if closure else None
    if detail is None:
        return word
    zh, en = (detail.zh, detail.en) if isinstance(detail, Text) else (detail, detail)
    return Text(f"{word.zh}（{zh}）", f"{word.en} ({en})")


def calendar_words(validity: Validity) -> list[Text]:
    """When something holds, a line for each part; empty when always."""
    lines: list[Text] = []
    if validity.schedule is not None:
        zh, en = validity.schedule.text.zh.split("；"), validity.schedule.text.en.split("; ")
        lines += [Text(*pair) for pair in zip(zh, en, strict=True)]
    lines += [Text(f"季节 {season}", f"season {season}") for season in validity.seasons]
    if validity.valid_from or validity.valid_to:
        dates = f"{validity.valid_from or ''}..{validity.valid_to or ''}"
        lines.append(Text(f"日期 {dates}", f"dates {dates}"))
    lines += [Text(f"日期 {part}", f"dates {part}") for part in validity.ranges]
    for closure in validity.closures:
        when = f"{closure.starts:%Y-%m-%d %H:%M}..{closure.ends:%Y-%m-%d %H:%M}"
        lines.append(Text(f"临时关闭 {when}：{closure.reason.zh}", f"closed {when}: {closure.reason.en}"))
    return lines
