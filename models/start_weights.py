"""Start weights by path or by name.

A name (``yolo26n.pt``) is looked for beside the other start weights in the user's cache folder and, when it is not
there, fetched once by the trainer library from its own releases. This is the one moment at which training talks to a
network, and only when a name was given. A checkpoint is a pickle: take names and files from people you trust.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from models.errors import CheckpointError
from models.trainer_env import ultralytics

_NAME = re.compile(r"yolo[a-z0-9][a-z0-9._-]{0,40}", re.ASCII)


def resolve_weights(given: Path) -> Path:
    """The file behind a path or a name.

    Raises:
        CheckpointError: there is no such file, and it is no name or could not be fetched.
        TrainExtraMissing: a name was given and the trainer is not installed.
    """
    if given.is_file():
        return given
    if given.parent != Path() or not _NAME.fullmatch(given.name):
        raise CheckpointError(f"no weights at {given}: give --weights a .pt file, or a name such as yolo26n.pt")
    kept = platformdirs.user_cache_path("kerbwatch") / "weights" / given.with_suffix(".pt").name
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        _fetch(kept)
    return kept


def _fetch(file: Path) -> None:
    ultralytics()
    from ultralytics.utils.downloads import attempt_download_asset

    with _online():
        try:
            attempt_download_asset(str(file))
        except OSError as error:
            raise CheckpointError(
                f"cannot fetch the start weights {file.name!r} ({error}): give --weights the path of a .pt file"
            ) from error
    if not file.is_file():
        raise CheckpointError(f"no start weights are called {file.name!r}: give --weights the path of a .pt file")


@contextmanager
def _online() -> Iterator[None]:
    """The trainer library may use the network inside, and nowhere else."""
    switch = os.environ.pop("YOLO_OFFLINE", None)
    try:
        yield
    finally:
        if switch is not None:
            os.environ["YOLO_OFFLINE"] = switch
