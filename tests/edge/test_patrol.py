"""The patrol over real video with the real model: what is reported, what is not, and the same again after an end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from detector.errors import InputError
from detector.report import ReportBody, SealedReport
from edge.config import PatrolConfig
from edge.outbox import Outbox
from edge.patrol import run_patrol, tracker_limits
from edge.progress import ProgressBar
from edge.result import PatrolResult
from edge.sources import Picture, PictureSource, VideoSource, Window
from tests.edge.clips import cut, write_clip
from tests.edge.nmea import drive_east
from tests.edge.street import LAT_DEG, LON_DEG, write_street

DEMO_SITE = Path(__file__).resolve().parents[2] / "edge" / "demo_site"
START = datetime(2026, 5, 16, 23, 30, tzinfo=UTC)
WALL = Window(from_s=7.48, to_s=8.8, every_s=0.1)


@pytest.fixture
def outbox(state: Path) -> Iterator[Outbox]:
    with Outbox.open(state) as box:
        yield box


@pytest.fixture
def wall(bikes_clip: Path, bundle: Path) -> PatrolConfig:
    """A standing camera looks at a riderless bicycle leaning against a wall."""
    return PatrolConfig(
        sources=(str(bikes_clip),), site=DEMO_SITE, model=bundle, camera="wall-cam", start_utc=(START,), window=WALL
    )


def _bodies(outbox: Outbox) -> list[ReportBody]:
    return [SealedReport.model_validate_json(r.sealed).body for r in outbox.reports()]


def _without_ids(outbox: Outbox) -> set[str]:
    """All reports, but for the ids that are minted at random."""
    return {json.dumps(b.model_dump(mode="json", exclude={"report_id"}), sort_keys=True) for b in _bodies(outbox)}


class _Interrupts(ProgressBar):
    """Ctrl-C after so many pictures."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._left = after

    def advance(self, completed: float, note: str = "") -> None:
        self._left -= 1
        if self._left <= 0:
            raise KeyboardInterrupt


def test_a_bicycle_left_at_a_wall(wall: PatrolConfig, outbox: Outbox) -> None:
    result = run_patrol(wall, outbox)

    (line,) = result.reports
    (body,) = _bodies(outbox)
    assert (line.kind, line.cue, line.outcome) == ("disorderly_bike", "bicycle", "violation")
    assert line.place is not None
    assert line.place.synthetic
    assert 0 < line.place.sigma_own_m < 1
    assert str(body.report_id) == line.report_id
    assert body.device_id == outbox.device_id
    assert body.place is not None
    assert body.place.synthetic
    assert body.fix is None
    assert body.pass_id == f"{result.patrol_id}/0.0"
    assert body.zone_ids == ("footway-north",)
    assert body.first_seen_at >= START
    assert result.frames == 13
    assert result.watched_s == pytest.approx(1.2, abs=0.05)
    assert result.exit_code == 0


def test_a_standing_camera_is_never_moved_whatever_it_counts_as(wall: PatrolConfig, outbox: Outbox) -> None:
    result = run_patrol(replace(wall, observed_by="vehicle"), outbox)
    assert result.tracks > 0
    assert result.registered.of == 0
    assert all(body.place is None or body.place.offset is None for body in _bodies(outbox))


def test_evidence_is_blurred_and_bound(wall: PatrolConfig, outbox: Outbox) -> None:
    run_patrol(wall, outbox)
    (kept,) = outbox.reports()
    (body,) = _bodies(outbox)
    assert {path.stem for path in kept.files} == {item.sha256 for item in body.evidence}
    for path in kept.files:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem
    for item in body.evidence:
        assert item.blurred
        assert item.blur_method.startswith("person_head+vehicle_band")
        assert [b.cue for b in item.boxes if b.subject] == ["bicycle"]


def test_run_again_it_makes_no_second_report(wall: PatrolConfig, outbox: Outbox) -> None:
    first = run_patrol(wall, outbox)
    again = run_patrol(wall, outbox)
    assert [r.report_id for r in again.reports] == [r.report_id for r in first.reports]
    assert outbox.counts().queued == 1


def test_stopped_and_run_again_it_ends_as_if_undisturbed(wall: PatrolConfig, outbox: Outbox, tmp_path: Path) -> None:
    stopped = run_patrol(wall, outbox, _Interrupts(after=8))
    assert stopped.interrupted
    assert stopped.exit_code == 130
    assert stopped.reports == ()
    run_patrol(wall, outbox)

    key = outbox._key  # the same device on another disk
    with Outbox.open(tmp_path / "undisturbed", key=key) as other:
        run_patrol(wall, other)
        assert _without_ids(other) == _without_ids(outbox)
        assert len(_without_ids(other)) == 1


def test_a_bike_in_a_bay_is_no_case(wall: PatrolConfig, outbox: Outbox, tmp_path: Path) -> None:
    # The same picture, but all ground around the camera is one big bay.
    site = write_street(
        tmp_path / "site", image_px=(640, 272), height_m=1.1, pitch_deg=-8.3, fov_deg=44.0,
        bay_at_m=(0.0, 10.0), bay_half_m=20.0,
    )  # fmt: skip
    result = run_patrol(replace(wall, site=site, camera=None), outbox)
    assert result.reports == ()
    assert result.look_alikes["bike_in_bay"] == 1


def _ride(folder: Path) -> Path:
    """A site whose camera rides on a vehicle, for pictures of the street clip."""
    return write_street(folder, image_px=(640, 272), height_m=1.1, pitch_deg=-8.3, fov_deg=44.0, vehicle=True)


def test_without_a_fix_the_place_is_unknown(wall: PatrolConfig, outbox: Outbox, tmp_path: Path) -> None:
    result = run_patrol(replace(wall, site=_ride(tmp_path / "site"), camera=None), outbox)
    (line,) = result.reports
    (body,) = _bodies(outbox)
    assert line.place is None
    assert body.place is None
    assert body.outcome.value == "unsure"
    assert [r.code for r in line.reasons] == ["place_unknown"]
    assert result.places_unknown == 1
    assert any("no --gnss log" in warning for warning in result.warnings)


def test_a_vehicle_with_a_made_up_log(wall: PatrolConfig, outbox: Outbox, tmp_path: Path) -> None:
    site = _ride(tmp_path / "site")
    log = drive_east(tmp_path / "drive.nmea", START, 20, lon_deg=LON_DEG, lat_deg=LAT_DEG, speed_m_s=1.2)
    result = run_patrol(replace(wall, site=site, camera=None, gnss=log), outbox)
    (line,) = result.reports
    (body,) = _bodies(outbox)
    assert line.place is not None
    assert line.place.synthetic
    assert line.place.sigma_pass_m > 2.0  # the GNSS error, shared by the pass
    assert body.fix is not None
    assert body.fix.synthetic
    assert body.observed_by == "vehicle"
    assert result.gnss is not None
    assert result.gnss.fixes == 21


def test_a_log_of_another_day(wall: PatrolConfig, outbox: Outbox, tmp_path: Path) -> None:
    log = drive_east(tmp_path / "drive.nmea", START.replace(day=15), 20)
    with pytest.raises(InputError, match=r"bikes\.mp4 was recorded .* --gnss-offset-s \+86407"):
        run_patrol(replace(wall, camera="ebike-front", gnss=log), outbox)


def test_a_log_for_a_standing_camera(wall: PatrolConfig, outbox: Outbox, tmp_path: Path) -> None:
    log = drive_east(tmp_path / "drive.nmea", START, 20)
    with pytest.raises(InputError, match="camera wall-cam stands still: --gnss is for a camera on a vehicle"):
        run_patrol(replace(wall, gnss=log), outbox)


@pytest.mark.parametrize(
    ("camera", "message"),
    [
        (None, "say which camera took the pictures with --camera NAME; cameras.yaml names: corner-cam, ebike-front"),
        ("nowhere-cam", "the site has no camera 'nowhere-cam'"),
    ],
)
def test_which_camera(wall: PatrolConfig, outbox: Outbox, camera: str | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        run_patrol(replace(wall, camera=camera), outbox)


def test_the_same_file_under_two_names(wall: PatrolConfig, outbox: Outbox, tmp_path: Path, bikes_clip: Path) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(bikes_clip.read_bytes())
    with pytest.raises(InputError, match=r"copy\.mp4 has the same content as another --source"):
        run_patrol(replace(wall, sources=(str(bikes_clip), str(copy)), start_utc=(START, START)), outbox)


def _empty_street(bundle: Path, folder: Path, *sources: Path) -> PatrolConfig:
    site = write_street(folder / "site", image_px=(320, 240), height_m=3.0, pitch_deg=-20.0, fov_deg=60.0)
    return PatrolConfig(sources=tuple(map(str, sources)), site=site, model=bundle, start_utc=(START,) * len(sources))


def _ran(config: PatrolConfig, outbox: Outbox) -> PatrolResult:
    result = run_patrol(config, outbox)
    assert result.reports == ()
    return result


def test_a_cut_off_source_is_used_and_told(bundle: Path, outbox: Outbox, tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4", options={"movflags": "faststart"})
    part = cut(whole, tmp_path / "part.mp4", 0.66)
    result = _ran(_empty_street(bundle, tmp_path, part), outbox)
    assert 5 < result.frames < 30
    assert result.partial
    assert result.exit_code == 3
    assert "part.mp4 is cut off after" in result.warnings[0]


def test_a_changing_size_is_a_new_scene(bundle: Path, outbox: Outbox, tmp_path: Path) -> None:
    big = write_clip(tmp_path / "1.ts", container="mpegts", frames=6)
    small = write_clip(tmp_path / "2.ts", container="mpegts", frames=6, size=(160, 120))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(big.read_bytes() + small.read_bytes())
    assert _ran(_empty_street(bundle, tmp_path, joined), outbox).frames == 12


def test_two_sources_of_one_name(bundle: Path, outbox: Outbox, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = write_clip(tmp_path / "a" / "cam.mp4", frames=4)
    second = write_clip(tmp_path / "b" / "cam.mp4", frames=5)
    assert _ran(_empty_street(bundle, tmp_path, first, second), outbox).frames == 9


def test_a_model_that_cannot_blur_is_refused_early(wall: PatrolConfig, outbox: Outbox, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"face model .*none\.onnx is missing"):
        run_patrol(replace(wall, face_model=tmp_path / "none.onnx"), outbox)
    with pytest.raises(InputError, match=r"plate model .*none\.onnx is missing"):
        run_patrol(replace(wall, plate_model=tmp_path / "none.onnx"), outbox)


def test_the_tracker_waits_as_long_as_the_pictures_are_apart() -> None:
    video = VideoSource(Path("/a.mp4"), "a.mp4", "0" * 64, START, 10.0)
    folder = PictureSource(
        Path("/f"), "f", "0" * 64, START, 20.0, tuple(Picture(Path(f"/f/{i}.jpg"), i * 2.0) for i in range(11))
    )
    assert tracker_limits(video, Window()).lost_s == 2.0
    assert tracker_limits(video, Window(every_s=2.0)).lost_s == 5.0
    assert tracker_limits(folder, Window()).lost_s == 5.0
    assert tracker_limits(folder, Window()).confirm_hits == 1


def test_a_camera_of_another_shape_is_refused_at_the_first_picture(wall: PatrolConfig, outbox: Outbox) -> None:
    message = r"bikes\.mp4: pictures are 640 x 272 px, camera 'ebike-front' of the site is for 1280 x 720 px"
    with pytest.raises(InputError, match=message):
        run_patrol(replace(wall, camera="ebike-front"), outbox)
    assert list(outbox.reports()) == []


def test_a_shape_that_changes_on_the_way_is_told(bundle: Path, outbox: Outbox, tmp_path: Path) -> None:
    first = write_clip(tmp_path / "1.ts", container="mpegts", frames=6)
    other = write_clip(tmp_path / "2.ts", container="mpegts", frames=6, size=(240, 240))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + other.read_bytes())
    result = _ran(_empty_street(bundle, tmp_path, joined), outbox)
    assert result.frames == 12
    assert any("pictures are 240 x 240 px" in warning for warning in result.warnings)
