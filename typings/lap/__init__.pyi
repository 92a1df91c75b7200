"""The part of `lap` 0.5 that is used."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

def lapjv(
    cost: NDArray[np.float64],
    extend_cost: bool = False,
    cost_limit: float = ...,
    return_cost: Literal[True] = True,
) -> tuple[float, NDArray[np.int32], NDArray[np.int32]]: ...
