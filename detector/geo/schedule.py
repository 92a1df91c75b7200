"""Hours in local time: weekly, across midnight and clock changes, in seasons, with holidays and closures.

An evening belongs to the day on which it begins: with 18:00-02:00, half past one at night is open because the day
before was, whatever weekday, holiday, season or range of dates the new day is in. A closure is a time on the clock
and cuts through.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from functools import lru_cache

from detector.errors import InputError
from detector.geo.dates import NO_HOLIDAYS, Closure, DateRange, Holidays, Season
from detector.vocabulary import Text

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAY = "holiday"
MINUTES_PER_DAY = 24 * 60

_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """Minutes from local midnight, ``start <= t < end``; an end beyond 1440 runs into the next day."""

    start_min: int
    end_min: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """Hours of a week on the local wall clock.

    Attributes:
        week: spans for Monday to Sunday.
        holiday: spans on holidays instead of the weekday's; `None` when holidays are ordinary days.
        text: as the city wrote it, for reasons; the days in both languages.

    When clocks go back, the repeated hour counts both times; when they go forward, the missing hour never comes.
    """

    week: tuple[tuple[Span, ...], ...]
    holiday: tuple[Span, ...] | None
    text: Text

    def is_open(self, at: datetime, zone: tzinfo, holidays: Holidays = NO_HOLIDAYS) -> bool:
        """Whether an aware time falls into the hours, as read on a clock in `zone`."""
        return Validity(schedule=self).is_valid(at, zone, holidays)

    def spans(self, day: date, holidays: Holidays) -> tuple[Span, ...]:
        """The hours that begin on a day. A make-up working day has those of the weekday it stands for."""
        if day in holidays.worked:
            return self.week[holidays.worked[day]]
        if self.holiday is not None and day in holidays.days:
            return self.holiday
        return self.week[day.weekday()]


class Standing(StrEnum):
    """Whether something counts at a time, and if not, why not."""

    OPEN = "open"
    OUT_OF_HOURS = "out_of_hours"
    OUT_OF_SEASON = "out_of_season"
    NOT_YET = "not_yet"
    EXPIRED = "expired"
    BETWEEN = "between"
    """Between two of its ranges of dates."""
    CLOSED = "closed"
    """A closure holds."""


@dataclass(frozen=True, slots=True)
class Validity:
    """When a zone or permit counts. Everything given must hold; nothing given: always.

    Attributes:
        valid_from, valid_to: local dates, both included.
        schedule: weekly hours.
        ranges: dates in any of these, within `valid_from` and `valid_to`.
        seasons: days in any of these, every year.
        closures: times in which it does not count.
    """

    valid_from: date | None = None
    valid_to: date | None = None
    schedule: Schedule | None = None
    ranges: tuple[DateRange, ...] = ()
    seasons: tuple[Season, ...] = ()
    closures: tuple[Closure, ...] = ()

    def is_valid(self, at: datetime, zone: tzinfo, holidays: Holidays = NO_HOLIDAYS) -> bool:
        """Whether it counts at an aware time, as read on a clock in `zone`."""
        if self == ALWAYS:
            return True
        local = at.astimezone(zone).replace(tzinfo=None)
        return self.closure_at(local) is None and self._has_hours(local, holidays)

    def standing(self, at: datetime, zone: tzinfo, holidays: Holidays = NO_HOLIDAYS) -> Standing:
        """Whether it counts at an aware time, and the first thing in its way if not."""
        local = at.astimezone(zone).replace(tzinfo=None)
        if self.closure_at(local) is not None:
            return Standing.CLOSED
        if self._has_hours(local, holidays):
            return Standing.OPEN
        today = local.date()
        if self.valid_from and today < self.valid_from:
            return Standing.NOT_YET
        if self.valid_to and today > self.valid_to:
            return Standing.EXPIRED
        if self.ranges and not any(part.holds(today) for part in self.ranges):
            return self._outside_ranges(today)
        if self.seasons and not any(season.holds(today) for season in self.seasons):
            return Standing.OUT_OF_SEASON
        return Standing.OUT_OF_HOURS

    def closure_at(self, local: datetime) -> Closure | None:
        """The closure in force at a naive time of the local wall clock."""
        return next((closure for closure in self.closures if closure.holds(local)), None)

    def counts_on(self, day: date) -> bool:
        """Whether its dates and seasons hold a day, hours and closures aside."""
        if (self.valid_from and day < self.valid_from) or (self.valid_to and day > self.valid_to):
            return False
        if self.ranges and not any(part.holds(day) for part in self.ranges):
            return False
        return not self.seasons or any(season.holds(day) for season in self.seasons)

    def _has_hours(self, local: datetime, holidays: Holidays) -> bool:
        today = local.date()
        if self.schedule is None:
            return self.counts_on(today)
        minute = local.hour * 60 + local.minute
        for day, since_min in ((today, minute), (today - _ONE_DAY, minute + MINUTES_PER_DAY)):
            spans = self.schedule.spans(day, holidays)
            if any(span.start_min <= since_min < span.end_min for span in spans) and self.counts_on(day):
                return True
        return False

    def _outside_ranges(self, today: date) -> Standing:
        if all(part.first and today < part.first for part in self.ranges):
            return Standing.NOT_YET
        if all(part.last and today > part.last for part in self.ranges):
            return Standing.EXPIRED
        return Standing.BETWEEN


ALWAYS = Validity()


def parse_schedule(raw: Mapping[str, Sequence[str]]) -> Schedule:
    """Read ``{"mon-fri": ["06:00-09:30", "17:00-02:00"], "sat,sun": [], "holiday": ["00:00-24:00"]}``.

    Days are ``mon`` to ``sun``, ranges (``fri-mon`` wraps), lists with commas, or ``daily``. A span whose end is not
    after its start runs past midnight. A day that is not named is closed.

    Raises:
        InputError: a day or a span that cannot be read, or a day named twice.
    """
    return _parse(tuple((key, tuple(texts)) for key, texts in raw.items()))


@lru_cache(maxsize=1024)
def _parse(raw: tuple[tuple[str, tuple[str, ...]], ...]) -> Schedule:
    """A city has thousands of pitches and a few opening hours: each is read once."""
    week: dict[int, tuple[Span, ...]] = {}
    holiday: tuple[Span, ...] | None = None
    for key, texts in raw:
        spans = tuple(_parse_span(text) for text in texts)
        if key.strip().lower() == HOLIDAY:
            if holiday is not None:
                raise InputError(f"{HOLIDAY} is named twice in the schedule (again as {key!r}); name it once")
            holiday = spans
            continue
        for day in _parse_days(key):
            if day in week:
                raise InputError(f"{DAYS[day]} is named twice in the schedule (again in {key!r}); name each day once")
            week[day] = spans
    return Schedule(tuple(week.get(day, ()) for day in range(7)), holiday, _words(dict(raw)))


def _words(raw: Mapping[str, Sequence[str]]) -> Text:
    zh = "；".join(f"{_days_zh(key)} {'、'.join(texts) or '不开放'}" for key, texts in raw.items())
    en = "; ".join(f"{key} {', '.join(texts) or 'closed'}" for key, texts in raw.items())
    return Text(zh, en)


def _days_zh(key: str) -> str:
    """A key that `parse_schedule` took, in Chinese."""
    words = {name: f"周{char}" for name, char in zip(DAYS, "一二三四五六日", strict=True)}
    words |= {"daily": "每天", HOLIDAY: "节假日"}
    parts = [part.split("-") for part in key.strip().lower().split(",")]
    return "、".join("至".join(words[end.strip()] for end in part) for part in parts)


def _parse_days(key: str) -> list[int]:
    days: list[int] = []
    for part in key.strip().lower().split(","):
        ends = [end.strip() for end in part.split("-")]
        if ends == ["daily"]:
            days.extend(range(7))
            continue
        if len(ends) > 2 or any(end not in DAYS for end in ends):
            raise InputError(f"{part.strip()!r} is no day: write mon, mon-fri, sat,sun, daily or holiday")
        first, last = DAYS.index(ends[0]), DAYS.index(ends[-1])
        days.extend((first + i) % 7 for i in range((last - first) % 7 + 1))
    return days


def _parse_span(text: str) -> Span:
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise InputError(f"{text!r} is no span of hours: write HH:MM-HH:MM, e.g. 06:00-09:30 or 17:00-02:00")
    start_h, start_m, end_h, end_m = (int(group) for group in match.groups())
    start, end = start_h * 60 + start_m, end_h * 60 + end_m
    if end > MINUTES_PER_DAY:
        raise InputError(f"{text!r} ends after 24:00: write the end as a time of the next day, e.g. 17:00-02:00")
    if start == end:
        raise InputError(f"{text!r} is empty: write 00:00-24:00 for the whole day")
    return Span(start, end if end > start else end + MINUTES_PER_DAY)
