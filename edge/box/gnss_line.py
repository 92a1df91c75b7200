"""What the receiver says now, in one line for whoever mounts it: `kerbwatch box gnss`."""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from typing import Final

import typer
from rich.live import Live
from rich.text import Text

from edge.box.health import GnssHealth
from edge.box.settings import GnssSettings
from edge.box_time import BoxTime
from edge.gnss.live import LiveReceiver

EVERY_S: Final = 1.0
ONCE_S: Final = 10.0
"""So long `once` waits for a fix."""
_POLL_S: Final = 0.1

_STATES: Final = {"fix": "已定位 fix", "no_fix": "未定位 no fix", "silent": "无数据 silent", "off": "未配置 off"}


def gnss_line(health: GnssHealth, satellites: int | None, clock: BoxTime) -> str:
    """State, error, satellites, speed, way, and the time with who told it; trouble at the end."""
    parts = [_STATES[health.state]]
    if health.state == "fix" and health.sigma_m is not None:
        parts.append(f"±{health.sigma_m:.1f} m {health.quality}")
    if satellites is not None and health.state != "silent":
        parts.append(f"卫星 satellites {satellites}")
    if health.speed_m_s is not None:
        parts.append(f"{health.speed_m_s * 3.6:.1f} km/h")
    parts.append(f"{health.odometer_m:.0f} m")
    parts.append(f"{clock.now():%Y-%m-%d %H:%M:%S}Z ({clock.told_by})")
    trouble = dict.fromkeys(text for text in (health.trouble, clock.trouble) if text)
    return " · ".join([*parts, *trouble])


def watch_gnss(settings: GnssSettings, *, once: bool) -> bool:
    """Print a line every second until Ctrl-C, on a screen each in place of the one before.

    Args:
        once: a single line, after the first fix or `ONCE_S`.

    Returns:
        whether there was a fix.

    Raises:
        InputError: `settings.gpsd` is no address.
    """
    clock = BoxTime()
    with LiveReceiver(settings, clock) as receiver:

        def line() -> str:
            return gnss_line(receiver.health(), receiver.satellites, clock)

        if once:
            found = _wait_for_fix(receiver)
            typer.echo(line())
            return found
        with Live(auto_refresh=False) if sys.stdout.isatty() else nullcontext() as screen:
            while True:
                time.sleep(EVERY_S)
                if screen is None:
                    typer.echo(line())
                else:
                    screen.update(Text(line()), refresh=True)


def _wait_for_fix(receiver: LiveReceiver) -> bool:
    begun_s = time.monotonic()
    while receiver.health().state != "fix":
        if time.monotonic() - begun_s > ONCE_S:
            return False
        time.sleep(_POLL_S)
    return True
