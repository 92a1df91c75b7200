"""Ground points of a standing camera: what they miss by, and how leaving one out shows a mistake."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

from detector.errors import InputError
from detector.geo.camera import CameraSigmas, FixedPose, Lens
from detector.geo.plane import LocalPlane
from detector.geo.project import pixels_of
from detector.site import check_site, load_site
from detector.site.cli import app
from detector.site.ground_fit import fit_homography
from detector.site.schema import GroundPointIn
from tests.detector.site.folders import copy_demo_site, edit_yaml

PLANE = LocalPlane(117.19, 34.26)
CAMERA = FixedPose("c", 117.19, 34.26, 5.0, 0.0, -20.0, 0.0, Lens.from_fov(1280, 720, 70.0), CameraSigmas())
SPOTS = np.array([(-3, 8), (3, 8), (-6, 15), (6, 15), (-4, 22), (5, 24), (0, 12), (1, 18)], np.float64)


def marked(count: int, *, noise_px: float = 0.0, wrong: dict[int, tuple[float, float]] | None = None):
    """Ground points as somebody marks them; `wrong` moves some on the map by metres."""
    rng = np.random.default_rng(1)
    pixels = pixels_of(CAMERA, None, PLANE.lon_lat_deg(SPOTS[:count])) + rng.normal(0, noise_px, (count, 2))
    moved = SPOTS[:count].copy()
    for index, shift in (wrong or {}).items():
        moved[index] += shift
    return [
        GroundPointIn(pixel=(u, v), lon_lat=(lon, lat))
        for (u, v), (lon, lat) in zip(pixels.tolist(), PLANE.lon_lat_deg(moved).tolist(), strict=True)
    ]


def fit(points):
    return fit_homography(points, PLANE, 2.0, (1280, 720))


def test_exact_points_miss_by_nothing():
    found = fit(marked(8))
    assert len(found.misfit_m) == len(found.left_out_m) == 8
    assert max(found.misfit_m + found.left_out_m) < 1e-4


def test_a_mirrored_map_fits_exactly_and_is_refused():
    mirrored = {index: (-2.0 * east, 0.0) for index, (east, _) in enumerate(SPOTS[:4])}
    with pytest.raises(InputError, match="is seen in a mirror"):
        fit(marked(4, wrong=mirrored))


def test_a_ground_point_in_another_city_is_named(tmp_path):
    folder = copy_demo_site(tmp_path / "site")
    points = [{"pixel": list(p.pixel), "lon_lat": list(p.lon_lat)} for p in marked(8)]
    points[2]["lon_lat"] = [118.19, 34.26]
    camera = {"id": "c", "name": {"zh": "c", "en": "c"}, "type": "fixed", "image_px": [1280, 720], "lon_deg": 117.19,
              "lat_deg": 34.26, "height_m": 5.0, "ground_points": points}  # fmt: skip
    edit_yaml(folder / "cameras.yaml", lambda raw: raw["cameras"].append(camera))
    (problem,) = check_site(folder)
    assert (problem.feature, problem.field) == ("c", "ground_points.2.lon_lat")
    assert "lies outside the bbox" in problem.message


@pytest.mark.parametrize(("count", "left_out"), [(4, 0), (5, 0), (6, 6), (8, 8)])
def test_six_points_check_each_other(count, left_out):
    assert len(fit(marked(count, noise_px=1.0)).left_out_m) == left_out


def test_four_points_fit_exactly_whatever_they_are_and_six_tell_a_mistake():
    wrong = {1: (0.0, 0.8)}
    assert max(fit(marked(4, wrong=wrong)).misfit_m) < 1e-6
    told = fit(marked(8, noise_px=0.5, wrong=wrong))
    assert int(np.argmax(told.left_out_m)) == 1
    assert told.left_out_m[1] > 0.7


def test_the_residual_is_that_of_points_left_out():
    found = fit(marked(8, noise_px=2.0))
    assert found.residual_m == pytest.approx(np.sqrt(np.mean(np.square(found.left_out_m))))
    assert found.residual_m > np.sqrt(np.mean(np.square(found.misfit_m)))


@pytest.mark.parametrize(
    ("count", "told"), [(8, "8 个地面点误差 · ground points miss by"), (5, "six or more would check each other")]
)
def test_site_check_tells_it(tmp_path, count, told):
    folder = copy_demo_site(tmp_path / "site")

    def tie(raw):
        camera = next(c for c in raw["cameras"] if c["type"] == "fixed")
        plane = LocalPlane(camera["lon_deg"], camera["lat_deg"])
        width, height = camera["image_px"]
        camera["ground_points"] = [
            {"pixel": [p.pixel[0] * width / 1280, p.pixel[1] * height / 720], "lon_lat": list(spot)}
            for p, spot in zip(marked(count), plane.lon_lat_deg(SPOTS[:count]).tolist(), strict=True)
        ]
        for key in ("heading_deg", "pitch_deg", "roll_deg", "lens"):
            camera.pop(key, None)

    edit_yaml(folder / "cameras.yaml", tie)
    result = CliRunner().invoke(app, ["check", str(folder)])
    assert result.exit_code == 0, result.output
    assert told in result.output
    assert any(getattr(camera, "misfit_m", ()) for camera in load_site(folder).cameras.values())
