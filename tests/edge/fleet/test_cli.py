"""`kerbwatch pack` as people type it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from detector.model.signers import Signer
from kerbwatch import main
from tests.packs import SITE, Workshop, tiny_files
from tests.signing import KEY


@pytest.fixture
def desk(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model, its signer's public key, and a box's settings."""
    tiny_files(workshop.shared)
    (workshop.folder / "models.pub").write_text(Signer.of(KEY, "throw-away").to_text(), encoding="utf-8")
    settings = {
        "state": "state",
        "site": str(SITE),
        "model": str(workshop.shared / "tiny"),
        "trust": ["city.key.pub", "models.pub"],
        "cameras": [{"camera_id": "ebike-front", "address": "/dev/video0"}],
    }
    (workshop.folder / "box.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    monkeypatch.chdir(workshop.folder)
    return workshop.folder


def pack(*args: str) -> None:
    try:
        main(["pack", *args])
    except SystemExit as end:
        if end.code:
            raise


def build(model: Path, version: str, *more: str) -> None:
    pack("build", "--site", str(SITE), "--model", str(model), "--version", version, "--trust", "models.pub", *more)


def test_from_desk_to_box_and_back(desk: Path, workshop: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    pack("key", "--out", "city.key")
    build(workshop.shared / "tiny", "1.4", "--out", "a.kwpack")
    assert "not signed yet: kerbwatch pack sign a.kwpack" in capsys.readouterr().out
    pack("sign", "a.kwpack", "--key", "city.key")
    pack("show", "a.kwpack")
    shown = capsys.readouterr().out
    assert yaml.safe_load(shown[shown.index("schema:") :])["version"] == "1.4"
    pack("check", "a.kwpack", "--box", "box.yaml")
    assert "good: 1.4" in capsys.readouterr().out
    pack("status", "box.yaml")
    assert "no pack: the box runs on its own settings" in capsys.readouterr().out
    pack("install", "box.yaml", "a.kwpack")
    pack("status", "box.yaml")
    out = capsys.readouterr().out
    assert "switched to 1.4, on probation" in out
    assert "on probation for 600 s more" in out
    pack("rollback", "box.yaml")
    pack("status", "box.yaml")
    out = capsys.readouterr().out
    assert "back to 本机配置 own settings" in out
    assert "a person went back" in out


@pytest.mark.parametrize(
    ("args", "wrong"),
    [
        (("check", "a.kwpack"), "nobody is trusted to sign packs: give --trust KEY.pub"),
        (("check", "a.kwpack", "--trust", "city.key.pub"), "is unsigned"),
        (("install", "box.yaml", "a.kwpack"), "is unsigned"),
        (("sign", "a.kwpack", "--key", "models.key"), "holds no whole key for packs"),
        (("rollback", "box.yaml"), "no pack is in use"),
        (("show", "box.yaml"), "is no archive, or damaged"),
    ],
)
def test_what_goes_wrong(
    desk: Path, workshop: Workshop, capsys: pytest.CaptureFixture[str], args: tuple[str, ...], wrong: str
) -> None:
    from detector.signing_keys import make_key

    pack("key", "--out", "city.key")
    make_key(desk / "models.key", "m", "models")
    (desk / "a.kwpack").write_bytes(workshop.pack("1.4", key=None).read_bytes())
    with pytest.raises(SystemExit) as end:
        pack(*args)
    assert end.value.code == 2
    assert wrong in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        (("--settings", "bad.yaml"), "trust may not be set from afar"),
        (("--golden", "none"), "none is no folder: give --golden the folder"),
        (("--device", "abc"), "devices.0: String should match pattern"),
        (("--golden", "empty"), "the model finds nothing in the pictures of empty"),
    ],
)
def test_what_cannot_be_built(
    desk: Path, workshop: Workshop, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], wrong: str
) -> None:
    (desk / "bad.yaml").write_text("trust: [x]", encoding="utf-8")
    (desk / "empty").mkdir()
    with pytest.raises(SystemExit):
        build(workshop.shared / "tiny", "1.4", "--out", "a.kwpack", *more)
    assert wrong in capsys.readouterr().err
    assert not (desk / "a.kwpack").exists()


def test_a_version_that_is_none(desk: Path, workshop: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    del desk
    with pytest.raises(SystemExit):
        build(workshop.shared / "tiny", "v1", "--out", "a.kwpack")
    assert "version: String should match pattern" in capsys.readouterr().err
