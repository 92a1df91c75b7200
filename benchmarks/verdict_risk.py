"""How often the verdict is wrong, and how often it does not decide, in the street simulator.

    python -m benchmarks.verdict_risk [--quick] [--seed 100] [--worlds 8] [--plots]

A *hit* is one track of a true thing, seen in three pictures or more (fewer are too brief for every rule), whose vehicle
came within 20 m of it: a thing passed on both sides of a street is two. Things are scored by the permission that they
have or would need: `pitch` holds the permitted vendors of 3 x 2 m pitches and every stall without permit within 15 m of
one; `stall elsewhere` the others. *wrong* is the share of decided hits that were decided wrongly, *unsure* the share of
hits left to a person, *accused* the share of lawful things called a violation, *recall* the share of true violations
called so: an unsure one counts as missed. False alarms (passers-by, awnings) are counted apart. The peer is plain
point-in-polygon of the same places, which always decides.

All verdicts come from `judge_tracks` on a site folder loaded by the product, with the shipped rules, as if earlier
passes had seen everything before: the map is measured here, not the patience of the rules. Intervals are 95 %, by
bootstrap over passes. Goals that are missed are printed as missed.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from rich.progress import track as progress

from benchmarks.street_sim import AUTONOMOUS, CAR, E_BIKE, Drive, Pass, Thing, with_gnss
from benchmarks.street_sim.stats import by_group, calibration_error
from benchmarks.street_sim.trial import LONG_AGO, PUBLISHED_SEED, TUNING_SEEDS, Trial, places_of, registered, trials
from benchmarks.verdict_pictures import draw_calibration, draw_risk
from detector.geo.localise import Unplaced
from detector.geo.registration import Registrar
from detector.geo.zones import GRANTING, ZoneKind, cloud
from detector.hit import Place
from detector.rules import judge_tracks
from detector.site.model import Site
from detector.tracks import Track
from detector.vocabulary import Outcome

NEAR_M = 20.0
LEAST_PICTURES = 3
SIGMAS_M = (1.0, 3.0, 8.0)
GROUPS = ("pitch", "market", "stall elsewhere", "all stalls", "bay", "bike elsewhere", "frontage", "sign")
GOALS = {"wrong": 0.03, "unsure": 0.15, "accused": 0.005, "recall": 0.75}
"""For pitches at 3 m after registration."""
CALIBRATION_GOAL = 0.03


@dataclass(frozen=True, slots=True)
class Scored:
    """One hit, or one false alarm (`group` ``false alarm``), and what was said of it.

    Attributes:
        pass_id: passes are what the bootstrap draws.
        violation: the truth.
        permitted: it is a permitted vendor in his pitch or market.
        outcome: of the product; a track that no rule has a word for is allowed.
        probability: P(violation) that it said; 0 where no rule had a word.
        plain: what point-in-polygon says of the same place; `None` without a place.
    """

    group: str
    pass_id: int
    violation: bool
    permitted: bool
    outcome: Outcome
    probability: float
    plain: Outcome | None


def group_of(thing: Thing) -> str:
    """What a thing is scored with."""
    if thing.setting == "look_alike":
        return "false alarm"
    if thing.setting == "elsewhere":
        return "stall elsewhere" if thing.what == "stall" else "bike elsewhere"
    return thing.setting


def score(
    seen: Pass, places: dict[str, Place | Unplaced], site: Site, number: int, *, chosen: Sequence[Track]
) -> list[Scored]:
    """All hits of one pass."""
    earlier = {track.track_id: LONG_AGO for track in seen.tracks}
    said: dict[str, tuple[Outcome, float]] = {}
    for hit in judge_tracks(seen.tracks, places, site, "vehicle", earlier=earlier):
        for name in hit.member_track_ids or (hit.track.track_id,):
            said[name] = hit.outcome, hit.probability
    scored: list[Scored] = []
    for track in chosen:
        thing, place = seen.thing(track), places[track.track_id]
        outcome, probability = said.get(track.track_id, (Outcome.ALLOWED, 0.0))
        plain = plain_outcome(thing, place, seen, site) if isinstance(place, Place) else None
        permitted = thing.what == "stall" and not thing.violation
        scored.append(Scored(group_of(thing), number, thing.violation, permitted, outcome, probability, plain))
    return scored


_PERMITS = {
    "stall": {ZoneKind.VENDING_PITCH, ZoneKind.MARKET, ZoneKind.SHOP_FRONTAGE},
    "bike": {ZoneKind.BIKE_BAY, ZoneKind.SHOP_FRONTAGE},
    "goods": {ZoneKind.SHOP_FRONTAGE, ZoneKind.MARKET, ZoneKind.VENDING_PITCH},
    "sign": {ZoneKind.SIGN_REGISTRY, ZoneKind.SHOP_FRONTAGE},
}


def plain_outcome(thing: Thing, place: Place, seen: Pass, site: Site) -> Outcome:
    """Point in polygon: allowed inside a zone that permits such a thing now (slack included), else a violation."""
    closed = {feature.feature_id for feature in seen.world.features if not feature.in_force}
    found = site.zones.membership(cloud(place.lon_deg, place.lat_deg, ((0.0, 0.0), (0.0, 0.0))))
    kinds = _PERMITS.get(thing.what, _PERMITS["stall"]) & GRANTING
    permits = any(
        holds and zone.kind in kinds and zone.zone_id not in closed
        for zone, holds in zip(found.zones, found.holds_centre, strict=True)
    )
    return Outcome.ALLOWED if permits else Outcome.VIOLATION


Runs = dict[tuple[float, bool], list[Scored]]
"""By GNSS sigma, and whether the pass was registered."""


def run(seeds: Sequence[int]) -> Runs:
    """One drive of a car and one of an e-bike through each district, seen with every receiver."""
    found: Runs = {(sigma, after): [] for sigma in SIGMAS_M for after in (False, True)}
    rides = [(CAR, 0), (E_BIKE, 1)]
    for district, trial in enumerate(
        progress(trials(seeds, rides), description="passes", total=len(seeds), transient=True)
    ):
        registrar = Registrar(trial.site)
        for number, drive in enumerate(trial.drives):
            for sigma_m in SIGMAS_M:
                _judge_pass(found, trial, drive, sigma_m, registrar, 2 * district + number)
    return found


def _judge_pass(found: Runs, trial: Trial, drive: Drive, sigma_m: float, registrar: Registrar, number: int) -> None:
    seen = with_gnss(drive, replace(AUTONOMOUS, sigma_m=sigma_m))
    long = [track for track in seen.tracks if track.frame_count >= LEAST_PICTURES]
    chosen = [track for track in long if float(seen.ranges_m(track).min()) <= NEAR_M]
    given = places_of(seen)
    for after, places in ((False, given), (True, registered(seen, given, registrar))):
        found[sigma_m, after] += score(seen, places, trial.site, number, chosen=chosen)


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of one group; NaN where there is nothing to share."""

    hits: int
    wrong: float
    unsure: float
    accused: float
    recall: float


def rates(hits: Sequence[Scored], *, plain: bool = False) -> Rates:
    """The shares of the module's docstring. A hit without a place is unsure for the plain way."""
    said = [(h.plain or Outcome.UNSURE) if plain else h.outcome for h in hits]
    truth = [Outcome.VIOLATION if h.violation else Outcome.ALLOWED for h in hits]
    decided = [s == t for s, t in zip(said, truth, strict=True) if s is not Outcome.UNSURE]
    lawful = [s is Outcome.VIOLATION for s, h in zip(said, hits, strict=True) if not h.violation]
    guilty = [s is Outcome.VIOLATION for s, h in zip(said, hits, strict=True) if h.violation]
    return Rates(
        hits=len(hits),
        wrong=1.0 - _share(decided),
        unsure=_share([s is Outcome.UNSURE for s in said]),
        accused=_share(lawful),
        recall=_share(guilty),
    )


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags) if flags else float("nan")


def interval(hits: Sequence[Scored], name: str) -> tuple[float, float]:
    """95 % interval of one rate, by bootstrap over passes."""
    return by_group([h.pass_id for h in hits], lambda rows: float(getattr(rates([hits[i] for i in rows]), name)), 200)


def print_table(found: Runs) -> None:
    """Every group at every sigma."""
    print(f"{'group':<16}{'sigma':>6}{'hits':>7}{'':>13}{'wrong':>8}{'unsure':>8}{'accused':>9}{'recall':>8}")
    for group in GROUPS:
        for sigma_m in SIGMAS_M:
            for after in (False, True):
                hits = _of(group, found[sigma_m, after])
                ways = [("registered" if after else "as it is", rates(hits))]
                if after:
                    ways = [*ways, ("plain polygon", rates(hits, plain=True))]
                for way, r in ways:
                    shares = f"{r.wrong:>8.1%}{r.unsure:>8.1%}{r.accused:>9.2%}{r.recall:>8.1%}"
                    print(f"{group:<16}{sigma_m:>5.0f}m{r.hits:>7}{way:>13}{shares}")


def _of(group: str, hits: Sequence[Scored]) -> list[Scored]:
    stalls = ("pitch", "market", "stall elsewhere")
    return [h for h in hits if h.group == group or (group == "all stalls" and h.group in stalls)]


def print_goals(found: Runs) -> None:
    """The goal for pitches, with intervals, and which are met."""
    hits = [h for h in found[3.0, True] if h.group == "pitch"]
    reached = rates(hits)
    print(f"\n3 x 2 m pitches, GNSS 3 m, registered: {len(hits)} hits, {sum(h.violation for h in hits)} violations")
    for name, goal in GOALS.items():
        value, (low, high) = float(getattr(reached, name)), interval(hits, name)
        met = value >= goal if name == "recall" else value <= goal
        sense = "at least" if name == "recall" else "at most"
        print(f"  {name:<8}{value:>7.2%}  ({low:.2%} to {high:.2%})  {sense} {goal:.1%}: {'met' if met else 'MISSED'}")


def print_calibration(found: Runs) -> None:
    """How often what was said with a probability came true, false alarms included."""
    print(f"\n{'calibration':<24}{'hits':>7}{'error':>8}  said -> happened (count)")
    for (sigma_m, after), hits in found.items():
        error, bins = calibration(hits)
        table = ", ".join(f"{said:.2f}->{was:.2f} ({count})" for said, was, count in bins)
        met = "met" if error <= CALIBRATION_GOAL else f"MISSED (at most {CALIBRATION_GOAL})"
        print(f"{sigma_m:.0f} m, {'registered' if after else 'as it is':<18}{len(hits):>7}{error:>8.3f} {met}  {table}")


def calibration(hits: Sequence[Scored]) -> tuple[float, list[tuple[float, float, int]]]:
    """Expected calibration error of P(violation), and its bins."""
    said: NDArray[np.float64] = np.array([h.probability for h in hits], np.float64)
    return calibration_error(said, np.array([h.violation for h in hits], np.float64))


def print_false_alarms(found: Runs, passes: int) -> None:
    """What became of passers-by and awnings."""
    print(f"\n{'false alarms':<24}{'tracks':>7}{'accused':>9}{'unsure':>8}  for each pass")
    for (sigma_m, after), hits in found.items():
        alarms = [h for h in hits if h.group == "false alarm"]
        accused = sum(h.outcome is Outcome.VIOLATION for h in alarms) / passes
        unsure = sum(h.outcome is Outcome.UNSURE for h in alarms) / passes
        print(
            f"{sigma_m:.0f} m, {'registered' if after else 'as it is':<18}{len(alarms):>7}{accused:>9.2f}{unsure:>8.2f}"
        )


def main() -> None:
    """Judge, print the tables, draw the plots."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="of the first district; 0 to 9 are for tuning, 100 on are published")
    parser.add_argument("--worlds", type=int, default=8, help="districts driven through")
    parser.add_argument("--quick", action="store_true", help="two tuning districts")
    parser.add_argument("--plots", action="store_true", help="write docs/pictures/verdict-*.png")
    options = parser.parse_args()
    first = options.seed if options.seed is not None else TUNING_SEEDS[0] if options.quick else PUBLISHED_SEED
    seeds = range(first, first + (2 if options.quick else options.worlds))
    print(f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}, {datetime.now(UTC):%F}")
    print(f"districts {seeds.start} to {seeds.stop - 1}, {2 * len(seeds)} passes\n")
    found = run(seeds)
    print_table(found)
    print_goals(found)
    print_calibration(found)
    print_false_alarms(found, 2 * len(seeds))
    if options.plots:
        draw_risk(found, rates)
        draw_calibration({sigma_m: calibration(found[sigma_m, True]) for sigma_m in SIGMAS_M})


if __name__ == "__main__":
    main()
