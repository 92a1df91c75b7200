"""A box that does well, second by second; tests change what they are about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from edge.box.health import BoxHealth, CameraHealth, GnssHealth, LinkHealth, StoreHealth
from edge.parcels import Counts
from edge.sources.live.picture import CameraState, CameraStatus

BEGIN = datetime(2026, 5, 17, 1, 30, tzinfo=UTC)
GIB = 1024**3
NOTHING_WAITS = Counts(
    queued=0, sent=0, stored=4, conflict=0, refused=0, files_waiting=0, files_held=0, bytes_waiting=0
)


def camera(
    state: CameraState = CameraState.LIVE, *, looks: int = 10, age_s: float = 0.1, trouble: str = "", **more: Any
):
    """The camera ``front``."""
    status = CameraStatus(state, age_s, 1000, 1, (1920, 1080), "h264", trouble, 1_000_000)
    return CameraHealth("front", status, looks, **more)


def healthy(
    second: float = 0.0,
    *,
    cameras: tuple[CameraHealth, ...] | None = None,
    gnss: dict[str, Any] | None = None,
    link: dict[str, Any] | None = None,
    store: dict[str, Any] | None = None,
    outbox: dict[str, Any] | None = None,
    **changes: Any,
) -> BoxHealth:
    """Health at a second since `BEGIN`; looks go on unless cameras are given."""
    counts = replace(NOTHING_WAITS, **(outbox or {}))
    return BoxHealth(
        **{
            "at": BEGIN + timedelta(seconds=second),
            "monotonic_s": 5000.0 + second,
            "time_told_by": "gnss",
            "uptime_s": 100.0 + second,
            "loop_age_s": 0.2,
            "software": "0.1.0",
            "pack_version": "3.1",
            "cameras": (camera(looks=10 + int(second)),) if cameras is None else cameras,
            "gnss": GnssHealth(**{"state": "fix", "fix_age_s": 0.2, "sigma_m": 1.5, "speed_m_s": 0.0, **(gnss or {})}),
            "link": LinkHealth(**{"contact_age_s": 3.0, "clock_offset_s": 0.1, **(link or {})}),
            "store": StoreHealth(
                **{"disk_free_bytes": 50 * GIB, "disk_bytes": 64 * GIB, "outbox": counts, **(store or {})}
            ),
            "rss_bytes": 200 * 1024**2,
            **changes,
        }
    )
