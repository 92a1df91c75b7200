"""Where clips lie before they are sealed."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.box.clips_folder import clips_folder


def test_what_a_kill_left_is_gone(tmp_path: Path) -> None:
    folder = clips_folder(tmp_path / "state", tmp_path)
    assert folder.parent == tmp_path
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / "clip-left.mp4").write_bytes(b"a street with faces")
    (folder / "more").mkdir()
    assert clips_folder(tmp_path / "state", tmp_path) == folder
    assert list(folder.iterdir()) == []
    assert clips_folder(tmp_path / "other", tmp_path) != folder


@pytest.mark.parametrize("trap", ["link", "open", "file", "nowhere"])
def test_a_name_that_is_not_ours_alone_is_not_used(tmp_path: Path, trap: str) -> None:
    memory, state = tmp_path / "memory", tmp_path / "state"
    memory.mkdir()
    folder = clips_folder(state, memory)
    folder.rmdir()
    if trap == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "elsewhere")
    elif trap == "open":
        folder.mkdir()
        folder.chmod(0o777)
    elif trap == "file":
        folder.write_text("")
    else:
        memory.rmdir()
    assert clips_folder(state, memory) == state / "clips"
    assert (state / "clips").stat().st_mode & 0o777 == 0o700
