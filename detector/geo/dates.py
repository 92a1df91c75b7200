"""Days on which something counts: ranges of dates, seasons that come back every year, holidays, closures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from detector.errors import InputError
from detector.vocabulary import Text

_DAYS_OF_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SEASON = re.compile(r"(\d\d)-(\d\d)\.\.(\d\d)-(\d\d)")
_DATE = r"(\d{4}-\d\d-\d\d)?"
_RANGE = re.compile(rf"{_DATE}\.\.{_DATE}")


@dataclass(frozen=True, slots=True)
class Holidays:
    """Days whose hours are not those of their own weekday.

    Attributes:
        days: public holidays; a schedule's ``holiday`` hours hold.
        worked: make-up working days, and the weekday (0 Monday to 6 Sunday) whose hours hold on each.
    """

    days: frozenset[date] = frozenset()
    worked: Mapping[date, int] = field(default_factory=dict[date, int])


NO_HOLIDAYS = Holidays()


@dataclass(frozen=True, slots=True)
class DateRange:
    """Dates from `first` to `last`, both included; `None` leaves an end open."""

    first: date | None = None
    last: date | None = None

    def holds(self, day: date) -> bool:
        """Whether a day lies in it."""
        return not ((self.first and day < self.first) or (self.last and day > self.last))

    def __str__(self) -> str:
        return f"{self.first or ''}..{self.last or ''}"


@dataclass(frozen=True, slots=True)
class Season:
    """Part of every year, both days included, as (month, day); a first day after the last crosses the new year.

    29 February as the last day means the end of February in every year, as the first day 1 March in common years.
    """

    first: tuple[int, int]
    last: tuple[int, int]

    def holds(self, day: date) -> bool:
        """Whether a day lies in it."""
        now = (day.month, day.day)
        if self.first <= self.last:
            return self.first <= now <= self.last
        return now >= self.first or now <= self.last

    def __str__(self) -> str:
        return f"{self.first[0]:02}-{self.first[1]:02}..{self.last[0]:02}-{self.last[1]:02}"


@dataclass(frozen=True, slots=True)
class Closure:
    """A time in which permissions do not hold: roadworks on a bay, a market moved for a day.

    Attributes:
        starts, ends: on the local wall clock, without a zone; `starts` is in, `ends` is out.
    """

    closure_id: str
    starts: datetime
    ends: datetime
    reason: Text

    def holds(self, local: datetime) -> bool:
        """Whether a time of the local wall clock (naive) lies in it."""
        return self.starts <= local < self.ends


def parse_season(text: str) -> Season:
    """Read ``05-01..10-15`` (month-day, both included).

    Raises:
        InputError: it is no season; the message shows one.
    """
    match = _SEASON.fullmatch(text.strip())
    if match is None:
        raise InputError(f"{text!r} is no season: write MM-DD..MM-DD, e.g. 05-01..10-15 or 11-01..02-28")
    first_month, first_day, last_month, last_day = (int(group) for group in match.groups())
    for month, day in ((first_month, first_day), (last_month, last_day)):
        if not (1 <= month <= 12 and 1 <= day <= _DAYS_OF_MONTH[month - 1]):
            raise InputError(f"{text!r} is no season: {month:02}-{day:02} is no day of any year")
    return Season((first_month, first_day), (last_month, last_day))


def parse_range(text: str) -> DateRange:
    """Read ``2026-03-01..2026-06-30``; one end may be left out.

    Raises:
        InputError: it is no range of dates, or its end lies before its start.
    """
    match = _RANGE.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        raise InputError(f"{text!r} is no range of dates: write YYYY-MM-DD..YYYY-MM-DD, one end may be left out")
    try:
        first, last = (date.fromisoformat(group) if group else None for group in match.groups())
    except ValueError as error:
        raise InputError(f"{text!r} holds a date that does not exist: {error}") from error
    if first and last and last < first:
        raise InputError(f"{text!r} ends before it starts; swap the dates")
    return DateRange(first, last)
