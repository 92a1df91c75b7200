"""Pictures for `benchmarks.place_accuracy`: how errors spread, and a street with its ellipses over the truth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse, Polygon
from numpy.typing import NDArray

from benchmarks.paths import ROOT
from benchmarks.street_sim import AUTONOMOUS, CAR, PLANE, Thing, with_gnss
from benchmarks.street_sim.layout import Fabric, turned
from benchmarks.street_sim.trial import Trial, places_of, registered, trials
from detector.geo.localise import Unplaced
from detector.geo.registration import Registrar
from detector.hit import Place

Array = NDArray[np.float64]

PICTURES = ROOT / "docs" / "pictures"
WINDOW_M = 60.0
SHOWN_M = 12.0
"""Only what the patrol passed on its own side: from across the street the ellipses would cover everything."""
_FILL = {Fabric.PITCH: "#7fbf7b", Fabric.MARKET: "#a6dba0", Fabric.BAY: "#92c5de", Fabric.SHOP: "#e8e4dc"}


def draw_curves(relative: Mapping[str, Array], absolute: Mapping[str, Array]) -> None:
    """Share of places within so many metres, as docs/pictures/place-errors.png."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for axis, curves, title in zip(
        axes, (relative, absolute), ("relative, seen from 10 to 30 m", "absolute, on the map"), strict=True
    ):
        for name, errors in curves.items():
            if len(errors):
                axis.plot(np.sort(errors), np.linspace(0, 1, len(errors)), label=f"{name} ({np.median(errors):.2f} m)")
        axis.set(xlim=(0, 8), ylim=(0, 1), xlabel="error, m", ylabel="share of places", title=title)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7, loc="lower right", title="median", title_fontsize=7)
    figure.savefig(PICTURES / "place-errors.png", dpi=80)
    plt.close(figure)


def draw_street(seed: int) -> None:
    """One street side with what stands there, and the 95 % ellipses of one pass before and after registration."""
    trial = next(trials([seed], [(CAR, 0)]))
    seen = with_gnss(trial.drives[0], AUTONOMOUS)
    given = places_of(seen)
    better = registered(seen, given, Registrar(trial.site))
    along0, side = _liveliest(trial)
    figure, axes = plt.subplots(2, 1, figsize=(12, 6), layout="constrained", sharex=True)
    for axis, places, title in zip(axes, (given, better), ("as the fix gave it", "registered to the map"), strict=True):
        _draw_ground(axis, trial, side)
        for track in seen.tracks:
            place, thing = places[track.track_id], seen.thing(track)
            here = thing.thing_id.startswith(f"{side}-") and thing.setting != "look_alike"
            near = float(seen.ranges_m(track).min()) <= SHOWN_M
            if here and near and not isinstance(place, Unplaced):
                _draw_place(axis, trial, place, side, thing)
        axis.set(xlim=(along0, along0 + WINDOW_M), ylim=(-6.0, 12.0), ylabel="m from the kerb", title=title)
        axis.set_aspect("equal")
    axes[1].set_xlabel("m along the street; crosses: truth, red breaks the order; ellipses hold 95 %")
    figure.savefig(PICTURES / "place-street.png", dpi=70, pil_kwargs={"optimize": True})
    plt.close(figure)


def _liveliest(trial: Trial) -> tuple[float, str]:
    """Where most stalls stand in and beside pitches within the window: along, and the name of the side."""
    best = (0, 0.0, trial.world.sides[0].name)
    for side in trial.world.sides:
        along = np.array([_street(trial, t.east_north_m)[0] for t in trial.world.things
                          if t.setting == "pitch" and t.thing_id.startswith(side.name + "-")])  # fmt: skip
        for start in along - 2.0:
            best = max(best, (int(((along > start) & (along < start + WINDOW_M)).sum()), float(start), side.name))
    return best[1], best[2]


def _street(trial: Trial, spot_m: tuple[float, float] | Array, side: str | None = None) -> Array:
    """(along, deep) of a spot; without a side, (along, across)."""
    first = trial.world.sides[0]
    along, across = turned(np.atleast_2d(np.asarray(spot_m, np.float64)), -first.turn_deg).T
    if side is None:
        return np.array([along[0], across[0]])
    of = next(s for s in trial.world.sides if s.name == side)
    return np.column_stack((along, of.sign * (across - of.centre_m) - of.half_road_m))


def _draw_ground(axis: Axes, trial: Trial, side: str) -> None:
    axis.axhspan(0.0, trial.world.params.footway_m, color="#f6f3ee", zorder=0)
    axis.axhline(0.0, color="#888", lw=1)
    for feature in trial.world.features:
        if feature.side.name == side:
            ring = _street(trial, feature.ring_m() + feature.shift_m, side)
            axis.add_patch(Polygon(ring, facecolor=_FILL[feature.fabric], edgecolor="#666", lw=0.6, zorder=1))


def _draw_place(axis: Axes, trial: Trial, place: Place, side: str, thing: Thing) -> None:
    colour = "#c0392b" if thing.violation else "#1b6ca8"
    spot = _street(trial, PLANE.east_north_m((place.lon_deg, place.lat_deg)), side)[0]
    true = _street(trial, thing.east_north_m, side)[0]
    sign = next(s.sign for s in trial.world.sides if s.name == side)
    turn = np.radians(trial.world.sides[0].turn_deg)
    to_street = np.array([[np.cos(turn), -np.sin(turn)], [sign * np.sin(turn), sign * np.cos(turn)]])
    cov = to_street @ (np.array(place.cov_own_m2) + np.array(place.cov_pass_m2)) @ to_street.T
    values, vectors = np.linalg.eigh(cov)
    width, height = (2.0 * np.sqrt(5.991 * values)).tolist()
    angle = float(np.degrees(np.arctan2(vectors[1, 0], vectors[0, 0])))
    axis.add_patch(Ellipse(tuple(spot), width, height, angle=angle, fill=False, ec=colour, lw=0.7, alpha=0.6, zorder=2))
    axis.plot(*zip(spot, true, strict=True), color=colour, lw=0.5, alpha=0.6, zorder=2)
    axis.plot(*true, "+", color=colour, ms=6, zorder=3)
