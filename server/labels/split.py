"""Deals pictures out to training and validation so that no place is on both sides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

VAL_SHARE = 0.2


def places(keys_by_picture: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """One place per picture: pictures that share any key, directly or through others, share the place.

    Returns:
        Picture -> name of its place, the same on every run over the same data.

    >>> places({"a": ["case 1"], "b": ["case 1", "cell x"], "c": ["cell x"], "d": ["case 9"]})
    {'a': 'a', 'b': 'a', 'c': 'a', 'd': 'd'}
    """
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            key = parent[key]
        return key

    for picture, keys in keys_by_picture.items():
        for key in keys:
            parent[root(f"key {key}")] = root(f"picture {picture}")
    first: dict[str, str] = {}
    for picture in sorted(keys_by_picture):
        first.setdefault(root(f"picture {picture}"), picture)
    return {picture: first[root(f"picture {picture}")] for picture in keys_by_picture}


def validation_places(names: Iterable[str]) -> set[str]:
    """A fifth of the places, at least one, chosen by hash; none when there is only one place.

    >>> validation_places(["only"])
    set()
    """
    ranked = sorted(set(names), key=lambda name: hashlib.sha256(f"kerbwatch-split:{name}".encode()).hexdigest())
    if len(ranked) < 2:
        return set()
    return set(ranked[: max(1, round(len(ranked) * VAL_SHARE))])
