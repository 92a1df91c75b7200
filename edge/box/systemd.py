"""What the box says to systemd: that it is ready, that it lives, how it does, that it ends.

The protocol is sd_notify(3): one datagram of ``NAME=value`` lines to the socket that ``NOTIFY_SOCKET`` names. The
watchdog is fed only while every thread of the box shows that it lives: a box that hangs is restarted by systemd.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Final

from edge.box.health import BoxHealth

ALIVE_S: Final = 15.0
"""A thread that was silent for longer hangs: half of the unit's ``WatchdogSec``, so that one slow write is no hang."""

_STATUS_MAX = 300
_SEND_MAX_S = 1.0


class Systemd:
    """The notify socket of this service. Not started by systemd, every method does nothing and answers False."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """Read where to speak to; `environment` is left as it is, so children must not be given it unchanged."""
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog_s = _watchdog_s(environment)
        """Systemd ends the service when it is not fed for so long; `None`: it does not watch."""

    def ready(self) -> bool:
        """The box looks at its cameras."""
        return self._say("READY=1")

    def beat(self, health: BoxHealth, alive_s: float = ALIVE_S) -> bool:
        """Tell how it does, and feed the watchdog if no thread of the box hangs; whether it was fed."""
        self._say(f"STATUS={status_line(health)}")
        return health.loop_age_s <= alive_s and self._say("WATCHDOG=1")

    def stopping(self) -> bool:
        """The box ends as it was told."""
        return self._say("STOPPING=1")

    def _say(self, line: str) -> bool:
        if not self._address:
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.settimeout(_SEND_MAX_S)
            try:
                sock.sendto(line.encode(), self._address)
            except OSError:  # systemd is being restarted itself: the next second is soon enough
                return False
        return True


def status_line(health: BoxHealth) -> str:
    """One line for ``systemctl status``, in both languages; no place, no address."""
    live = sum(camera.status.state == "live" for camera in health.cameras)
    looks = sum(camera.looks for camera in health.cameras)
    line = (
        f"摄像头 cameras {live}/{len(health.cameras)} · 定位 gnss {health.gnss.state} · 识别 looks {looks} · "
        f"报告 reports {health.reports} · 待传 waiting {health.store.outbox.waiting}"
    )
    alarms = ", ".join(alarm.code for alarm in health.alarms)
    return (f"{line} · 告警 alarms {alarms}" if alarms else line)[:_STATUS_MAX]


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """As sd_watchdog_enabled(3): ``WATCHDOG_USEC``, unless it is meant for another process."""
    usec, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    meant = not pid or pid == str(os.getpid())
    return int(usec) / 1e6 if meant and usec.isdecimal() and int(usec) > 0 else None
