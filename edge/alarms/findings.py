"""What shows in the box's health that a person should see to: one small function for each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from detector.errors import InputError
from edge.alarms.heat import Heat
from edge.alarms.trends import Trends
from edge.box.health import BoxHealth, CameraHealth
from edge.sources.live.picture import CameraState
from edge.uplink.budget import ASK_MIN_BYTES, open_bytes

Finding = tuple[str, str]
"""What it is about (a camera, or "" for the box), and a figure for the text."""

Finds = Callable[["Moment"], Iterator[Finding]]

_MIB = 1024**2


@dataclass(frozen=True, slots=True)
class AlarmLimits:
    """Where alarms begin; lower ones tell earlier and more often for nothing.

    Attributes:
        disk_reserve_bytes, originals_bytes_max: as in the box's settings.
        frame_age_s: a live picture older than this, or looks that mostly are, come too late for the right place.
        no_looks_s: a live camera must be looked at at least so often, also while standing.
        link_away_s: since the server last answered.
        clock_off_s: the box's own clock against the server's.
        hot_deg_c: of the hottest sensor.
        memory_bytes: growth over two hours.
        waiting_bytes: growth of the outbox over two hours while the server answers.
        stuck_s: reports wait, the server answers, and none has been stored for so long.
    """

    disk_reserve_bytes: int = 512 * _MIB
    originals_bytes_max: int = 16 * 1024 * _MIB
    frame_age_s: float = 2.0
    no_looks_s: float = 120.0
    link_away_s: float = 900.0
    clock_off_s: float = 60.0
    hot_deg_c: float = 85.0
    memory_bytes: int = 64 * _MIB
    waiting_bytes: int = 64 * _MIB
    stuck_s: float = 3600.0

    def __post_init__(self) -> None:
        if self.disk_reserve_bytes < 0 or min(self.frame_age_s, self.no_looks_s, self.link_away_s, self.stuck_s) <= 0:
            raise InputError(f"limits of alarms must be above 0, got {self}")


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """What the rules look at in one second. `raised` holds the (code, about) that stand: they end later than they
    begin, or an alarm at its limit would come and go."""

    health: BoxHealth
    limits: AlarmLimits
    heat: Heat
    trends: Trends
    raised: frozenset[tuple[str, str]]

    def stands(self, code: str, about: str = "") -> bool:
        """Whether this alarm stands."""
        return (code, about) in self.raised


def gnss(state: str) -> Callable[[Moment], Iterator[Finding]]:
    """The receiver is in this state."""

    def finds(moment: Moment) -> Iterator[Finding]:
        if moment.health.gnss.state == state:
            yield "", moment.health.gnss.trouble

    return finds


def cameras(
    code: str, wrong: Callable[[Moment, CameraHealth, bool], str | None]
) -> Callable[[Moment], Iterator[Finding]]:
    """Asks `wrong` of every camera, and whether the alarm of that camera stands."""

    def finds(moment: Moment) -> Iterator[Finding]:
        for camera in moment.health.cameras:
            figure = wrong(moment, camera, moment.stands(code, camera.camera_id))
            if figure is not None:
                yield camera.camera_id, figure

    return finds


def away(moment: Moment, camera: CameraHealth, stands: bool) -> str | None:
    """It cannot be reached."""
    del moment, stands
    gone = camera.status.state in (CameraState.AWAY, CameraState.CONNECTING)
    return camera.status.trouble if gone else None


def stalled(moment: Moment, camera: CameraHealth, stands: bool) -> str | None:
    """It is connected and gives nothing."""
    del moment, stands
    return camera.status.trouble if camera.status.state is CameraState.STALLED else None


def unjudged(moment: Moment, camera: CameraHealth, stands: bool) -> str | None:
    """It is looked at, and nothing follows from it: its pictures do not fit the site, mostly."""
    del moment, stands
    return camera.unjudged or None


def no_looks(moment: Moment, camera: CameraHealth, stands: bool) -> str | None:
    """It gives pictures, and none goes through the network."""
    del stands
    age_s = moment.trends.look_age_s(camera.camera_id, moment.health.monotonic_s)
    silent = camera.status.state is CameraState.LIVE and age_s > moment.limits.no_looks_s
    return f"{age_s:.0f} s" if silent else None


def old(moment: Moment, camera: CameraHealth, stands: bool) -> str | None:
    """Its pictures, or most looks, come late."""
    if camera.status.state is not CameraState.LIVE:
        return None
    limit_s = moment.limits.frame_age_s * (0.75 if stands else 1.0)
    age_s = max(camera.status.frame_age_s or 0.0, camera.look_age_p99_s or 0.0)
    return f"{age_s:.1f} s" if age_s > limit_s else None


def disk_low(moment: Moment) -> Iterator[Finding]:
    """Room for a while only."""
    free, reserve = moment.health.store.disk_free_bytes, moment.limits.disk_reserve_bytes
    if reserve <= free < (4 if moment.stands("disk_low") else 3) * reserve:
        yield "", f"{free // _MIB} MiB"


def disk_full(moment: Moment) -> Iterator[Finding]:
    """The reserve itself is touched."""
    free = moment.health.store.disk_free_bytes
    if free < moment.limits.disk_reserve_bytes * (1.2 if moment.stands("disk_full") else 1.0):
        yield "", f"{free // _MIB} MiB"


def store_trouble(moment: Moment) -> Iterator[Finding]:
    """Writing fails."""
    if moment.health.store.trouble:
        yield "", moment.health.store.trouble


def originals_full(moment: Moment) -> Iterator[Finding]:
    """Their room is nearly used up."""
    share = moment.health.store.originals_bytes / max(1, moment.limits.originals_bytes_max)
    if share > (0.9 if moment.stands("originals_full") else 0.95):
        yield "", f"{share:.0%}"


def answers(moment: Moment) -> bool:
    age_s = moment.health.link.contact_age_s
    return age_s is not None and age_s < moment.limits.link_away_s


def outbox_growing(moment: Moment) -> Iterator[Finding]:
    """More comes in than goes out, though the server answers."""
    grown = moment.trends.waiting.grown(7200.0)
    if grown is not None and grown > moment.limits.waiting_bytes and answers(moment):
        yield "", f"+{grown / _MIB:.0f} MiB / 2 h"


def outbox_stuck(moment: Moment) -> Iterator[Finding]:
    """Reports wait, the server answers, and none gets stored."""
    stuck_s = moment.trends.stuck_s(moment.health.monotonic_s)
    if stuck_s > moment.limits.stuck_s and answers(moment) and not moment.health.link.refused:
        yield "", f"{stuck_s / 3600:.1f} h"


def outbox_held(moment: Moment) -> Iterator[Finding]:
    """Something waits for a person."""
    counts = moment.health.store.outbox
    held = counts.conflict + counts.refused + counts.files_held
    if held:
        yield "", str(held)


def link_away(moment: Moment) -> Iterator[Finding]:
    """The server is silent."""
    link = moment.health.link
    age_s = link.contact_age_s if link.contact_age_s is not None else moment.health.uptime_s
    if link.used and not link.refused and age_s > moment.limits.link_away_s:
        yield "", f"{age_s / 60:.0f} min"


def token_refused(moment: Moment) -> Iterator[Finding]:
    """The server does not know this device."""
    if moment.health.link.refused:
        yield "", ""


def budget_spent(moment: Moment) -> Iterator[Finding]:
    """Today's bytes on the metered link are used up."""
    link = moment.health.link
    if not link.metered or link.budget_bytes is None:
        return
    if link.sent_today_bytes > open_bytes(link.budget_bytes) - ASK_MIN_BYTES:
        yield "", f"{link.budget_bytes // _MIB} MiB"


def clock_unset(moment: Moment) -> Iterator[Finding]:
    """Nobody knows the time."""
    if moment.health.time_told_by == "unset":
        yield "", ""


def clock_off(moment: Moment) -> Iterator[Finding]:
    """The box's own clock is wrong by the server's."""
    offset_s = moment.health.link.clock_offset_s
    limit_s = moment.limits.clock_off_s * (0.5 if moment.stands("clock_off") else 1.0)
    if offset_s is not None and abs(offset_s) > limit_s:
        yield "", f"{-offset_s:+.0f} s"


def hot(moment: Moment) -> Iterator[Finding]:
    """A sensor is above the limit."""
    degrees = moment.heat.hottest_deg_c
    limit = moment.limits.hot_deg_c - (5.0 if moment.stands("cpu_hot") else 0.0)
    if degrees is not None and degrees > limit:
        yield "", f"{degrees:.0f} °C"


def throttled(moment: Moment) -> Iterator[Finding]:
    """A core was slowed down within the last minute."""
    age_s = moment.trends.throttled_age_s
    if age_s is not None and age_s < 60.0:
        yield "", ""


def memory(moment: Moment) -> Iterator[Finding]:
    """The least memory used in ten minutes keeps rising."""
    grown = moment.trends.memory.grown(7200.0)
    if grown is not None and grown > moment.limits.memory_bytes:
        yield "", f"+{grown / _MIB:.0f} MiB / 2 h"
