"""Real street clips without a violation, on a made-up site of the strictest kind: no case, every look-alike named.

All ground is footway, nothing may stand anywhere, and no waiting time excuses anybody: what keeps these clips clean is
what is seen. The poses are guesses from the pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.config import PatrolConfig
from edge.outbox import Outbox
from edge.patrol import run_patrol
from edge.sources import Window
from tests.edge.street import write_street

pytestmark = pytest.mark.slow

START = datetime(2026, 5, 17, 4, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Clip:
    """A clip, a guess at its camera, and look-alikes that must be named."""

    name: str
    image_px: tuple[int, int]
    height_m: float
    pitch_deg: float
    fov_deg: float
    look_alikes: frozenset[str]
    window: Window = field(default_factory=Window)


CLIPS = (
    # A car park from above: one car drives through an empty picture.
    Clip("intel_car-detection.mp4", (768, 432), 8.0, -60.0, 60.0, frozenset({"moving_vehicle"}), Window(17.0, 19.0)),
    # The same car park: a car turns, somebody walks, somebody rides a bicycle.
    Clip(
        "intel_person-bicycle-car-detection.gif", (480, 270), 8.0, -40.0, 60.0,
        frozenset({"moving_vehicle", "ridden_bike", "passer_by"}),
    ),
    # A junction: cars, and a cyclist who comes close.
    Clip("otc_Cars-Cyclist.mp4", (800, 600), 5.0, -25.0, 70.0, frozenset({"moving_vehicle", "ridden_bike"})),
    # Trees beside a road, from a phone that pans.
    Clip("mapillary_sample-5s.mp4", (1920, 1080), 1.6, 0.0, 65.0, frozenset({"moving_vehicle"}), Window(every_s=0.3)),
)  # fmt: skip


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.name)
def test_no_case(clip: Clip, shared_data: Path, bundle: Path, tmp_path: Path) -> None:
    site = write_street(
        tmp_path / "site",
        image_px=clip.image_px,
        height_m=clip.height_m,
        pitch_deg=clip.pitch_deg,
        fov_deg=clip.fov_deg,
    )
    config = PatrolConfig(
        sources=(str(shared_data / "video" / clip.name),),
        site=site,
        model=bundle,
        start_utc=(START,),
        window=clip.window,
    )
    with Outbox.open(tmp_path / "state") as outbox:
        result = run_patrol(config, outbox)
        assert list(outbox.reports()) == []
    assert result.reports == ()
    assert clip.look_alikes <= result.look_alikes.keys()
