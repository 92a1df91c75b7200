"""Where and when a picture was taken, and which side of the split its place goes to."""

from __future__ import annotations

import calendar
import hashlib
import re
import time
from collections.abc import Iterable, Mapping, Sequence

from models.dataset.sample import Chip
from models.errors import DatasetError
from models.recipe import SourceSpec


def split_places(places: Iterable[str], *, val: int, test: int, seed: str) -> dict[str, str]:
    """Deal places out to train, val and test, the same way on every machine.

    Args:
        places: Names; repeats count once.
        val, test: How many places go there; the rest is train.
        seed: Changes the deal. Hashing instead of a random generator keeps a place's rank when others are added.

    Raises:
        DatasetError: nothing would be left to train on.

    >>> split_places(["a", "b", "c"], val=1, test=1, seed="s") == split_places("cba", val=1, test=1, seed="s")
    True
    """
    ranked = sorted(set(places), key=lambda place: hashlib.sha256(f"{seed}:{place}".encode()).hexdigest())
    if ranked and val + test >= len(ranked):
        raise DatasetError(f"{len(ranked)} places cannot give {val} to val and {test} to test and leave one to train")
    return {
        place: "test" if rank < test else "val" if rank < test + val else "train" for rank, place in enumerate(ranked)
    }


def place_of_scenes(source: SourceSpec, scenes: Iterable[str]) -> dict[str, str]:
    """The place of each scene, by the source's rules: one place, a pattern, and times that belong together.

    Raises:
        DatasetError: ``place_pattern`` does not fit a scene.
    """
    scenes = sorted(set(scenes))
    if source.one_place:
        return dict.fromkeys(scenes, source.name)
    place = {scene: _place(source, scene) for scene in scenes}
    if source.keep_together_s is None:
        return place
    timed = {scene: taken for scene in scenes if (taken := taken_s(source, scene)) is not None}
    return {**place, **_sessions(source.name, timed, source.keep_together_s)}


def taken_s(source: SourceSpec, scene: str) -> int | None:
    """When a scene was taken: s since 1970 by its source's own clock; None where its name does not tell."""
    found = re.search(source.time_pattern, scene) if source.time_pattern else None
    if found is None or not found.groups():
        return None
    try:
        return calendar.timegm(time.strptime(found.group(1), source.time_format))
    except (ValueError, TypeError):
        return None


def chip_of(source: SourceSpec, scene: str) -> Chip | None:
    """The cell of its mosaic that a scene is; None where its name does not tell."""
    found = re.search(source.chip_pattern, scene) if source.chip_pattern else None
    if found is None or not (found["row"].isdecimal() and found["column"].isdecimal()):
        return None
    return Chip(scene[: found.start()], int(found["row"]), int(found["column"]), source.chip_size_m)


def split_source(
    source: SourceSpec, places: Iterable[str], seed: str, ties: Sequence[frozenset[str]] = ()
) -> dict[str, str]:
    """Side by place: the named places first, then as many as are asked for by number.

    Args:
        source: What is named and asked for.
        places: All places of the source.
        seed: The recipe's.
        ties: Places that show the same thing: they are dealt out together, by the name that sorts first.

    Raises:
        DatasetError: a named place does not exist, or too few places are left.
    """
    unnamed = set(places)
    named = {place: split for split in ("val", "test") for place in getattr(source.split, split)}
    missing = sorted(set(named) - unnamed)
    if missing:
        raise DatasetError(f"{source.name} has no place {missing[0]!r}; it has {', '.join(sorted(unnamed)[:5])}, ...")
    unnamed -= set(named)
    spec = source.split
    leader = _leaders(unnamed, ties)
    dealt = split_places(leader.values(), val=spec.val_places, test=spec.test_places, seed=f"{seed}:{source.name}")
    return {**{place: dealt[leader[place]] for place in unnamed}, **named}


def _leaders(places: set[str], ties: Sequence[frozenset[str]]) -> dict[str, str]:
    leader = {place: place for place in places}
    for tie in ties:
        tied = {leader[place] for place in tie & places}
        if len(tied) > 1:
            first = min(tied)
            leader = {place: first if old in tied else old for place, old in leader.items()}
    return leader


def _place(source: SourceSpec, scene: str) -> str:
    if source.place_pattern is None:
        return scene
    found = re.match(source.place_pattern, scene)
    if found is None or not found.groups() or not found.group(1):
        raise DatasetError(f"{source.name}: place_pattern {source.place_pattern!r} does not fit the scene {scene!r}")
    return found.group(1)


def _sessions(name: str, timed: Mapping[str, int], together_s: float) -> dict[str, str]:
    """A chain of scenes, each less than ``together_s`` after the one before, is one place named by its first."""
    place: dict[str, str] = {}
    current, last_s = "", None
    for scene in sorted(timed, key=lambda item: (timed[item], item)):
        if last_s is None or timed[scene] - last_s >= together_s:
            current = f"{name}@{time.strftime('%Y%m%dT%H%M%S', time.gmtime(timed[scene]))}"
        place[scene], last_s = current, timed[scene]
    return place
