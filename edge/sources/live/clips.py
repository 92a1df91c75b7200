"""Clips out of the ring: the camera's own compressed pictures in an MP4 file, written by a process of its own.

The writer has to read what a stranger's camera sent, so it works in a child as the decoder does; that also keeps
FFmpeg out of the box's own memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from detector.errors import TransientError
from edge.sources.live.cut import CutOrder
from edge.sources.live.decoder_process import child_command, child_environment
from edge.sources.live.messages import encode
from edge.sources.live.picture import Clip
from edge.sources.live.ring import Cut

_CUT_S_MAX: Final = 30.0
"""A clip is written in a fraction of a second; a child that takes longer hangs."""


def cut_clip(cut: Cut, folder: Path) -> Clip | None:
    """Write a clip into a new file of `folder`; `None` when its packets make no playable clip.

    Raises:
        TransientError: the disk is full or the folder cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(prefix="clip-", suffix=".mp4", dir=folder)
    except OSError as error:
        raise TransientError(f"cannot write a clip into {folder}: {error.strerror}") from error
    os.close(handle)
    path, begins_at = Path(name), cut.packets[0].captured_at
    order = CutOrder(path=name, parent_pid=os.getpid())
    data = b"".join((order.to_line(), encode(cut.stream), *(encode(kept.packet) for kept in cut.packets)))
    try:
        size_px = _written(data, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if size_px is None:
        path.unlink(missing_ok=True)
        return None
    return Clip(path, begins_at, cut.packets[-1].captured_at, *size_px)


def _written(data: bytes, path: Path) -> tuple[int, int] | None:
    """Width and height of the clip that the child wrote."""
    try:
        done = subprocess.run(
            child_command("edge.sources.live.cut"),
            input=data,
            capture_output=True,
            timeout=_CUT_S_MAX,
            check=False,
            env=child_environment(),
            cwd="/",
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode == os.EX_IOERR:
        raise TransientError(f"cannot write the clip {path}: is the disk full?")
    if done.returncode != 0:
        return None
    size = json.loads(done.stdout)
    return int(size["width_px"]), int(size["height_px"])
