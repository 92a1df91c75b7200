"""Every figure of the box's health for Prometheus, in its text format.

Nothing is counted here: each scrape tells the newest `BoxHealth`, so page, heartbeat and metrics never disagree. Labels
are names of cameras and codes of alarms; never an address, a place or a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from edge.box.health import BoxHealth, CameraHealth
from edge.sources.live.picture import CameraState

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_GNSS = ("fix", "no_fix", "silent", "off")
_TOLD = ("gnss", "server", "system", "unset")
_CAMERA: Final = ("camera",)


class BoxMetrics(Collector):
    """Makes the text. May be asked from any thread."""

    def __init__(self, health: Callable[[], BoxHealth | None]) -> None:
        """`health` gives the newest, or `None` before the first."""
        self._health = health
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def text(self) -> bytes:
        """Everything, as UTF-8; ``kerbwatch_box_up 0`` alone before the first second is over."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """The families of the newest health."""
        health = self._health()
        yield GaugeMetricFamily("kerbwatch_box_up", "1 once the box runs.", value=float(health is not None))
        if health is not None:
            yield from _box(health)
            yield from _cameras(health.cameras)
            yield from _gnss(health)
            yield from _link(health)
            yield from _store(health)
            yield from _alarms(health)


def _gauge(name: str, help_: str, value: float | None) -> Iterator[Metric]:
    """What is not known is not told: a gap in a curve is honest, a 0 is not."""
    if value is not None:
        yield GaugeMetricFamily(f"kerbwatch_box_{name}", help_, value=value)


def _counter(name: str, help_: str, value: float) -> Iterator[Metric]:
    yield CounterMetricFamily(f"kerbwatch_box_{name}", help_, value=value)


def _states(name: str, help_: str, states: tuple[str, ...], now: str) -> Iterator[Metric]:
    family = GaugeMetricFamily(f"kerbwatch_box_{name}", help_, labels=("state",))
    for state in states:
        family.add_metric((state,), float(state == now))
    yield family


def _box(health: BoxHealth) -> Iterator[Metric]:
    info = {"software": health.software, "pack": health.pack_version or "none"}
    yield InfoMetricFamily("kerbwatch_box", "What runs.", value=info)
    yield from _gauge("time_seconds", "UTC by the best word there is.", health.at.timestamp())
    yield from _states("time_told_by", "Who told the time.", _TOLD, health.time_told_by)
    yield from _gauge("uptime_seconds", "Since the box was started.", health.uptime_s)
    yield from _gauge("loop_age_seconds", "Since its slowest thread showed that it lives.", health.loop_age_s)
    yield from _counter("cpu_seconds", "Processor time of the box and its children.", health.cpu_s)
    yield from _gauge("resident_memory_bytes", "Memory of the box and its children.", health.rss_bytes)
    yield from _counter("reports", "Reports made since the start.", health.reports)


def _cameras(cameras: tuple[CameraHealth, ...]) -> Iterator[Metric]:
    state = GaugeMetricFamily("kerbwatch_box_camera_state", "State of a camera.", labels=("camera", "state"))
    for camera in cameras:
        for name in CameraState:
            state.add_metric((camera.camera_id, name.value), float(camera.status.state is name))
    yield state
    gauges: tuple[tuple[str, str, Callable[[CameraHealth], float | None]], ...] = (
        ("camera_frame_age_seconds", "Age of the newest picture.", lambda c: c.status.frame_age_s),
        ("camera_look_age_p99_seconds", "99th percentile of a picture's age at its look.", lambda c: c.look_age_p99_s),
        ("camera_unjudged", "1 while its looks cannot be judged.", lambda c: float(bool(c.unjudged))),
        ("camera_ring_bytes", "Packets kept for clips.", lambda c: c.status.ring_bytes),
    )
    for name, help_, of in gauges:
        family = GaugeMetricFamily(f"kerbwatch_box_{name}", help_, labels=_CAMERA)
        for camera in cameras:
            value = of(camera)
            if value is not None:
                family.add_metric((camera.camera_id,), value)
        yield family
    counters: tuple[tuple[str, str, Callable[[CameraHealth], float]], ...] = (
        ("camera_pictures", "Pictures decoded.", lambda c: c.status.pictures),
        ("camera_connections", "Connections made.", lambda c: c.status.connections),
        ("camera_looks", "Pictures that went through the network.", lambda c: c.looks),
        ("camera_looks_dropped", "Looks that came too late.", lambda c: c.looks_dropped),
    )
    for name, help_, counted in counters:
        family = CounterMetricFamily(f"kerbwatch_box_{name}", help_, labels=_CAMERA)
        for camera in cameras:
            family.add_metric((camera.camera_id,), counted(camera))
        yield family


def _gnss(health: BoxHealth) -> Iterator[Metric]:
    gnss = health.gnss
    yield from _states("gnss_state", "State of the receiver.", _GNSS, gnss.state)
    yield from _gauge("gnss_fix_age_seconds", "Age of the newest fix.", gnss.fix_age_s)
    yield from _gauge("gnss_sigma_meters", "Horizontal error of the newest fix, one sigma per axis.", gnss.sigma_m)
    yield from _gauge("speed_meters_per_second", "Over ground.", gnss.speed_m_s)
    yield from _counter("odometer_meters", "Way driven since the start.", gnss.odometer_m)


def _link(health: BoxHealth) -> Iterator[Metric]:
    link = health.link
    yield from _gauge("link_contact_age_seconds", "Since the server last answered.", link.contact_age_s)
    yield from _gauge("link_metered", "1 while bytes are paid for.", float(link.metered))
    yield from _gauge("link_refused", "1 while the server refuses the device.", float(link.refused))
    yield from _gauge("link_sent_today_bytes", "Sent today.", link.sent_today_bytes)
    yield from _gauge("link_budget_bytes", "May be sent today on a metered link.", link.budget_bytes)
    yield from _gauge("link_clock_offset_seconds", "Server's clock ahead of the box's own.", link.clock_offset_s)


def _store(health: BoxHealth) -> Iterator[Metric]:
    store, outbox = health.store, health.store.outbox
    yield from _gauge("disk_free_bytes", "Free room of the state folder.", store.disk_free_bytes)
    yield from _gauge("disk_bytes", "Size of its file system.", store.disk_bytes)
    reports = GaugeMetricFamily("kerbwatch_box_outbox_reports", "Reports in the outbox.", labels=("state",))
    for state in ("queued", "sent", "stored", "conflict", "refused"):
        reports.add_metric((state,), getattr(outbox, state))
    yield reports
    yield from _gauge("outbox_files_waiting", "Evidence files not yet at the server.", outbox.files_waiting)
    yield from _gauge("outbox_files_held", "Evidence files kept for a person to see.", outbox.files_held)
    yield from _gauge("outbox_bytes_waiting", "Bytes not yet at the server.", outbox.bytes_waiting)
    yield from _gauge("originals", "Encrypted originals kept.", store.originals)
    yield from _gauge("originals_bytes", "Room they take.", store.originals_bytes)


def _alarms(health: BoxHealth) -> Iterator[Metric]:
    family = GaugeMetricFamily(
        "kerbwatch_box_alarm", "1 for every alarm that stands.", labels=("code", "severity", "about")
    )
    for alarm in health.alarms:
        family.add_metric((alarm.code, alarm.severity, alarm.about), 1.0)
    yield family
