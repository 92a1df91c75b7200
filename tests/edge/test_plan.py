"""Whose models a patrol runs: those of Kerbwatch's makers, of the site's signers, and of who is named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from detector.errors import BundleError, InputError
from edge.config import PatrolConfig
from edge.plan import make_plan
from models.signing import make_key, read_signing_key, seal_folder
from tests.detector.model.conftest import tiny_bundle
from tests.edge.clips import write_clip
from tests.edge.street import write_street

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
