"""Motions between pictures as geometry gives them, without pictures: exact, or with noise on the points."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from detector.geo.camera import VehicleCamera, rotation
from edge.calibrate.flow import Motion
from tests.edge.calibrate.street_video import NOON, Drive

_PICTURE = np.zeros((1, 1, 3), np.uint8)


def made_motions(
    road: Drive, seen_by: VehicleCamera, seconds: float, step_s: float = 0.2, noise_px: float = 0.0
) -> list[Motion]:
    """Points of the road and of facades ahead, as the camera would see them from moment to moment."""
    rng = np.random.default_rng(2)
    mount = rotation(seen_by.yaw_deg, seen_by.pitch_deg, seen_by.roll_deg)[0]
    pixel = noise_px / seen_by.lens.fx_px
    made: list[Motion] = []
    for k in range(int(seconds / step_s)):
        begin, end = k * step_s, (k + 1) * step_s
        place_a, axes_a = _pose(road, begin, mount, seen_by.height_m)
        place_b, axes_b = _pose(road, end, mount, seen_by.height_m)
        ahead = rng.uniform(2.5, 14.0, 160)
        ground = np.column_stack((rng.uniform(-3.5, 3.5, 160), ahead, np.zeros(160)))
        wall = np.column_stack((rng.choice([-8.0, 8.0], 80), rng.uniform(4, 30, 80), rng.uniform(0, 6, 80)))
        heading = rotation(road.of("heading_deg", begin), 0.0, 0.0)[0]
        points = np.concatenate((ground, wall)) @ heading.T + (place_a * (1, 1, 0))
        from_a, from_b = (points - place_a) @ axes_a, (points - place_b) @ axes_b
        seen = (from_a[:, 1] > 0.5) & (from_b[:, 1] > 0.5)
        rays_a, rays_b = (p[seen] / p[seen, 1:2] for p in (from_a, from_b))
        jitter = rng.normal(0, 1, (2, *rays_a.shape)) * pixel * (1, 0, 1)
        moved = (place_b - place_a) @ axes_a
        length = float(np.linalg.norm(moved))
        made.append(
            Motion(
                begin=NOON + timedelta(seconds=begin),
                end=NOON + timedelta(seconds=end),
                flow_px=float(np.median(np.hypot(*(rays_b - rays_a)[:, [0, 2]].T))) * seen_by.lens.fx_px,
                turn=axes_a.T @ axes_b,
                way=moved / length if length > 1e-3 else np.zeros(3),
                rays=rays_a + jitter[0],
                rays_end=rays_b + jitter[1],
                picture=_PICTURE,
            )
        )
    return made


def _pose(road: Drive, second: float, mount: np.ndarray, height_m: float) -> tuple[np.ndarray, np.ndarray]:
    place = np.array([road.of("east_m", second), road.of("north_m", second), height_m])
    return place, rotation(road.of("heading_deg", second), 0.0, 0.0)[0] @ mount
