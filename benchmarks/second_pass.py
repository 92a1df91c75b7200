"""Does the site memory find a thing again on the second pass, and only what was there? In the street simulator.

    python -m benchmarks.second_pass [--seed 100] [--worlds 4]

Two patrols drive through a district twelve minutes apart. What the first one remembered is asked about everything on
the second that would break an order if it had been seen before. *Found again*: the share of things that both passes
saw and the memory knows. *Wrongly known*: of things that came in between (a random third is taken out of the first
pass's memory), the share that the memory takes for one that stood there. One thing of a crowd may be taken for its
neighbour; what matters is whether somebody who just came is told that he was seen before.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from rich.progress import track as progress

from benchmarks.street_sim import AUTONOMOUS, CAR, E_BIKE, RTK, GnssProfile, Pass, with_gnss
from benchmarks.street_sim.stats import wilson
from benchmarks.street_sim.trial import LONG_AGO, PUBLISHED_SEED, Trial, places_of, registered, trials
from detector.geo.registration import Registrar
from detector.hit import Place
from detector.rules import judge
from detector.site.model import Site
from detector.vocabulary import Outcome
from edge.again import SIGMA_MAX_M, Sighting, seen_before

TAKEN_OUT = 1 / 3
RIDES = ((CAR, 0), (E_BIKE, 3))
"""A car, and an e-bike twelve minutes later."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A row of the table."""

    name: str
    profile: GnssProfile
    register: bool


RECEIVERS = (
    Receiver("RTK", RTK, register=False),
    Receiver("1 m", replace(AUTONOMOUS, sigma_m=1.0), register=False),
    Receiver("1 m, registered", replace(AUTONOMOUS, sigma_m=1.0), register=True),
    Receiver("3 m", AUTONOMOUS, register=False),
    Receiver("3 m, registered", AUTONOMOUS, register=True),
)


@dataclass(slots=True)
class Count:
    """What was counted for one receiver."""

    both: int = 0
    found: int = 0
    came: int = 0
    wrongly: int = 0
    unasked: int = 0


def sightings(seen: Pass, site: Site, registrar: Registrar | None) -> list[tuple[str, Sighting]]:
    """What a pass would remember: thing id and sighting, one for each thing."""
    places = places_of(seen)
    if registrar is not None:
        places = registered(seen, places, registrar)
    found: dict[str, Sighting] = {}
    for track in seen.tracks:
        place = places[track.track_id]
        hit = judge(track, place, site, "vehicle", earlier={track.track_id: LONG_AGO})
        if isinstance(place, Place) and hit is not None and hit.outcome is not Outcome.ALLOWED:
            found.setdefault(seen.truth[track.track_id], Sighting.of(track, place, hit.kind, seen.camera))
    return list(found.items())


def measure(trial: Trial, receiver: Receiver, count: Count, rng: np.random.Generator) -> None:
    """Add one district to a receiver's row."""
    registrar = Registrar(trial.site) if receiver.register else None
    first, second = (sightings(with_gnss(drive, receiver.profile), trial.site, registrar) for drive in trial.drives)
    count.unasked += sum(thing.sigma_m > SIGMA_MAX_M for _, thing in second)
    first = [(name, thing) for name, thing in first if thing.sigma_m <= SIGMA_MAX_M]
    second = [(name, thing) for name, thing in second if thing.sigma_m <= SIGMA_MAX_M]
    came = {name for name, _ in second if rng.random() < TAKEN_OUT}
    remembered = {name: thing for name, thing in first if name not in came}
    known = seen_before([thing for _, thing in second], [list(remembered.values())])
    for name, thing in second:
        if name in came:
            count.came += 1
            count.wrongly += thing.name in known
        elif name in remembered:
            count.both += 1
            count.found += thing.name in known


def rows(seeds: range) -> Iterator[tuple[Receiver, Count]]:
    """Every receiver over the same districts."""
    counts = {receiver.name: Count() for receiver in RECEIVERS}
    for trial in progress(trials(seeds, RIDES), total=len(seeds), description="districts"):
        for receiver in RECEIVERS:
            # The same things are taken out for every receiver.
            rng = np.random.default_rng((trial.world.seed, 17))
            measure(trial, receiver, counts[receiver.name], rng)
    return ((receiver, counts[receiver.name]) for receiver in RECEIVERS)


def share(hits: int, of: int) -> str:
    """A share with its 95 % interval."""
    low, high = wilson(hits, of)
    return f"{100 * hits / of:5.1f} % ({100 * low:.1f} - {100 * high:.1f}) of {of}" if of else "-"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=PUBLISHED_SEED)
    parser.add_argument("--worlds", type=int, default=4)
    asked = parser.parse_args()
    print(f"{'GNSS':18}{'found again':36}{'wrongly known':36}{'too unsure':>10}")
    for receiver, count in rows(range(asked.seed, asked.seed + asked.worlds)):
        found, wrongly = share(count.found, count.both), share(count.wrongly, count.came)
        print(f"{receiver.name:18}{found:36}{wrongly:36}{count.unasked:>10}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
