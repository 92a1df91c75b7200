"""What a similarity is worth: the likelihood ratio of "one thing" against "a look-alike", read off held-out pairs."""

from __future__ import annotations

import numpy as np

from detector.model.appearance_bundle import Evidence
from models.appearance.measure import Scores

BINS = 24
LIMIT_LOG10 = 2.0
"""No similarity counts more than 100 to 1: the pairs behind the ends of the curve are few, and virtual."""


def evidence_of(same: Scores, different: Scores) -> Evidence:
    """The measured ratio over similarity, made monotone.

    Args:
        same, different: similarities of held-out pairs.
    """
    both = np.concatenate([same, different])
    edges = np.unique(np.quantile(both, np.linspace(0, 1, BINS + 1)).round(4))
    counts = [np.histogram(scores, edges)[0].astype(np.float64) for scores in (same, different)]
    # One pair more in every bin: an empty bin is little evidence, not endless evidence.
    shares = [(count + 1) / (count.sum() + len(count)) for count in counts]
    ratio = np.log10(shares[0] / shares[1]).clip(-LIMIT_LOG10, LIMIT_LOG10)
    rising = (np.maximum.accumulate(ratio) + np.minimum.accumulate(ratio[::-1])[::-1]) / 2
    middles = (edges[:-1] + edges[1:]) / 2
    return Evidence(similarity=tuple(middles.round(4).tolist()), log10_ratio=tuple(rising.round(3).tolist()))
