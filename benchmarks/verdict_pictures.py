"""Pictures for `benchmarks.verdict_risk`: what deciding more costs, and whether probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import pyplot as plt

from benchmarks.paths import ROOT
from benchmarks.street_sim.stats import Bins

if TYPE_CHECKING:
    from benchmarks.verdict_risk import Rates, Scored

PICTURES = ROOT / "docs" / "pictures"
SHOWN = ("pitch", "market", "bay", "frontage")


def draw_risk(found: Mapping[tuple[float, bool], Sequence[Scored]], rates: Callable[..., Rates]) -> None:
    """Wrong share against decided share while the least sure are left out, as docs/pictures/verdict-risk.png.

    Dots are the shipped thresholds; crosses are plain point-in-polygon, which decides everything.
    """
    figure, axes = plt.subplots(1, len(SHOWN), figsize=(14, 3.6), layout="constrained", sharey=True)
    for axis, group in zip(axes, SHOWN, strict=True):
        for (sigma_m, after), hits in found.items():
            chosen = [h for h in hits if h.group == group]
            if not chosen:
                continue
            coverage, risk = risk_curve(chosen)
            colour = {1.0: "#2c7bb6", 3.0: "#d7851b", 8.0: "#a02020"}[sigma_m]
            label = f"{sigma_m:.0f} m, {'registered' if after else 'as it is'}"
            axis.plot(coverage, risk, color=colour, lw=1.4 if after else 0.8, ls="-" if after else ":", label=label)
            if after:
                own, plain = rates(chosen), rates(chosen, plain=True)
                axis.plot(1.0 - own.unsure, own.wrong, "o", color=colour, ms=5)
                axis.plot(1.0 - plain.unsure, plain.wrong, "x", color=colour, ms=6)
        axis.set(title=group, xlabel="share decided", xlim=(0.3, 1.02), ylim=(0.0, 0.4))
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("wrong, of those decided")
    axes[0].legend(fontsize=7, loc="upper left")
    figure.savefig(PICTURES / "verdict-risk.png", dpi=80)
    plt.close(figure)


def risk_curve(hits: Sequence[Scored]) -> tuple[np.ndarray, np.ndarray]:
    """Share decided and share of those wrong, when only the surest are decided; a violation from P 0.5 on."""
    said = np.array([h.probability for h in hits])
    wrong = (said >= 0.5) != np.array([h.violation for h in hits])
    order = np.argsort(-np.abs(said - 0.5), kind="stable")
    count = np.arange(1, len(hits) + 1)
    return count / len(hits), np.cumsum(wrong[order]) / count


def draw_calibration(bins_of: Mapping[float, tuple[float, Bins]]) -> None:
    """What was said against what happened, as docs/pictures/verdict-calibration.png."""
    figure, axis = plt.subplots(figsize=(4.6, 4.2), layout="constrained")
    axis.plot([0, 1], [0, 1], color="#999", lw=0.8)
    for sigma_m, (error, bins) in bins_of.items():
        said, was, count = (np.array(column, float) for column in zip(*bins, strict=True))
        axis.plot(said, was, "-", lw=0.8, alpha=0.7)
        axis.scatter(said, was, s=8 + 3 * np.sqrt(count), label=f"{sigma_m:.0f} m, registered (error {error:.3f})")
    axis.set(xlabel="P(violation) said", ylabel="share that were violations", xlim=(0, 1), ylim=(0, 1))
    axis.legend(fontsize=7)
    axis.grid(alpha=0.3)
    figure.savefig(PICTURES / "verdict-calibration.png", dpi=80)
    plt.close(figure)
