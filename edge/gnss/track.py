"""The good fixes of a drive, and what is known between them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from detector.errors import InputError
from detector.frame import Fix
from edge.gnss.era import GNSS_ERA
from edge.gnss.quality import POOREST, compass_deg


@dataclass(frozen=True, slots=True)
class LogCounts:
    """What a log held besides good fixes: nothing is dropped silently.

    Attributes:
        fixes: good ones kept.
        bad_checksum: sentences damaged on the wire, or JSON lines that are none.
        no_fix: moments at which the receiver said it had none.
        undated: moments before the first RMC, whose date nobody knows.
        out_of_order: moments not after the one before.
        jumps: fixes left out that no vehicle could have driven to, or that stand off alone.
        implausible: fixes left out whose satellites or DOP cannot give one.
        steps: places where the position moved otherwise than the receiver's own speed says; no line crosses them.
    """

    fixes: int = 0
    bad_checksum: int = 0
    no_fix: int = 0
    undated: int = 0
    out_of_order: int = 0
    jumps: int = 0
    implausible: int = 0
    steps: int = 0


@dataclass(frozen=True, slots=True)
class FixTrack:
    """The good fixes of a log, in time order.

    Attributes:
        fixes: strictly increasing in `Fix.at`.
        breaks: indices of fixes that no line is drawn to from the one before: after a step, or re-acquired elsewhere.
        max_gap_s: longest time between two fixes that is interpolated; longer bridges tunnels with guesses.
        counts: what else was in the log.
        sha256: of the log.
        odd: what is strange about the log but no error, one sentence each.
    """

    fixes: tuple[Fix, ...]
    breaks: frozenset[int] = frozenset()
    max_gap_s: float = 5.0
    counts: LogCounts = LogCounts()
    sha256: str = ""
    odd: tuple[str, ...] = ()
    _times: tuple[datetime, ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "_times", tuple(f.at for f in self.fixes))

    @property
    def synthetic(self) -> bool:
        """Whether the positions are made up."""
        return any(f.synthetic for f in self.fixes)

    def span(self) -> tuple[datetime, datetime] | None:
        """First and last moment with a fix, or `None` without any."""
        return (self._times[0], self._times[-1]) if self.fixes else None

    def shifted(self, offset_s: float) -> FixTrack:
        """The track with `offset_s` added to every time: positive when the video's clock is ahead of GNSS."""
        if not offset_s:
            return self
        offset = timedelta(seconds=offset_s)
        return replace(self, fixes=tuple(replace(f, at=f.at + offset) for f in self.fixes))

    def at(self, utc: datetime) -> Fix | None:
        """The fix at a moment, interpolated on a straight line, or `None` where nobody knows."""
        return fix_at(self.fixes, self._times, self.breaks, self.max_gap_s, utc)


def fix_at(
    fixes: Sequence[Fix], times: Sequence[datetime], breaks: Container[int], max_gap_s: float, utc: datetime
) -> Fix | None:
    """The fix at a moment, interpolated on a straight line, or `None` where nobody knows; see `FixTrack`.

    Args:
        times: of the fixes, strictly increasing.
    """
    after = bisect_right(times, utc)
    if after and times[after - 1] == utc:
        return fixes[after - 1]
    if not 0 < after < len(fixes) or after in breaks:
        return None
    a, b = fixes[after - 1], fixes[after]
    gap_s = (b.at - a.at).total_seconds()
    if gap_s > max_gap_s:
        return None
    return _between(a, b, (utc - a.at).total_seconds() / gap_s, utc)


def check_overlap(track: FixTrack, name: str, start: datetime, end: datetime | None) -> None:
    """See that a source and the GNSS log speak of the same time.

    Args:
        track: after `shifted`.
        name: of the source, for the message.
        start, end: of the part of the source that is looked at; `None` for an unknown end.

    Raises:
        InputError: they do not overlap; the message gives both ranges and the offset that would align the starts.
    """
    span = track.span()
    if span is None:
        return
    first, last = span
    if start <= last and (end is None or end >= first):
        return
    eras = round((start - first) / GNSS_ERA)
    era_off = eras != 0 and abs((start - first) - eras * GNSS_ERA) < timedelta(days=1)
    shift_s = (eras * GNSS_ERA if era_off else start - first).total_seconds()
    why = (
        f"the receiver's date is {abs(eras)} x 1024 weeks off (a roll-over of GPS weeks)"
        if era_off
        else "the clocks differ, or they are of different drives"
    )
    raise InputError(
        f"{name} was recorded {_span_text(start, end)}, but the GNSS log covers {_span_text(first, last)}: {why}. "
        f"If they belong together, --gnss-offset-s {shift_s:+.0f} {'mends it' if era_off else 'aligns their starts'}"
        " (it adds to one given already)"
    )


def _span_text(start: datetime, end: datetime | None) -> str:
    last = f"{end:%Y-%m-%dT%H:%M:%SZ}" if end else "?"
    return f"{start:%Y-%m-%dT%H:%M:%SZ} to {last}"


def _between(a: Fix, b: Fix, share: float, at: datetime) -> Fix:
    """The fix at `share` of the way; its error is the larger of the two, its quality the poorer."""
    east_deg = (b.lon_deg - a.lon_deg + 180.0) % 360.0 - 180.0
    heading_deg: float | None = None
    if a.heading_deg is not None and b.heading_deg is not None:
        turn_deg = (b.heading_deg - a.heading_deg + 180.0) % 360.0 - 180.0
        heading_deg = compass_deg(a.heading_deg + share * turn_deg)
    return Fix(
        lon_deg=(a.lon_deg + share * east_deg + 180.0) % 360.0 - 180.0,
        lat_deg=_mix(a.lat_deg, b.lat_deg, share),
        sigma_m=max(a.sigma_m, b.sigma_m),
        at=at,
        heading_deg=heading_deg,
        sigma_heading_deg=max(a.sigma_heading_deg, b.sigma_heading_deg),
        height_m=None if a.height_m is None or b.height_m is None else _mix(a.height_m, b.height_m, share),
        speed_m_s=None if a.speed_m_s is None or b.speed_m_s is None else _mix(a.speed_m_s, b.speed_m_s, share),
        quality=max(a.quality, b.quality, key=POOREST.index),
        synthetic=a.synthetic or b.synthetic,
    )


def _mix(a: float, b: float, share: float) -> float:
    return a + share * (b - a)
