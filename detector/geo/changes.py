"""When something begins or ceases to count: the next moments at which a `Validity` changes its answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from detector.geo.dates import NO_HOLIDAYS, Holidays
from detector.geo.schedule import ALWAYS, Validity

HORIZON_DAYS = 400
"""Beyond a year and a month nothing new comes: seasons and hours have all come round."""

_ONE_DAY = timedelta(days=1)
_CLOCK_STEP = timedelta(minutes=15)
"""Clocks are put forward and back at quarter hours."""


def changes(
    validities: Sequence[Validity],
    after: datetime,
    zone: tzinfo,
    holidays: Holidays = NO_HOLIDAYS,
    *,
    horizon_days: int = HORIZON_DAYS,
) -> Iterator[datetime]:
    """Moments after `after` at which some of `validities` begins or ceases to count, in order.

    Args:
        after: aware time.
        zone: of the wall clock that hours and dates are read on; the moments are told in it.
        horizon_days: how far to look ahead.
    """

    def state(at: datetime) -> tuple[bool, ...]:
        return tuple(validity.is_valid(at, zone, holidays) for validity in validities)

    if all(validity == ALWAYS for validity in validities):
        return
    before = state(after)
    first = after.astimezone(zone).date()
    done = after
    for number in range(-1, horizon_days):
        for at in _moments_of(validities, first + timedelta(days=number), zone, holidays):
            if at <= done:
                continue
            done = at
            now = state(at)
            if now != before:
                before = now
                yield at.astimezone(zone)


def _moments_of(validities: Sequence[Validity], day: date, zone: tzinfo, holidays: Holidays) -> list[datetime]:
    """Moments of a local day (UTC, in order) at which something may change.

    Hours that run past midnight end on the next day: each day asks for its own and for those of the day before.
    """
    midnight = datetime.combine(day, time())
    local = {midnight}
    for validity in validities:
        if validity.schedule is not None:
            for begins, offset in ((day, midnight), (day - _ONE_DAY, midnight - _ONE_DAY)):
                for span in validity.schedule.spans(begins, holidays):
                    local.add(offset + timedelta(minutes=span.start_min))
                    local.add(offset + timedelta(minutes=span.end_min))
        for closure in validity.closures:
            local.update((closure.starts, closure.ends))
    moments = {at.replace(tzinfo=zone, fold=fold) for at in local if at.date() == day for fold in (0, 1)}
    moments |= _clock_change(midnight, zone)
    return sorted({at.astimezone(UTC) for at in moments})


def _clock_change(midnight: datetime, zone: tzinfo) -> set[datetime]:
    """Quarter hours of a day on which clocks are put forward or back; none on other days."""
    start = midnight.replace(tzinfo=zone)
    end = (midnight + _ONE_DAY).replace(tzinfo=zone)
    if start.utcoffset() == end.utcoffset():
        return set()
    begins, ends = start.astimezone(UTC), end.astimezone(UTC)
    return {begins + number * _CLOCK_STEP for number in range(int((ends - begins) / _CLOCK_STEP))}
