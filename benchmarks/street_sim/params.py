"""Every figure of the made-up district, with the reason for it. Metres, unless the name says otherwise.

They were set from the sources named here before any verdict was measured on them, and are not tuned to results.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

NEIGHBOUR_QUANTILES = ((0.0, 1.6), (0.10, 1.76), (0.25, 2.13), (0.50, 2.50), (0.75, 3.66), (0.90, 5.6), (1.0, 8.0))
"""Distance from a stall to its nearest neighbour: (share, metres).

Measured on the boxes of data/detect/bogota_aerial (350 chips, 701 boxes not cut by a border): in chips with six boxes
or more (305 boxes) the nearest neighbour stands 0.67, 0.81, 0.95, 1.39, 2.12 box widths away at the shares 10, 25, 50,
75, 90 %. The pictures carry no scale; the median row distance of 2.5 m gives a parasol 2.63 m wide. Nearer than 1.6 m
two stalls on the ground would overlap (parasols do, and the aerial boxes are parasols). Chips cut rows, so the far end
is not measured: 8 m."""

CLUSTER_SIZES = ((1, 0.49), (2, 0.22), (3, 0.12), (4, 0.06), (5, 0.05), (6, 0.06))
"""How many stalls stand together: of 306 such chips that hold any, 138, 63, 34, 16, 15 and 40 (six and more as 6)."""


@dataclass(frozen=True, slots=True)
class WorldParams:
    """One district.

    Attributes:
        at: when everything stands there. A Wednesday evening: evening pitches open, morning pitches closed.
        streets, street_m, between_m: parallel streets; blocks of about 80 m are common in old towns.
        half_road_m: half the carriageway: a lane of 3.5 m and a strip of 2.5 m each way.
        footway_m: width of each footway: 2 m of pitches, 2 m to walk, and the shops' aprons; vending streets are wide.
        max_turn_deg: the district lies at a random angle, so that no error hides in the axes.
        gap_m: free footway between features.
        feature_shares: what a stretch of footway holds: a row of pitches, a single pitch, a bike bay, a market,
            nothing. Sparse on purpose: Binzhou publishes 703 permitted points for a whole city, so a street has a few.
        pitch_m: (along, deep) as painted; the issue's goal is for 3 x 2 m.
        pitch_gap_m: between the pitches of a row: painted side by side, with a step to get through.
        row_pitches: how many pitches a row has.
        morning_share: pitches open 06:00-09:30 only, so closed at `at`; a vendor there breaks the order.
        lapsed_share: pitches whose permit has run out.
        occupied_share: pitches in force with their vendor in place.
        squat_share: closed pitches with somebody selling in them all the same.
        vendor_sd_m: how far (along, deep) a vendor's middle is from that of his pitch: he fills it.
        market_m: (along, deep) of a market on a forecourt, open in the evening.
        market_pitch_m: distance of its stalls (DOMAIN: median 2.5 m).
        bay_m: least and greatest length of a painted bay; its depth is a bike's length.
        bay_deep_m: depth of a bay.
        bikes_per_m: 0.94, from Changzhou's 529,373 m of line for 497,999 bikes: the capacity of a bay.
        bay_filled: least and greatest share of the capacity that stands in it.
        bikes_beside: mean number of bikes just beyond a bay's end, and per 100 m of footway elsewhere.
        spill: mean number of stalls without permit beside a row of pitches, a single pitch, and a market. They stand
            where the customers are: beside the permitted ones.
        roamers_per_100_m: clusters of stalls per 100 m of footway, anywhere.
        shop_m: least and greatest width of a shop; deep: how far the frontage reaches back.
        apron_m: how far a shop's line may lie in front of its wall.
        goods_share: shops that put something out, and of those the share beyond the line.
        beyond_m: how far beyond the line.
        signs_per_100_m: a-boards per 100 m of footway; filed_share of them are filed.
        filed_radius_m: how near to its filing a sign is the filed one.
        misdrawn_sd_m: error of the map itself: zones are drawn from orthophotos or surveyed to a few decimetres.
        tolerance_m: slack that the city grants at edges of pitches, bays and frontages.
        passers_per_100_m, awnings_per_100_m: people with an umbrella and a load who look like a stall, and awnings over
            goods: the false alarms that patrol products name.
    """

    at: datetime = datetime(2026, 5, 20, 10, 30, tzinfo=UTC)
    streets: int = 3
    street_m: float = 240.0
    between_m: float = 80.0
    half_road_m: float = 6.0
    footway_m: float = 5.0
    max_turn_deg: float = 45.0
    gap_m: tuple[float, float] = (12.0, 40.0)
    feature_shares: tuple[float, float, float, float, float] = (0.15, 0.17, 0.30, 0.06, 0.32)
    pitch_m: tuple[float, float] = (3.0, 2.0)
    pitch_gap_m: float = 0.3
    row_pitches: tuple[int, int] = (4, 8)
    morning_share: float = 0.15
    lapsed_share: float = 0.05
    occupied_share: float = 0.8
    squat_share: float = 0.3
    vendor_sd_m: tuple[float, float] = (0.3, 0.2)
    market_m: tuple[float, float] = (18.0, 6.0)
    market_pitch_m: float = 2.5
    bay_m: tuple[float, float] = (6.0, 15.0)
    bay_deep_m: float = 2.0
    bikes_per_m: float = 0.94
    bay_filled: tuple[float, float] = (0.4, 1.0)
    bikes_beside: tuple[float, float] = (1.5, 1.5)
    spill: tuple[float, float, float] = (1.5, 0.7, 2.0)
    roamers_per_100_m: float = 0.35
    shop_m: tuple[float, float] = (4.0, 9.0)
    shop_deep_m: float = 8.0
    apron_m: tuple[float, float] = (0.0, 1.2)
    goods_share: tuple[float, float] = (0.35, 0.5)
    beyond_m: tuple[float, float] = (0.5, 2.0)
    signs_per_100_m: float = 2.0
    filed_share: float = 0.5
    filed_radius_m: float = 2.0
    misdrawn_sd_m: float = 0.2
    tolerance_m: float = 0.3
    passers_per_100_m: float = 0.5
    awnings_per_100_m: float = 0.4


@dataclass(frozen=True, slots=True)
class Size:
    """A thing as a box on the ground: width along its street, depth across it, height."""

    width_m: float
    depth_m: float
    height_m: float


@dataclass(frozen=True, slots=True)
class Sizes:
    """Common sizes of things."""

    stall: Size = field(default=Size(2.0, 1.2, 1.8))
    bike_across: Size = field(default=Size(0.6, 1.7, 1.05))
    bike_along: Size = field(default=Size(1.7, 0.6, 1.05))
    goods: Size = field(default=Size(0.9, 0.6, 0.8))
    sign: Size = field(default=Size(0.6, 0.4, 1.0))
    passer: Size = field(default=Size(0.9, 0.6, 1.9))


SIZES = Sizes()
