"""How well do places agree on real pictures? Overlapping drone photos, and a walk with a phone.

::

    python -m benchmarks.real_places [--picture OUT.png]

Neither has surveyed ground truth, so both are consistency: the same ground seen twice must lie in one place. The drone
photos show what the tags are worth (absolute fixes, gimbal headings); the walk shows relative places only, because its
GPS is good to 5-10 m. The tables go into docs/survey.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from benchmarks.lund_walk import RANGES_M, Walk, measure_walk
from benchmarks.paths import SHARED_DATA
from edge.survey.check import Finding, SurveyCheck, check_photos, photo_paths

GOAL_M = 3.0


def main() -> int:
    """Print both tables; draw them when a picture is asked for. Exit code 1 when the drone goal is missed."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--picture", type=Path)
    asked = arguments.parse_args()
    photos, lund = SHARED_DATA / "drone" / "photos", SHARED_DATA / "street_sequence" / "lund"
    if not photos.is_dir() or not lund.is_dir():
        print(f"needs the real data folder {SHARED_DATA} (set KERBWATCH_SHARED)")
        return 1
    check = check_photos(photo_paths(photos))
    print_drone(check)
    walk = measure_walk(lund)
    print_walk(walk)
    if asked.picture is not None:
        draw(check, walk, asked.picture)
    return 0 if check.medians_m()[2] <= GOAL_M else 1


def pair_rows(check: SurveyCheck) -> dict[str, np.ndarray]:
    """Disagreement of every overlapping pair, metres, by how headings are treated."""
    return {
        "as tagged": np.array([p.tagged_m for p in check.pairs]),
        "turned-round ones turned back": np.array([p.turned_m for p in check.pairs]),
        "headings as measured": np.array([p.mended_m for p in check.pairs]),
    }


def print_drone(check: SurveyCheck) -> None:
    """The drone photos' table."""
    print(f"Drone photos: {len(check.photos)} photos, {len(check.pairs)} overlapping pairs")
    wrong = [p.pose.name for p in check.photos if p.finding is Finding.TURNED_ROUND]
    print(f"  gimbal yaw turned round: {', '.join(wrong)}")
    turns = np.array([p.turn_deg for p in check.photos if p.finding is Finding.GOOD and p.turn_deg is not None])
    print(f"  corrections of the others: {turns.min():+.1f} to {turns.max():+.1f} deg")
    print(f"\n  {'headings':32} {'median m':>9} {'mean m':>8} {'p90 m':>8} {'pairs <= 3 m':>13}")
    for name, apart_m in pair_rows(check).items():
        shares = f"{np.mean(apart_m <= GOAL_M):.0%}"
        middle, mean, p90 = np.median(apart_m), apart_m.mean(), np.percentile(apart_m, 90)
        print(f"  {name:32} {middle:9.1f} {mean:8.1f} {p90:8.1f} {shares:>13}")
    print(f"  goal: median <= {GOAL_M:g} m over all pairs\n")


def print_walk(walk: Walk) -> None:
    """The walk's table."""
    length_m = float(np.hypot(*np.diff(walk.seen_m, axis=0).T).sum())
    misfit_m = np.hypot(*(walk.gps_m - walk.seen_m).T)
    print(f"Lund walk: {len(walk.gps_m)} photos, {length_m:.0f} m, relative only (phone GPS, stated 5-10 m)")
    print(f"  steps with a motion from the pictures: {len(walk.inliers)}, fewest matches {walk.inliers.min():.0f}")
    print(f"  GPS against the pictures' path (one shift, turn, scale): median {np.median(misfit_m):.1f} m, ", end="")
    print(f"p90 {np.percentile(misfit_m, 90):.1f} m")
    off = np.abs(walk.compass_off_deg) > 90.0
    print(
        f"  phone compass turned away by more than 90 deg: {off.sum()} photos (median {_median(walk, off):+.0f} deg), "
    )
    print(f"  the other {np.sum(~off)}: median {_median(walk, ~off):+.0f} deg")
    print(f"\n  {'points triangulated twice':28} {'points':>7} {'median m':>9} {'p90 m':>8}")
    for low_m, high_m in RANGES_M:
        near = (walk.range_m >= low_m) & (walk.range_m < high_m)
        if near.sum() < 20:
            print(f"  {f'{low_m:g}-{high_m:g} m away':28} {near.sum():7} {'too few':>9}")
            continue
        apart_m = walk.apart_m[near]
        print(
            f"  {f'{low_m:g}-{high_m:g} m away':28} {near.sum():7} {np.median(apart_m):9.2f} "
            f"{np.percentile(apart_m, 90):8.2f}"
        )


def _median(walk: Walk, which: np.ndarray) -> float:
    return float(np.median(walk.compass_off_deg[which])) if which.any() else float("nan")


def draw(check: SurveyCheck, walk: Walk, out: Path) -> None:
    """Three panels: disagreement of the drone pairs, the walk's two paths, agreement of its points by range."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (pairs, paths, points) = plt.subplots(1, 3, figsize=(13.5, 4.2), layout="constrained")
    share = np.arange(1, len(check.pairs) + 1) / len(check.pairs)
    for (name, apart_m), colour in zip(pair_rows(check).items(), ("#c33", "#e90", "#285"), strict=True):
        label = f"{name} (median {np.median(apart_m):.1f} m)"
        pairs.step(np.sort(apart_m), share, where="post", color=colour, label=label)
    pairs.axvline(GOAL_M, color="0.6", ls=":", lw=1)
    pairs.set(xscale="log", xlabel="disagreement about shared ground, m", ylabel="share of overlapping pairs",
              title=f"{len(check.photos)} drone photos at 40 m, {len(check.pairs)} pairs", ylim=(0, 1))  # fmt: skip
    pairs.legend(loc="upper left", fontsize=7)
    paths.plot(*walk.gps_m.T, "o-", color="#c33", ms=3, lw=0.8, label="phone GPS")
    paths.plot(*walk.seen_m.T, "o-", color="#258", ms=3, lw=1.2, label="from the pictures")
    paths.set(
        aspect="equal",
        xlim=(-95, 45),
        xlabel="east, m",
        ylabel="north, m",
        title=f"Lund walk, {len(walk.gps_m)} photos",
    )
    paths.legend(loc="upper right", fontsize=7)
    near = walk.range_m < 60
    points.scatter(walk.range_m[near], walk.apart_m[near], s=4, color="#258", alpha=0.4, lw=0)
    points.set(yscale="log", ylim=(0.02, 30), xlabel="distance from the camera, m",
               ylabel="two triangulations differ by, m", title="Points of the walk seen in three photos")  # fmt: skip
    for axis in (pairs, points):
        axis.grid(alpha=0.3)
    figure.savefig(out, dpi=90)
    plt.close(figure)


if __name__ == "__main__":
    sys.exit(main())
