"""The text that Prometheus reads, read back by its own parser."""

from __future__ import annotations

from dataclasses import fields

from prometheus_client.parser import text_string_to_metric_families

from detector.vocabulary import Text
from edge.box.health import Alarm, BoxHealth
from edge.box.metrics import BoxMetrics
from edge.sources.live.picture import CameraState
from tests.edge.healthy import BEGIN, camera, healthy


def scraped(health: BoxHealth | None) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = BoxMetrics(lambda: health).text().decode()
    return {
        (sample.name.removeprefix("kerbwatch_box_"), tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_before_the_first_second() -> None:
    assert scraped(None) == {("up", ()): 0.0}


def test_figures_labels_and_gaps() -> None:
    alarm = Alarm("camera_away", "critical", Text("连不上", "away"), BEGIN, about='fro"nt\n')
    away = camera(CameraState.AWAY, looks=7, looks_dropped=2, trouble="rtsp://10.0.0.5 refused")
    found = scraped(
        healthy(cameras=(away,), gnss={"speed_m_s": None, "odometer_m": 12.5}, reports=3, cpu_s=8.5, alarms=(alarm,))
    )
    camera_label = ("camera", "front")
    assert found["up", ()] == 1
    assert found["camera_state", (camera_label, ("state", "away"))] == 1
    assert found["camera_state", (camera_label, ("state", "live"))] == 0
    assert found["camera_looks_total", (camera_label,)] == 7
    assert found["camera_looks_dropped_total", (camera_label,)] == 2
    assert found["cpu_seconds_total", ()] == 8.5
    assert found["odometer_meters_total", ()] == 12.5
    assert found["reports_total", ()] == 3
    assert found["gnss_state", (("state", "fix"),)] == 1
    assert found["outbox_reports", (("state", "stored"),)] == 4
    assert found["alarm", (("about", 'fro"nt\n'), ("code", "camera_away"), ("severity", "critical"))] == 1
    # Nobody knows the speed: no figure, not 0.
    assert ("speed_meters_per_second", ()) not in found
    assert ("link_budget_bytes", ()) not in found


def test_texts_and_addresses_stay_out() -> None:
    told = BoxMetrics(
        lambda: healthy(
            cameras=(camera(CameraState.AWAY, trouble="rtsp://10.0.0.5 refused"),), link={"trouble": "no way to it"}
        )
    ).text()
    assert b"10.0.0.5" not in told
    assert b"no way" not in told


def test_every_figure_of_the_health_is_told() -> None:
    """A figure that is added to the health is added to the metrics."""
    names = {name for name, _ in scraped(healthy(link={"budget_bytes": 5}, cameras=(camera(look_age_p99_s=0.2),)))}
    assert len(names) >= 30
    health = healthy()
    untold = {"trouble", "used", "quality", "outbox", "alarms", "monotonic_s", "status", "camera_id", "cameras", "gnss"}
    figures = [
        field.name
        for part in (health, health.gnss, health.link, health.store, health.cameras[0])
        for field in fields(part)
        if field.name not in untold | {"link", "store", "at", "software", "pack_version"}
    ]
    plain = {"rss_bytes": "resident_memory_bytes", "time_told_by": "time_told_by", "state": "gnss_state"}
    for figure in figures:
        wanted = plain.get(figure, figure.removesuffix("_s").removesuffix("_m").removesuffix("_m_s"))
        assert any(wanted in name for name in names), figure
