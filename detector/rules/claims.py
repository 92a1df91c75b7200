"""Things that claim the same pitch: a pitch that holds one stall and most likely has it leaves less room for another.

Each thing alone gives odds that it stands in a pitch rather than anywhere else (`detector.rules.weigh`). Together they
must be told apart one to one: no thing stands in two pitches, and a pitch of capacity 1 holds one thing at a time. The
marginals of that are found by loopy belief propagation for data association (Williams & Lau, "Approximate evaluation of
marginal association probabilities with belief propagation", IEEE T-AES 50(4), 2014), which always converges and is
exact where claims form no loop. Its message from a pitch to a thing is how far the pitch is still free for it, and that
is what multiplies the pitch's density in the verdict.

Only other things lessen a pitch, so a vendor alone in his pitch is judged as before, and benefit of the doubt for a
best estimate inside a permit stands (`detector.rules.law`); two best estimates in one pitch are `over_capacity`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from detector.hit import Hit, Place
from detector.rules.distinct import Thing, seen_from
from detector.rules.law_map import Role, law_map
from detector.rules.rows import single_things
from detector.rules.weigh import Question, Sums, weigh
from detector.site.model import Site
from detector.site.rulebook import Rule
from detector.vocabulary import Kind

ROUNDS = 100
"""More than any chain of claims seen needs; each round is a few small matrices."""
SETTLED = 1e-6
NOTHING_CLAIMED: Mapping[str, Mapping[str, float]] = {}
FREE_LEAST = 0.25
"""No pitch is taken more surely than this: the places of one pass are wrong together, and a row that is taken for the
row one pitch on gives every stall but one a pitch that seems to have its stall."""
_ODDS_MAX = 1e6


def free_pitches(hits: Sequence[Hit], site: Site, linger_s: float) -> dict[str, dict[str, float]]:
    """By track id and zone id: how far a zone that holds one thing is still free for the track's thing.

    Tracks that nobody else's claim touches are left out.

    Args:
        hits: of all kinds, each judged by itself.
        linger_s: see `detector.rules.distinct.most_at_once`.
    """
    found: dict[str, dict[str, float]] = {}
    for kind in Kind:
        rule = site.rules[kind]
        single = {zone.zone_id for zone in site.zones.zones if zone.capacity == 1 and zone.kind in rule.grants}
        standing = [hit for hit in hits if hit.kind is kind and _stands(hit, rule)]
        if single and len(standing) > 1:
            found.update(_of_kind(single_things(standing, rule.gather), rule, site, single, linger_s))
    return found


def with_free(sums: Sums, free: Mapping[str, float], rule: Rule, site: Site) -> Sums:
    """The sums of a question when some of its pitches are free only in part."""
    gone = {
        each.row: each.share * (1.0 - free[site.zones.zones[each.row].zone_id])
        for each in sums.zones
        if each.role is Role.GRANTS and site.zones.zones[each.row].zone_id in free
    }
    lost = sum(gone.values())
    left = 1.0 - lost
    if lost <= 0.0 or left <= 0.0:
        return sums
    held = any(each.role is Role.GRANTS and each.inside for each in sums.zones)
    against = max(0.0, sums.probability - lost * rule.granted_prior) / left
    zones = [
        each._replace(share=(each.share - gone[each.row]) / left if each.row in gone else min(1.0, each.share / left))
        for each in sums.zones
    ]
    return sums._replace(
        probability=sums.probability if held else min(1.0, against),
        granting=max(0.0, sums.granting - lost) / left,
        zones=sorted(zones, key=lambda each: (-each.share, each.row)),
    )


def availability(odds: NDArray[np.float64], together: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How far each pitch is free for each thing, (N, Z), `FREE_LEAST` to 1.

    Args:
        odds: (N, Z) that a thing stands in a pitch against in none of them, by itself.
        together: (N, N) which things are there at one time; the diagonal does not count.
    """
    others = together & ~np.eye(len(odds), dtype=np.bool_)
    free = np.ones_like(odds)
    for _ in range(ROUNDS):
        drawn = odds * free
        claims = odds / (1.0 + drawn.sum(axis=1, keepdims=True) - drawn)
        before, free = free, 1.0 / (1.0 + others @ claims)
        if float(np.abs(free - before).max(initial=0.0)) < SETTLED:
            break
    return np.maximum(free, FREE_LEAST)


def _stands(hit: Hit, rule: Rule) -> bool:
    """Whether it is a thing of the rule that takes up ground, allowed there or not."""
    granted = {grant.look_alike for grant in rule.grants.values()}
    return hit.place is not None and (hit.look_alike is None or hit.look_alike in granted | {"too_brief"})


def _of_kind(
    found: Sequence[Thing], rule: Rule, site: Site, single: set[str], linger_s: float
) -> dict[str, dict[str, float]]:
    questions = [_question(thing, rule) for thing in found]
    sums = weigh(law_map(site), questions)
    zones = site.zones.zones
    claimed = [
        {each.row: each.share for each in one.zones if each.role is Role.GRANTS and zones[each.row].zone_id in single}
        for one in sums
    ]
    columns = sorted({row for shares in claimed for row in shares})
    if not columns:
        return {}
    shares = np.array([[of.get(row, 0.0) for row in columns] for of in claimed], np.float64)
    odds = np.minimum(shares / np.maximum(1.0 - shares.sum(axis=1, keepdims=True), 1e-9), _ODDS_MAX)
    free = availability(odds, _together(found, linger_s))
    return {
        hit.track.track_id: {zones[columns[column]].zone_id: float(free[row, column]) for column in touched.tolist()}
        for row, thing in enumerate(found)
        if len(touched := np.flatnonzero((shares[row] > 0.0) & (free[row] < 1.0)))
        for hit in thing
    }


def _question(thing: Thing, rule: Rule) -> Question:
    """One question for a thing of several tracks: at the surest of its places."""
    placed = [(hit, hit.place) for hit in thing if hit.place is not None]
    best, place = min(placed, key=lambda pair: (_spread_m2(pair[1]), pair[0].track.ordinal))
    return Question(rule, place, best.track.first_seen_at, best.track.last_seen_at)


def _spread_m2(place: Place) -> float:
    own, shared = place.cov_own_m2, place.cov_pass_m2
    return own[0][0] + own[1][1] + shared[0][0] + shared[1][1]


def _together(found: Sequence[Thing], linger_s: float) -> NDArray[np.bool_]:
    """Which things are there at one moment, (N, N)."""
    begins = np.array([seen_from(thing) for thing in found])
    ends = np.array([max(hit.track.last_seen_at.timestamp() for hit in thing) for thing in found]) + linger_s
    return (begins[:, None] <= ends[None, :]) & (begins[None, :] <= ends[:, None])
