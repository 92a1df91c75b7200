"""From a recipe and a folder of sources to samples on their sides of the split, with every fault on a list."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from models.dataset.limits import Limits
from models.dataset.near_duplicates import close_pairs, looks
from models.dataset.places import split_source
from models.dataset.problems import Effect, Kind, Problem, ProblemLog
from models.dataset.sample import SPLITS, Sample
from models.dataset.scenes import read_index
from models.dataset.source import SourceReading, read_source
from models.recipe import Recipe, SourceSpec

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class RecipeReading:
    """What a recipe makes of the pictures it is given.

    Attributes:
        samples: The pictures to learn from and those held out, each on its side.
        alike: Groups of pictures (their names) that look the same. They lie on one side.
        problems: Every fault, sorted.
    """

    samples: tuple[Sample, ...]
    alike: tuple[tuple[str, ...], ...]
    problems: tuple[Problem, ...]


def read_recipe(
    recipe: Recipe,
    data_root: Path,
    *,
    limits: Limits | None = None,
    on_progress: Progress = lambda done, total: None,
) -> RecipeReading:
    """Read every source that a recipe learns from, and deal its places out to the splits.

    Args:
        recipe: Which sources, cues and split.
        data_root: Holds one folder per source and ``index.csv`` with the columns source, image, scene.
        limits: How much to read at most.
        on_progress: Called with (pictures done, pictures in all).

    Raises:
        DatasetError: the index, a source folder or a correction set is missing; a place that the recipe names does not
            exist; nothing is left to train on. Faults of single pictures and labels raise nothing.
    """
    log = ProblemLog(data_root)
    readings = _read(recipe, recipe.sources, data_root, log, limits or Limits(), on_progress)
    samples, alike = _on_one_side(recipe, readings, log)
    return RecipeReading(tuple(samples), alike, log.sorted)


def samples_of_recipe(recipe: Recipe, data_root: Path) -> list[Sample]:
    """The pictures that a recipe learns from, with their hand labels, dealt out to the splits by place.

    Faults are counted on standard error; :func:`read_recipe` returns them.

    Raises:
        DatasetError: as :func:`read_recipe`.
    """
    reading = read_recipe(recipe, data_root)
    tell_problems(reading.problems)
    return list(reading.samples)


def evaluation_samples(recipe: Recipe, data_root: Path) -> list[Sample]:
    """The pictures of a recipe's evaluation sources, all of them on the test side.

    Raises:
        DatasetError: as :func:`read_recipe`.
    """
    log = ProblemLog(data_root)
    readings = _read(recipe, recipe.evaluation_sources, data_root, log, Limits(), lambda done, total: None)
    tell_problems(log.sorted)
    return [replace(sample, split="test") for reading in readings for sample in reading.samples]


def _read(
    recipe: Recipe,
    sources: Sequence[SourceSpec],
    data_root: Path,
    log: ProblemLog,
    limits: Limits,
    on_progress: Progress,
) -> list[SourceReading]:
    needs_index = any(source.format != "export" for source in sources)
    index = read_index(data_root / "index.csv") if needs_index else {}
    names = {source.name for source in sources}
    total = sum(name in names for name, _ in index)
    done = itertools.count(1)

    def count() -> None:
        so_far = next(done)
        on_progress(so_far, max(so_far, total))

    return [read_source(source, recipe, data_root, index, log, limits=limits, on_picture=count) for source in sources]


def tell_problems(problems: Sequence[Problem]) -> None:
    """Say on standard error how many faults there are, and where they are listed."""
    if problems:
        sys.stderr.write(
            f"{len(problems)} problems in the data; `kerbwatch models build-dataset` lists them in problems.csv · "
            f"数据有 {len(problems)} 处问题，由 build-dataset 列入 problems.csv\n"
        )


def _on_one_side(
    recipe: Recipe, readings: Sequence[SourceReading], log: ProblemLog
) -> tuple[list[Sample], tuple[tuple[str, ...], ...]]:
    """Deal the places out so that pictures which look the same are together; drop what cannot be brought together.

    Places tied by such pictures are dealt out as one. Where two of them are named for different sides (or lie in two
    sources), the picture nearer to training goes: what is measured must not have been seen.
    """
    pool = [sample for reading in readings for sample in reading.samples]
    pairs = close_pairs(looks([look for reading in readings for look in reading.looks]), recipe.near_duplicate_bits)
    split = {
        (reading.source.name, place): side
        for reading in readings
        for place, side in _sides(reading.source, recipe, reading.samples, pool, pairs).items()
    }
    sides = [sample.split or split[sample.source, sample.place] for sample in pool]
    dropped: set[int] = set()
    for first, second in pairs:
        loser, winner = sorted((first, second), key=lambda item: SPLITS.index(sides[item]))
        if sides[first] != sides[second] and not {first, second} & dropped:
            dropped.add(loser)
            gone, stays = pool[loser], pool[winner]
            detail = f"looks like {stays.source}/{stays.name}, which is on the side {sides[winner]}"
            log.add(gone.source, gone.image, Kind.NEAR_DUPLICATE, Effect.PICTURE_LEFT_OUT, detail)
    samples = [replace(sample, split=sides[i]) for i, sample in enumerate(pool) if i not in dropped]
    kept = [(first, second) for first, second in pairs if not {first, second} & dropped]
    return samples, _groups(kept, pool)


def _sides(
    source: SourceSpec,
    recipe: Recipe,
    samples: Iterable[Sample],
    pool: Sequence[Sample],
    pairs: Iterable[tuple[int, int]],
) -> dict[str, str]:
    if source.format == "export":
        return {}
    ties = [
        frozenset({pool[first].place, pool[second].place})
        for first, second in pairs
        if pool[first].source == pool[second].source == source.name and pool[first].place != pool[second].place
    ]
    return split_source(source, (sample.place for sample in samples), recipe.split_seed, ties)


def _groups(pairs: Iterable[tuple[int, int]], pool: Sequence[Sample]) -> tuple[tuple[str, ...], ...]:
    """Connected groups of pairs, as sorted names."""
    group: dict[int, set[int]] = {}
    for first, second in pairs:
        merged = group.get(first, {first}) | group.get(second, {second})
        for member in merged:
            group[member] = merged
    unique = {id(members): members for members in group.values()}
    return tuple(sorted(tuple(sorted(pool[i].name for i in members)) for members in unique.values()))
