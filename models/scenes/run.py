"""All scenes of a folder: opened, watched, counted."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from detector.geo.camera import ObservedBy
from models.scenes.ground import scene_camera
from models.scenes.schema import Scene
from models.scenes.score import SceneResult, score_scene
from models.scenes.site import write_site
from models.scenes.watch import Look, Sees, Watched, find_file, look, watch

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A scene that was not watched, and why."""

    scene: Scene
    reason: str


def run_scenes(
    scenes: Sequence[Scene],
    data_root: Path,
    street: Sees | None,
    aerial: Sees | None,
    on_progress: Progress,
    on_scene: Callable[[SceneResult, Watched], None] | None = None,
) -> tuple[list[SceneResult], list[Skipped]]:
    """Watch every scene whose model is there.

    Args:
        scenes: from `load_scenes`.
        data_root: the folder that the pictures' paths start from.
        street, aerial: the detectors for pictures from the street and from straight above; `None` skips those.
        on_progress: called with (scenes done, scenes in all).
        on_scene: called with each result, e.g. to draw it.

    Raises:
        ScenesError: a picture is missing or another one, or a zone lies above the horizon.
        SiteError: a scene's site is refused.
    """
    results: list[SceneResult] = []
    skipped: list[Skipped] = []
    looked: tuple[str, tuple[Look, ...]] | None = None
    for done, scene in enumerate(scenes):
        on_progress(done, len(scenes))
        above = scene.picture.camera.looks_down
        detector = aerial if above else street
        if detector is None:
            skipped.append(Skipped(scene, f"no {'--aerial' if above else '--street'} bundle was given"))
            continue
        if looked is None or looked[0] != scene.picture_name:
            looked = scene.picture_name, look(scene.picture, find_file(scene.picture, data_root), detector)
        watched = _watch(scene, looked[1], detector.cue_names)
        result = score_scene(scene, watched)
        results.append(result)
        if on_scene is not None:
            on_scene(result, watched)
    on_progress(len(scenes), len(scenes))
    return results, skipped


def _watch(scene: Scene, looks: tuple[Look, ...], cues: tuple[str, ...]) -> Watched:
    height_px, width_px = looks[0].image.shape[:2]
    camera = scene_camera(scene.picture.camera, width_px, height_px)
    with tempfile.TemporaryDirectory() as scratch:
        site = write_site(scene.scene, camera, Path(scratch) / "site")
    observed_by: ObservedBy = "drone" if scene.picture.camera.looks_down else "fixed"
    return watch(scene.scene, looks, camera, site, cues, observed_by)
