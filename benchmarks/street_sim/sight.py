"""What a camera and its model make of a ride: boxes with edges that wander, misses, and things taken for others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.street_sim.crowd import Thing
from benchmarks.street_sim.vehicle import Ride
from benchmarks.street_sim.world import World
from detector.boxes import areas, intersections
from detector.geo.camera import VehicleCamera, rotation
from detector.tracks import Box, Companion

Array = NDArray[np.float64]

_CORNERS = np.array([(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (0.0, 1.0)])
"""Corners of a thing's box: shares of its width, depth and height."""


_STALL_PARTS: dict[str, tuple[str, ...]] = {
    "stall": ("person",),
    "umbrella": ("table", "person"),
    "cart": ("goods", "person"),
}
"""What is found beside a stall's leading cue."""


@dataclass(frozen=True, slots=True)
class SightParams:
    """What is lost and what is added between the street and the tracker's output.

    Attributes:
        frames_hz: pictures looked at: five a second, as a small box manages.
        reach_m: nothing farther away is looked for.
        least_px: lowest height of a box that the model finds.
        edge_share, edge_px: one sigma of each edge of a box, as a share of its size, and in px besides. The product
            assumes 3 % and 2 px; what a model's boxes do on street-n's test pictures.
        lasting: share of that variance which stays the same for a thing all along a pass: a model sees the same
            parasol the same way again.
        covered: a thing with more of its box behind nearer ones is not found.
        miss: of single pictures.
        hidden_per_s, hidden_s: how often, and for how long, something out of the map (a van, people) hides a thing.
        never: things that the model never finds on a pass.
        confidence: least and greatest mean confidence of a thing; of what is none, `doubt`. It wanders by
            `confidence_sd`.
        threshold: boxes below it do not leave the model.
        person_share: pictures of a stall in which its seller is seen beside it.
        stall_cues: what the model calls a stall, with shares; the rest of the group is found beside it.
        solid: things have depth, so that a box ends at the near edge of its thing, not at its middle. Off for flat
            boards, whose foot is where they are.
    """

    frames_hz: float = 5.0
    reach_m: float = 40.0
    least_px: float = 24.0
    edge_share: float = 0.03
    edge_px: float = 1.0
    lasting: float = 0.5
    covered: float = 0.6
    miss: float = 0.12
    hidden_per_s: float = 0.06
    hidden_s: float = 1.0
    never: float = 0.05
    confidence: tuple[float, float] = (0.5, 0.9)
    doubt: tuple[float, float] = (0.3, 0.65)
    confidence_sd: float = 0.06
    threshold: float = 0.25
    person_share: float = 0.85
    stall_cues: tuple[tuple[str, float], ...] = (("stall", 0.6), ("umbrella", 0.25), ("cart", 0.15))
    solid: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing in one picture; `index` is that of the thing in the district."""

    index: int
    seq: int
    time_s: float
    xyxy: Box
    confidence: float
    cue: str
    companions: tuple[Companion, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Character:
    """How one thing looks on one pass."""

    cue: str
    beside: tuple[str, ...]
    confidence: float
    edge: Array
    found: bool
    shift_m: Array


def look(world: World, camera: VehicleCamera, ride: Ride, params: SightParams, rng: np.random.Generator) -> list[Seen]:
    """Everything found on a ride, picture by picture."""
    bias = rng.normal(0.0, ride.profile.mount_sd_deg)
    mounted = replace(
        camera,
        yaw_deg=camera.yaw_deg + float(bias[0]),
        pitch_deg=camera.pitch_deg + float(bias[1]),
        roll_deg=camera.roll_deg + float(bias[2]),
    )
    characters = [_character(thing, params, rng) for thing in world.things]
    middles = world.truth_m() + np.array([c.shift_m for c in characters])
    times = np.arange(float(rng.uniform(0.0, 0.2)), float(ride.times_s[-1]), 1.0 / params.frames_hz)
    found = np.array([c.found for c in characters], np.bool_)
    hidden = _hidden_until(len(world.things), times, params, rng)
    centres, axes = _poses(mounted, times, ride)
    corners = _corners(world, middles, solid=params.solid)
    seen: list[Seen] = []
    for seq, time_s in enumerate(times.tolist()):
        off = middles - centres[seq, :2]
        ahead = off @ axes[seq, :2, 1] > 0.0
        distance = np.hypot(off[:, 0], off[:, 1])
        visible = np.flatnonzero(ahead & (distance < params.reach_m) & found & ~hidden[seq])
        boxes = _boxes(corners[visible], camera, centres[seq], axes[seq])
        clear = _in_view(boxes, distance[visible], camera, params)
        for row in np.flatnonzero(clear).tolist():
            noise = rng.standard_normal(4)
            chances = rng.random(3)
            who = characters[int(visible[row])]
            confidence = float(np.clip(who.confidence + params.confidence_sd * rng.standard_normal(), 0.0, 0.99))
            if chances[0] < params.miss or confidence < params.threshold:
                continue
            box = _wandered(boxes[row], who.edge, noise, camera, params)
            companions = tuple(_beside(who, box, confidence, person=bool(chances[1] < params.person_share)))
            seen.append(Seen(int(visible[row]), seq, time_s, box, confidence, who.cue, companions))
    return seen


def _character(thing: Thing, params: SightParams, rng: np.random.Generator) -> _Character:
    pick, found = float(rng.random()), bool(rng.random() >= params.never)
    low, high = params.doubt if thing.setting == "look_alike" else params.confidence
    confidence, edge = float(rng.uniform(low, high)), rng.standard_normal(4)
    walked = rng.normal(0.0, 10.0, 2) * (thing.what == "passer")
    match thing.what:
        case "stall":
            names, shares = zip(*params.stall_cues, strict=True)
            cue = names[int(np.searchsorted(np.cumsum(shares), pick * sum(shares)))]
            beside = _STALL_PARTS[cue]
        case "bike":
            cue, beside = ("bicycle" if pick < 0.6 else "motorcycle"), ()
        case "goods":
            cue, beside = ("table" if pick < 0.4 else "goods"), ()
        case "sign":
            cue, beside = ("a_board" if pick < 0.7 else "signboard"), ()
        case "passer":
            cue, beside = "umbrella", ("goods", "person") if pick < 0.5 else ("person",)
        case _:
            cue, beside = "umbrella", ("goods", "person") if pick < 0.3 else ("goods",)
    return _Character(cue, beside, confidence, edge, found, walked)


def _hidden_until(things: int, times: Array, params: SightParams, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which things are hidden in which picture by what no map knows, (pictures, things)."""
    starts = rng.random((len(times), things)) < params.hidden_per_s / params.frames_hz
    length = max(1, round(params.hidden_s * params.frames_hz))
    hidden = starts.copy()
    for step in range(1, length):
        hidden[step:] |= starts[:-step]
    return hidden


def _poses(camera: VehicleCamera, times: Array, ride: Ride) -> tuple[Array, Array]:
    """The camera as it truly hung and moved at each picture: centre (N, 3), and camera to street axes (N, 3, 3).

    Written out here, not taken from the product, so that the two check each other.
    """
    place, _, attitude, _ = ride.at(times)
    level = rotation(attitude[:, 0], 0.0 * times, 0.0 * times)
    lever = level @ np.array([camera.lever_right_m, camera.lever_forward_m, 0.0])
    # A two-wheeler leans about the line its wheels touch the ground on, so its camera sinks.
    sink = np.cos(np.radians(attitude[:, 2])) if ride.profile.leans else np.ones(len(times))
    centre = np.column_stack((place + lever[:, :2], camera.height_m * sink))
    mount = rotation(camera.yaw_deg, camera.pitch_deg, camera.roll_deg)[0]
    return centre, rotation(*attitude.T) @ mount


def _corners(world: World, middles: Array, *, solid: bool) -> Array:
    """(things, 8, 3) east, north and height of the corners of every thing's box."""
    size = np.array([(t.size.width_m, t.size.depth_m * solid, t.size.height_m) for t in world.things])
    turn = np.radians([t.heading_deg for t in world.things])
    corners = _CORNERS[None] * size[:, None, :]
    along = np.column_stack((np.sin(turn), np.cos(turn)))
    across = np.column_stack((np.cos(turn), -np.sin(turn)))
    ground = middles[:, None] + corners[..., :1] * along[:, None] + corners[..., 1:2] * across[:, None]
    height = corners[..., 2] + np.array([t.ground_m for t in world.things])[:, None]
    return np.concatenate((ground, height[..., None]), axis=2)


def _boxes(corners: Array, camera: VehicleCamera, centre: Array, axes: Array) -> Array:
    """Boxes (N, 4) px of things (N, 8, 3) without any noise; NaN where a corner lies behind the camera."""
    rays = (corners.reshape(-1, 3) - centre) @ axes
    pixels = camera.lens.pixels(rays).reshape(-1, 8, 2)
    return np.column_stack((pixels.min(axis=1), pixels.max(axis=1)))


def _in_view(boxes: Array, depth: Array, camera: VehicleCamera, params: SightParams) -> NDArray[np.bool_]:
    """Which boxes the model could find: large enough, mostly in the picture, not behind nearer ones."""
    width, height = camera.lens.width_px, camera.lens.height_px
    whole = np.nan_to_num(boxes, nan=-1e6)
    clipped = np.clip(whole, 0.0, (width, height, width, height))
    share = areas(clipped) / np.maximum(areas(whole), 1e-9)
    clear = np.isfinite(boxes).all(axis=1) & (share >= 0.5) & (clipped[:, 3] - clipped[:, 1] >= params.least_px)
    rows = np.flatnonzero(clear)
    nearer = depth[rows][None, :] < depth[rows][:, None] - 0.3
    shared = np.where(nearer, intersections(clipped[rows], clipped[rows]), 0.0).max(axis=1, initial=0.0)
    clear[rows[shared > params.covered * areas(clipped[rows])]] = False
    return clear


def _wandered(box: Array, lasting: Array, fresh: Array, camera: VehicleCamera, params: SightParams) -> Box:
    """The box as the model draws it, cut off by the picture's border."""
    size = np.array([box[2] - box[0], box[3] - box[1]])
    sigma = np.tile(np.hypot(params.edge_share * size, params.edge_px), 2)
    noise = np.sqrt(params.lasting) * lasting + np.sqrt(1.0 - params.lasting) * fresh
    drawn = box + sigma * noise
    limits = np.tile((camera.lens.width_px, camera.lens.height_px), 2)
    left, top, right, bottom = np.clip(drawn, 0.0, limits).tolist()
    return left, top, max(right, left + 1.0), max(bottom, top + 1.0)


def _beside(who: _Character, box: Box, confidence: float, *, person: bool) -> Iterator[Companion]:
    """What else is seen close by in the picture."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    for cue in who.beside:
        if cue == "person":
            if person:
                tall = (right - 0.1 * width, top + 0.05 * height, right + 0.25 * width, bottom - 0.05 * height)
                yield Companion(cue, tall, confidence, None)
        else:
            yield Companion(cue, (left, top + 0.55 * height, right, bottom), confidence, None)
