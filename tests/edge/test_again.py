"""Which earlier sightings are the same thing: place with both errors, kind, time, one to one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.geo.plane import LocalPlane
from edge.again import APART, CONTINUES, FAMILIES, WINDOWS, Family, Sighting, seen_before
from server.cases.associate import Policy

NOON = datetime(2026, 5, 17, 4, 0, tzinfo=UTC)
PLANE = LocalPlane(117.2, 34.26)


def thing(
    name: str,
    east_m: float = 0.0,
    *,
    ago: timedelta = timedelta(0),
    family: Family = "bike",
    cue: str = "bicycle",
    own_m: float = 0.3,
    pass_m: float = 0.5,
    camera: str = "",
) -> Sighting:
    """A thing seen for two seconds."""
    ((lon_deg, lat_deg),) = PLANE.lon_lat_deg((east_m, 0.0)).tolist()
    return Sighting(
        name=name,
        family=family,
        cue=cue,
        lon_deg=lon_deg,
        lat_deg=lat_deg,
        cov_own_m2=((own_m**2, 0.0), (0.0, own_m**2)),
        cov_pass_m2=((pass_m**2, 0.0), (0.0, pass_m**2)),
        first_seen_at=NOON - ago,
        last_seen_at=NOON - ago + timedelta(seconds=2),
        standing_camera=camera,
    )


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("earlier", "now", "known"),
    [
        (thing("", ago=HOUR), thing("now"), True),
        # Alone on the street a metre is no difference, whatever the fix is worth; 2.5 m is one to a registered pass.
        (thing("", 1.0, ago=HOUR, pass_m=3.0), thing("now", pass_m=3.0), True),
        (thing("", 2.5, ago=HOUR, pass_m=3.0), thing("now", pass_m=3.0), True),
        (thing("", 2.5, ago=HOUR, pass_m=0.3), thing("now", pass_m=0.3), False),
        (thing("", 12.0, ago=HOUR, pass_m=3.0), thing("now", pass_m=3.0), False),
        # Another cue of the family may be the same thing, another family never.
        (thing("", ago=HOUR, cue="motorcycle"), thing("now"), True),
        (thing("", ago=HOUR, family="trade"), thing("now"), False),
        # The longest time unseen is the family's.
        (thing("", ago=timedelta(hours=13), family="trade"), thing("now", family="trade"), False),
        (thing("", ago=timedelta(hours=13)), thing("now"), True),
        (thing("", ago=timedelta(hours=49)), thing("now"), False),
        (thing("", ago=timedelta(days=29), family="sign"), thing("now", family="sign"), True),
        (thing("", ago=timedelta(days=31), family="sign"), thing("now", family="sign"), False),
        # A standing camera waits by itself; only its last file goes on.
        (thing("", ago=HOUR, camera="cam"), thing("now", camera="cam"), False),
        (thing("", ago=timedelta(seconds=60), camera="cam"), thing("now", camera="cam"), True),
        # What it saw bears on a vehicle's pass, though.
        (thing("", ago=HOUR, camera="cam"), thing("now"), True),
        # Its survey error is the same both times: 2.5 m apart is another thing.
        (thing("", 2.5, ago=CONTINUES / 2, camera="cam", pass_m=3.0), thing("now", camera="cam", pass_m=3.0), False),
    ],
)  # fmt: skip
def test_the_same_thing_or_another(earlier: Sighting, now: Sighting, known: bool) -> None:
    assert bool(seen_before([now], [[earlier]])) == known


def test_one_thing_of_a_pass_confirms_one_thing() -> None:
    known = seen_before([thing("near", 0.1), thing("far", 0.9)], [[thing("", ago=HOUR)]])
    assert set(known) == {"near"}


def test_a_row_shifted_by_the_fix_finds_itself() -> None:
    """Stalls at uneven gaps, a shift of 3 m between the passes: each is taken for itself, not for its neighbour."""
    at_m = (0.0, 4.0, 6.5, 12.0, 15.0, 22.0)
    row = [thing(f"{i}", x, pass_m=3.0) for i, x in enumerate(at_m)]
    before = [replace(thing("", x + 3.0, ago=HOUR, pass_m=3.0), first_seen_at=NOON - HOUR * (i + 1))
              for i, x in enumerate(at_m)]  # fmt: skip
    known = seen_before(row, [before])
    assert len(known) >= 4
    assert all(seen.first_seen_at == before[int(name)].first_seen_at for name, seen in known.items())


def test_an_even_row_seen_with_exact_fixes_is_known() -> None:
    row = [thing(f"{i}", 2.5 * i, pass_m=0.1) for i in range(8)]
    known = seen_before(row, [[thing("", 2.5 * i + 0.3, ago=HOUR, pass_m=0.1) for i in range(8)]])
    assert len(known) == 8


def test_who_takes_the_place_next_to_it_is_not_known() -> None:
    """Five stalls stayed; the sixth left, and another came 2 m from where it stood."""
    at_m = (0.0, 4.0, 6.5, 12.0, 15.0)
    now = [thing(f"{i}", x, pass_m=3.0) for i, x in enumerate((*at_m, 24.0))]
    before = [thing("", x + 2.0, ago=HOUR, pass_m=3.0) for x in (*at_m, 22.0)]
    known = seen_before(now, [before])
    assert "5" not in known
    assert len(known) >= 3


def test_times_and_passes_are_counted_back_from_now() -> None:
    stretches = [[thing("", ago=ago)] for ago in (HOUR * 100, HOUR * 30, HOUR, HOUR - timedelta(seconds=100))]
    seen = seen_before([thing("now")], stretches)["now"]
    # 100 hours ago lies behind a hole of 70; the two sightings an hour ago, 100 s apart, are one pass.
    assert seen.first_seen_at == NOON - HOUR * 30
    assert seen.last_seen_at == NOON - HOUR + timedelta(seconds=102)
    assert seen.passes == 2


def test_the_pass_that_goes_on_is_no_pass_of_its_own() -> None:
    seen = seen_before([thing("now")], [[thing("", ago=APART - timedelta(seconds=1))]])["now"]
    assert seen.passes == 0
    assert seen.first_seen_at == NOON - APART + timedelta(seconds=1)


def test_nothing_seen_or_nothing_remembered() -> None:
    assert seen_before([], [[thing("")]]) == {}
    assert seen_before([thing("now")], []) == {}
    assert seen_before([thing("now")], [[]]) == {}


@settings(max_examples=60, deadline=None)
@given(
    east_m=st.lists(st.floats(-20, 20), min_size=1, max_size=6, unique=True),
    noise=st.integers(0, 2**31),
    sigma_m=st.floats(0.1, 3.0),
)
def test_a_pass_confirms_at_most_as_many_as_it_saw(east_m: list[float], noise: int, sigma_m: float) -> None:
    rng = np.random.default_rng(noise)
    now = [thing(f"{i}", x, pass_m=sigma_m) for i, x in enumerate(east_m)]
    before = [replace(s, name="") for s in rng.permutation(np.array(now, object)).tolist()[: len(now) // 2 + 1]]
    before = [replace(s, first_seen_at=NOON - HOUR, last_seen_at=NOON - HOUR) for s in before]
    known = seen_before(now, [before])
    assert len(known) <= len(before)
    assert seen_before(now, [before]) == known


def test_windows_are_those_of_the_servers_cases() -> None:
    windows = Policy().open_window
    assert {kind: WINDOWS[family] for kind, family in FAMILIES.items()} == windows
