"""Where the vault's key lies is told in box.yaml, from the folder of which a relative path is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.box.settings import load_settings
from edge.vault.limits import VaultLimits


@pytest.mark.parametrize(
    ("told", "found"), [("null", None), ("keys/my.key", "{folder}/keys/my.key"), ("/run/my.key", "/run/my.key")]
)
def test_key_file(tmp_path: Path, told: str, found: str | None) -> None:
    (tmp_path / "box.yaml").write_text(
        "state: state\nsite: site\ncameras: [{camera_id: a, address: 'rtsp://camera/1'}]\n"
        f"evidence: {{originals_key_file: {told}, originals_days: 7, originals_bytes_max: 5, disk_reserve_bytes: 6}}\n"
    )
    evidence = load_settings(tmp_path / "box.yaml").evidence
    assert evidence.originals_key_file == (found and Path(found.format(folder=tmp_path)))
    assert VaultLimits.of(evidence) == VaultLimits(bytes_max=5, reserve_bytes=6, days=7)
