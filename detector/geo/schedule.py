"""Weekly hours in local time: across midnight, across clock changes, with holidays."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from detector.errors import InputError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAY = "holiday"
MINUTES_PER_DAY = 24 * 60

_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


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
        text: as the city wrote it, for reasons.

    When clocks go back, the repeated hour counts both times; when they go forward, the missing hour never comes.
    """

    week: tuple[tuple[Span, ...], ...]
    holiday: tuple[Span, ...] | None
    text: str

    def is_open(self, at: datetime, zone: tzinfo, holidays: frozenset[date] = frozenset()) -> bool:
        """Whether an aware time falls into the hours, as read on a clock in `zone`."""
        local = at.astimezone(zone)
        minute = local.hour * 60 + local.minute
        today = local.date()
        return any(s.start_min <= minute < s.end_min for s in self._spans(today, holidays)) or any(
            s.start_min <= minute + MINUTES_PER_DAY < s.end_min
            for s in self._spans(today - timedelta(days=1), holidays)
        )

    def _spans(self, day: date, holidays: frozenset[date]) -> tuple[Span, ...]:
        if self.holiday is not None and day in holidays:
            return self.holiday
        return self.week[day.weekday()]


@dataclass(frozen=True, slots=True)
class Validity:
    """When a zone or permit counts: local dates, both ends included, and a weekly schedule (`None`: always)."""

    valid_from: date | None = None
    valid_to: date | None = None
    schedule: Schedule | None = None

    def is_valid(self, at: datetime, zone: tzinfo, holidays: frozenset[date] = frozenset()) -> bool:
        """Whether it counts at an aware time."""
        today = at.astimezone(zone).date()
        if (self.valid_from and today < self.valid_from) or (self.valid_to and today > self.valid_to):
            return False
        return self.schedule is None or self.schedule.is_open(at, zone, holidays)


ALWAYS = Validity()


def parse_schedule(raw: Mapping[str, Sequence[str]]) -> Schedule:
    """Read ``{"mon-fri": ["06:00-09:30", "17:00-02:00"], "sat,sun": [], "holiday": ["00:00-24:00"]}``.

    Days are ``mon`` to ``sun``, ranges (``fri-mon`` wraps), lists with commas, or ``daily``. A span whose end is not
    after its start runs past midnight. A day that is not named is closed.

    Raises:
        InputError: a day or a span that cannot be read, or a day named twice.
    """
    week: dict[int, tuple[Span, ...]] = {}
    holiday: tuple[Span, ...] | None = None
    for key, texts in raw.items():
        spans = tuple(_parse_span(text) for text in texts)
        if key.strip().lower() == HOLIDAY:
            holiday = spans
            continue
        for day in _parse_days(key):
            if day in week:
                raise InputError(f"{DAYS[day]} is named twice in the schedule (again in {key!r}); name each day once")
            week[day] = spans
    text = "; ".join(f"{key} {', '.join(texts) or 'closed'}" for key, texts in raw.items())
    return Schedule(tuple(week.get(day, ()) for day in range(7)), holiday, text)


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
