"""Pictures that look the same, by perceptual hash: they must not lie on two sides of a split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_ROWS_AT_ONCE = 512


def looks(hashes: Sequence[int]) -> NDArray[np.uint64]:
    """64-bit hashes as an array (N,) uint64."""
    return np.array(hashes, np.uint64)


def distances_bits(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Hamming distance of every pair: (N,) and (M,) uint64 -> (N, M) uint8, bits that differ."""
    return np.bitwise_count(first[:, None] ^ second[None, :])


def close_pairs(hashes: NDArray[np.uint64], most_bits: int) -> list[tuple[int, int]]:
    """Index pairs (i < j) whose hashes differ in at most ``most_bits`` bits, in rising order."""
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(hashes), _ROWS_AT_ONCE):  # in strips: the whole table of 100,000 pictures is 10 GB
        near = distances_bits(hashes[start : start + _ROWS_AT_ONCE], hashes) <= most_bits
        rows, columns = np.nonzero(near)
        pairs += [(start + int(row), int(column)) for row, column in zip(rows, columns, strict=True)
                  if start + row < column]  # fmt: skip
    return pairs
