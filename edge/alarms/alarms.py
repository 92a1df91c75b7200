"""The alarms that stand, with patience before each begins and before each ends.

An alarm is raised when its finding has lasted `Rule.after_s`, and ends when it has been gone for `Rule.clear_s`. Most
rules also end at another figure than they begin at. So a figure that trembles at its limit troubles nobody twice.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from detector.errors import InputError
from detector.vocabulary import Text
from edge.alarms.findings import AlarmLimits, Finding, Moment
from edge.alarms.heat import Heat, read_heat
from edge.alarms.rules import RULES, Rule
from edge.alarms.trends import Trends
from edge.box.health import Alarm, BoxHealth

_ENDED_MAX = 50
_TEXT_MAX = 200
_SEVERITIES: Final = ("critical", "warning", "notice")


@dataclass(frozen=True, slots=True)
class Ended:
    """An alarm that is over."""

    alarm: Alarm
    cleared_at: datetime


@dataclass(slots=True)
class _Standing:
    """A finding, raised or not yet. Moments are monotonic: the clock may be set meanwhile."""

    rule: Rule
    about: str
    figure: str
    first_s: float
    last_s: float
    raised: bool = False

    def alarm(self, health: BoxHealth) -> Alarm:
        since = health.at - timedelta(seconds=health.monotonic_s - self.first_s)
        return Alarm(self.rule.code, self.rule.severity, self._text(), since, self.about[:_TEXT_MAX])

    def _text(self) -> Text:
        def fill(text: str) -> str:
            # Not str.format, and in one go: a figure may be any text, also one with braces.
            filled = re.sub(r"\{(about|figure)\}", lambda found: str(getattr(self, found[1])), text)
            return "".join(c if c.isprintable() else " " for c in filled).strip()[:_TEXT_MAX]

        return Text(fill(self.rule.text.zh), fill(self.rule.text.en))


class Alarms:
    """Fed once a second. `take` is for one thread; `tell`, `now` and `ended` may be called from any."""

    def __init__(
        self,
        limits: AlarmLimits | None = None,
        *,
        heat: Callable[[], Heat] = read_heat,
        rules: Sequence[Rule] = RULES,
    ) -> None:
        self._limits = limits or AlarmLimits()
        self._heat = heat
        self._rules = tuple(rules)
        self._by_code = {rule.code: rule for rule in rules}
        self._trends = Trends()
        self._standing: dict[tuple[str, str], _Standing] = {}
        self._lock = threading.Lock()
        self._told: dict[tuple[str, str], str] = {}
        self._now: tuple[Alarm, ...] = ()
        self._ended: deque[Ended] = deque(maxlen=_ENDED_MAX)

    def tell(self, code: str, about: str = "", *, on: bool, figure: str = "") -> None:
        """What other parts found out: it stands from the next second on, until they say that it is over.

        Raises:
            InputError: no alarm has this code.
        """
        if code not in self._by_code:
            raise InputError(f"no alarm has the code {code!r}; there are {', '.join(sorted(self._by_code))}")
        with self._lock:
            if on:
                self._told[code, about] = figure
            else:
                self._told.pop((code, about), None)

    def take(self, health: BoxHealth) -> tuple[Alarm, ...]:
        """The alarms that stand now, gravest first."""
        heat = self._heat()
        self._trends.take(health, heat.throttled)
        raised = frozenset(key for key, standing in self._standing.items() if standing.raised)
        moment = Moment(health, self._limits, heat, self._trends, raised)
        for rule, (about, figure) in self._findings(moment):
            standing = self._standing.setdefault(
                (rule.code, about), _Standing(rule, about, figure, health.monotonic_s, health.monotonic_s)
            )
            standing.figure, standing.last_s = figure, health.monotonic_s
            standing.raised = standing.raised or health.monotonic_s - standing.first_s >= rule.after_s
        self._end(health)
        alarms = [standing.alarm(health) for standing in self._standing.values() if standing.raised]
        alarms.sort(key=lambda alarm: (_SEVERITIES.index(alarm.severity), alarm.since))
        with self._lock:
            self._now = tuple(alarms)
            return self._now

    @property
    def now(self) -> tuple[Alarm, ...]:
        """As `take` last answered."""
        with self._lock:
            return self._now

    @property
    def ended(self) -> tuple[Ended, ...]:
        """The last ones that are over, newest first."""
        with self._lock:
            return tuple(self._ended)

    def _findings(self, moment: Moment) -> Iterator[tuple[Rule, Finding]]:
        for rule in self._rules:
            if rule.finds is not None:
                for finding in rule.finds(moment):
                    yield rule, finding
        with self._lock:
            told = list(self._told.items())
        for (code, about), figure in told:
            yield self._by_code[code], (about, figure)

    def _end(self, health: BoxHealth) -> None:
        for key, standing in list(self._standing.items()):
            gone_s = health.monotonic_s - standing.last_s
            # What was never raised needs no patience: it must last without a gap.
            if gone_s > (standing.rule.clear_s if standing.raised else 0.0):
                del self._standing[key]
                if standing.raised:
                    with self._lock:
                        self._ended.appendleft(Ended(standing.alarm(health), health.at))
