"""The pinned JavaScript: exact versions, no addresses in the lock file, and nothing fetched twice."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT


@pytest.fixture
def fetch_web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("fetch_web", ROOT / "tools" / "fetch_web.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "VENDOR", tmp_path / "vendor")
    monkeypatch.setattr(module, "STAMP", tmp_path / "vendor" / ".stamp")
    return module


def _node_modules(folder: Path, module: ModuleType) -> Path:
    for source in module.FILES:
        path = folder / "node_modules" / source
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return folder / "node_modules"


def test_versions_are_exact_and_hashed_and_name_no_host() -> None:
    pins = json.loads((ROOT / "package.json").read_text())["dependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in pins.values())
    lock = json.loads((ROOT / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert not any("resolved" in entry for entry in packages.values())


def test_a_finished_copy_is_up_to_date_and_a_damaged_one_is_not(fetch_web: ModuleType, tmp_path: Path) -> None:
    assert not fetch_web.up_to_date()
    fetch_web.install(_node_modules(tmp_path, fetch_web))
    assert fetch_web.up_to_date()
    (fetch_web.VENDOR / "htmx.min.js").unlink()
    assert not fetch_web.up_to_date()


def test_another_pin_makes_it_old(fetch_web: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_web.install(_node_modules(tmp_path, fetch_web))
    pin = tmp_path / "package.json"
    pin.write_text("{}")
    monkeypatch.setattr(fetch_web, "PINS", (pin,))
    assert not fetch_web.up_to_date()
