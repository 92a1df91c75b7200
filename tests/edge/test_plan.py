"""Whose models a patrol runs: those of Kerbwatch's makers, of the site's signers, and of who is named."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import shapely
import yaml

from detector.errors import BundleError, InputError
from detector.geo.crs import GCJ02, WGS84, Crs, from_wgs84
from edge.config import PatrolConfig
from edge.plan import make_plan
from edge.sources import Window
from models.signing import make_key, read_signing_key, seal_folder
from tests.conftest import ROOT
from tests.detector.geo.town import drive, footways
from tests.detector.model.conftest import tiny_bundle
from tests.edge.clips import write_clip
from tests.edge.nmea import gga, rmc
from tests.edge.street import write_street
from tests.edge.survey import drone as drone_photos

DEVICE_ID = "d" * 64


@pytest.fixture
def city_key(tmp_path: Path) -> Path:
    make_key(tmp_path / "city.key", "my-city")
    return tmp_path / "city.key"


@pytest.fixture
def config(tmp_path: Path, city_key: Path) -> PatrolConfig:
    """A patrol with a bundle that a city signed."""
    bundle = tiny_bundle(tmp_path / "bundle").dir
    seal_folder(bundle, read_signing_key(city_key))
    site = write_street(tmp_path / "site", image_px=(320, 240), height_m=3.0, pitch_deg=-20.0, fov_deg=60.0)
    clip = write_clip(tmp_path / "street.mp4", frames=3)
    return PatrolConfig(sources=(str(clip),), site=site, model=bundle, start_utc=(datetime(2026, 5, 17, tzinfo=UTC),))


def _put_into_site(config: PatrolConfig, public_key: Path) -> PatrolConfig:
    (config.site / "signers").mkdir()
    shutil.copy(public_key, config.site / "signers")
    return config


@pytest.mark.parametrize(
    "trusting",
    [lambda config, public_key: replace(config, trust=(public_key,)), _put_into_site],
    ids=["--trust", "signers/ of the site"],
)
def test_a_city_runs_its_own_model(
    config: PatrolConfig, city_key: Path, trusting: Callable[[PatrolConfig, Path], PatrolConfig]
) -> None:
    with pytest.raises(BundleError, match=r"not trusted \(trusted: kerbwatch-release-2026\)"):
        make_plan(config, DEVICE_ID)
    plan = make_plan(trusting(config, Path(f"{city_key}.pub")), DEVICE_ID)
    assert plan.detector.bundle.signer.name == "my-city"


def test_who_is_trusted_changes_no_name_of_the_patrol(config: PatrolConfig, city_key: Path) -> None:
    """Neither the site's hash nor the patrol's id, so hit keys stay the same."""
    named = make_plan(replace(config, trust=(Path(f"{city_key}.pub"),)), DEVICE_ID)
    in_site = make_plan(_put_into_site(config, Path(f"{city_key}.pub")), DEVICE_ID)
    assert (named.patrol_id, named.versions) == (in_site.patrol_id, in_site.versions)


def test_a_stray_file_among_the_signers_is_named(config: PatrolConfig, city_key: Path) -> None:
    _put_into_site(config, city_key)
    with pytest.raises(InputError, match=r"city\.key is no \*\.pub file: signers/ holds public keys only"):
        make_plan(config, DEVICE_ID)


def test_the_private_key_is_not_taken_for_the_public_one(config: PatrolConfig, city_key: Path) -> None:
    with pytest.raises(InputError, match=r"city\.key is a private key, which must stay with its signer"):
        make_plan(replace(config, trust=(city_key,)), DEVICE_ID)


@pytest.fixture
def town_patrol(tmp_path: Path) -> PatrolConfig:
    """A patrol on a site whose footways are those of a made-up town, by its vehicle's camera."""
    site = Path(shutil.copytree(ROOT / "edge" / "demo_site", tmp_path / "town"))
    text = (site / "site.yaml").read_text(encoding="utf-8")
    (site / "site.yaml").write_text(re.sub(r"bbox: .*", "bbox: [117.1, 34.2, 117.3, 34.3]", text), encoding="utf-8")
    features = [
        {
            "type": "Feature",
            "properties": {"id": f"way-{i}", "kind": "public_ground", "name": {"zh": "人行道", "en": "footway"}},
            "geometry": json.loads(shapely.to_geojson(polygon)),
        }
        for i, polygon in enumerate(footways())
    ]
    layer = {"type": "FeatureCollection", "features": features}
    (site / "zones" / "ways.geojson").write_text(json.dumps(layer), encoding="utf-8")
    clip = write_clip(tmp_path / "street.mp4", frames=3)
    return PatrolConfig(
        sources=(str(clip),), site=site, model=tmp_path / "no-bundle", start_utc=(datetime(2026, 5, 18, 4, tzinfo=UTC),)
    )


def _with_log(config: PatrolConfig, crs: Crs) -> PatrolConfig:
    fixes = drive(sigma_m=3.0)
    moved = from_wgs84([(fix.lon_deg, fix.lat_deg) for fix in fixes], crs).tolist()
    path = config.site.parent / "drive.nmea"
    lines = [gga(fix.at, lon, lat) for fix, (lon, lat) in zip(fixes, moved, strict=True)]
    path.write_text("\r\n".join([rmc(fixes[0].at, *moved[0]), *lines]) + "\r\n", encoding="ascii")
    return replace(config, gnss=path)


def test_a_log_in_gcj02_is_refused_before_anything_is_judged(town_patrol: PatrolConfig) -> None:
    with pytest.raises(InputError, match=r"looks like GCJ-02 logged as WGS-84: 5\d\d m to the east; .*\(--gnss-sure"):
        make_plan(_with_log(town_patrol, GCJ02), DEVICE_ID)


@pytest.mark.parametrize(("crs", "sure"), [(WGS84, False), (GCJ02, True)])
def test_an_honest_log_and_who_is_sure_are_believed(town_patrol: PatrolConfig, crs: Crs, sure: bool) -> None:
    # what is missing next is the model
    with pytest.raises(BundleError, match="no-bundle"):
        make_plan(replace(_with_log(town_patrol, crs), gnss_sure=sure), DEVICE_ID)


def _drone(config: PatrolConfig, folder: Path) -> PatrolConfig:
    """The patrol over drone photos, with a camera of the site on that drone."""
    cameras = yaml.safe_load((config.site / "cameras.yaml").read_text())
    drone = {
        "id": "drone",
        "name": {"zh": "无人机", "en": "drone"},
        "type": "drone",
        "image_px": list(drone_photos.SIZE_PX),
    }
    drone["lens"] = {"horizontal_fov_deg": drone_photos.FOV_DEG}
    cameras["cameras"].append(drone)
    (config.site / "cameras.yaml").write_text(yaml.safe_dump(cameras, allow_unicode=True))
    trusted = replace(config, trust=(config.trust or (config.site.parent / "city.key.pub",)))
    return replace(trusted, sources=(str(folder),), camera="drone", start_utc=())


def test_drone_photos_bring_their_own_poses(config: PatrolConfig, tmp_path: Path) -> None:
    drone_photos.write_photo(_folder(tmp_path) / "a.jpg")
    drone_photos.write_photo(tmp_path / "photos" / "b.jpg", packet=b"", taken="2026:05:17 09:30:07")
    plan = make_plan(_drone(config, tmp_path / "photos"), DEVICE_ID)
    assert plan.gnss is not None
    (fix,) = plan.gnss.fixes
    assert (fix.above_ground_m, fix.pitch_deg) == (40.0, -90.0)
    assert fix.at == plan.sources[0].starts_at
    assert any("b.jpg has no drone-dji:GimbalPitchDegree" in w for w in plan.warnings)


def test_a_poses_file_wins_and_names_another_patrol(config: PatrolConfig, tmp_path: Path) -> None:
    drone_photos.write_photo(_folder(tmp_path) / "a.jpg")
    poses = tmp_path / "poses.csv"
    poses.write_text(
        "photo,lon_deg,lat_deg,above_ground_m,heading_deg,pitch_deg,roll_deg\na.jpg,117.2,34.26,40,225,-90,0\n"
    )
    asked = _drone(config, tmp_path / "photos")
    tagged, mended = make_plan(asked, DEVICE_ID), make_plan(replace(asked, poses=poses), DEVICE_ID)
    assert mended.gnss is not None
    assert mended.gnss.fixes[0].heading_deg == 225.0
    assert mended.patrol_id != tagged.patrol_id


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"gnss": Path("a.nmea")}, "camera drone is a drone's: a GNSS log tells neither its height nor its gimbal"),
        ({"camera": "cam", "poses": Path("p.csv")}, "camera cam is no drone's: --poses is for drone photos"),
    ],
)
def test_poses_and_logs_do_not_mix(config: PatrolConfig, tmp_path: Path, changed: dict[str, object], says: str) -> None:
    drone_photos.write_photo(_folder(tmp_path) / "a.jpg")
    with pytest.raises(InputError, match=says):
        make_plan(replace(_drone(config, tmp_path / "photos"), **changed), DEVICE_ID)


def test_a_video_from_a_drone_has_no_places_yet(config: PatrolConfig) -> None:
    asked = _drone(config, Path(config.sources[0]))
    plan = make_plan(replace(asked, start_utc=config.start_utc), DEVICE_ID)
    assert plan.gnss is None
    assert any("street.mp4 is a video from a drone without a pose" in w for w in plan.warnings)


def _folder(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    return tmp_path / "photos"


def test_by_motion_is_for_a_camera_that_stands(town_patrol: PatrolConfig) -> None:
    with pytest.raises(InputError, match="--by-motion is for a camera that stands, and ebike-front does not"):
        make_plan(replace(town_patrol, camera="ebike-front", window=Window(by_motion=True)), DEVICE_ID)
