"""One source of a recipe, read whole: pictures that decode, labels that make sense, corrections on top.

A fault of the data is reported and never ends the reading. What a fault takes away is not learnt as absent: a cue that
lost a box counts as not reviewed in that picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from detector.vocabulary import vocabulary
from models.dataset.checked_labels import checked_labels
from models.dataset.corrections import Corrections
from models.dataset.limits import Limits
from models.dataset.picture_files import decoded, picture_files
from models.dataset.places import chip_of, place_of_scenes, taken_s
from models.dataset.problems import ProblemLog
from models.dataset.raw_box import SourceLabels
from models.dataset.readers import DEFAULT_ANNOTATIONS, READERS, SourceFolder
from models.dataset.sample import Sample
from models.dataset.scenes import SceneIndex, scenes_of
from models.errors import DatasetError
from models.recipe import Recipe, SourceSpec


@dataclass(frozen=True)
class SourceReading:
    """The pictures of one source. ``split`` of the samples is empty where it is still to be dealt out.

    ``looks`` holds the perceptual hash of each sample's picture.
    """

    source: SourceSpec
    samples: tuple[Sample, ...]
    looks: tuple[int, ...]


def read_source(
    source: SourceSpec,
    recipe: Recipe,
    data_root: Path,
    index: SceneIndex,
    log: ProblemLog,
    *,
    limits: Limits,
    on_picture: Callable[[], None] = lambda: None,
) -> SourceReading:
    """Read one source.

    Args:
        source: Which, and how to read it.
        recipe: Its recipe.
        data_root: Holds the source's folder.
        index: Scene of every picture; an export has its own in ``provenance.csv``.
        log: Where faults are written down.
        limits: How much to read at most.
        on_picture: Called after each picture.

    Raises:
        DatasetError: the folder, the annotation file of the whole source, or a correction set is missing or unusable;
            no picture is of the wanted scenes.
    """
    root = data_root / source.name
    files, set_aside = picture_files(source, root, log)
    scene, own_split = scenes_of(source, root, index, files, set_aside, log)
    wanted = {name: path for name, path in files.items() if name in scene}
    if not wanted:
        raise DatasetError(f"no picture below {root / 'images'} belongs to the scenes {', '.join(source.scenes)}")
    pictures = decoded(source, wanted, log, limits, on_picture)
    folder = SourceFolder(
        name=source.name,
        root=root,
        annotations=root / (source.annotations or DEFAULT_ANNOTATIONS[source.format]),
        pictures=pictures,
        present=frozenset(files) | set_aside,
        stored_frame=source.exif_labels == "stored",
        empty_means_none=source.empty_means_none,
        limits=limits,
        problems=log,
    )
    labels = READERS[source.format](folder) if source.labels else SourceLabels()
    place = place_of_scenes(source, (scene[name] for name in pictures))
    known = {*vocabulary().cues, *recipe.auxiliary, *(cue.name for cue in recipe.cues)}
    corrections = Corrections(recipe.corrections_root, source.corrections, source.name, known)
    corrections.report_strangers(files, log)
    samples: list[Sample] = []
    for name, picture in sorted(pictures.items()):
        boxes, reviewed = checked_labels(folder, source, labels, picture)
        sample = Sample(
            image=picture.path,
            source=source.name,
            place=place[scene[name]],
            split=own_split.get(name, ""),
            reviewed=reviewed,
            boxes=boxes,
            scene=scene[name],
            taken_s=taken_s(source, scene[name]),
            chip=chip_of(source, scene[name]),
            orientation=picture.orientation,
        )
        samples.append(corrections.apply(sample, picture, log))
    return SourceReading(source, tuple(samples), tuple(pictures[sample.name].look for sample in samples))
