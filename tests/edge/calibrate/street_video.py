"""A street rendered for a test: textured ground and two rows of facades, seen by a camera that truly moves.

Nothing of the product's estimation is used here; only its camera model, whose signs are what is being tested.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from detector.geo.camera import CameraSigmas, Lens, VehicleCamera, rotation
from detector.geo.plane import LocalPlane
from tests.edge.nmea import SYNTHETIC, gga, rmc

NOON = datetime(2026, 5, 17, 12, 0, tzinfo=UTC)
SIZE_PX = (480, 270)
FOV_DEG = 80.0
FPS = 10
HOME = LocalPlane(117.2, 34.26)

_FACADE_M = 9.0
_FACADE_TOP_M = 9.0
_TILE = 1024
_METRES_PER_TEXEL = 0.04

Array = NDArray[np.float64]
Profile = Callable[[float], float]


@dataclass(frozen=True)
class Drive:
    """A drive north along the street, sampled every 10 ms.

    Attributes:
        at_s, east_m, north_m, heading_deg, speed_m_s: (N,) each.
        nod_deg, lean_deg: (N,) pitch and roll of the vehicle's body.
    """

    at_s: Array
    east_m: Array
    north_m: Array
    heading_deg: Array
    speed_m_s: Array
    nod_deg: Array
    lean_deg: Array

    def of(self, name: str, second: float) -> float:
        """A value at a moment."""
        return float(np.interp(second, self.at_s, getattr(self, name)))


def drive(
    seconds: float,
    speed_m_s: Profile,
    heading_deg: Profile = lambda _: 0.0,
    nod_deg: Profile = lambda _: 0.0,
    lean_deg: Profile = lambda _: 0.0,
) -> Drive:
    """Drive with given speed and heading, and how the body nods and leans."""
    at_s = np.arange(-3.0, seconds + 3.0, 0.01)
    speed = np.array([speed_m_s(float(t)) for t in at_s])
    heading = np.array([heading_deg(float(t)) for t in at_s])
    step = 0.01 * speed
    east = np.cumsum(step * np.sin(np.radians(heading)))
    north = np.cumsum(step * np.cos(np.radians(heading)))
    nod, lean = (np.array([of(float(t)) for t in at_s]) for of in (nod_deg, lean_deg))
    return Drive(at_s, east, north, heading, speed, nod, lean)


def camera(
    height_m: float = 1.6, yaw_deg: float = 0.0, pitch_deg: float = -5.0, roll_deg: float = 0.0
) -> VehicleCamera:
    lens = Lens.from_fov(*SIZE_PX, FOV_DEG)
    return VehicleCamera("cam", height_m, yaw_deg, pitch_deg, roll_deg, 0.0, 0.0, lens, CameraSigmas())


def write_nmea(path: Path, road: Drive, seconds: float, *, clock_off_s: float = 0.0, fix_noise_m: float = 0.0) -> Path:
    """The receiver's log at 1 Hz; `clock_off_s` is how far the video's clock is ahead of it."""
    rng = np.random.default_rng(5)
    lines = [SYNTHETIC]
    for second in range(-2, int(seconds) + 3):
        noise = rng.normal(0, fix_noise_m, 2)
        place = (road.of("east_m", second) + noise[0], road.of("north_m", second) + noise[1])
        ((lon_deg, lat_deg),) = HOME.lon_lat_deg([place]).tolist()
        at = NOON + timedelta(seconds=second - clock_off_s)
        knots = road.of("speed_m_s", second) / 0.514444
        lines += [
            rmc(at, lon_deg, lat_deg, knots=knots, course_deg=road.of("heading_deg", second) % 360),
            gga(at, lon_deg, lat_deg),
        ]
    path.write_text("\r\n".join(lines) + "\r\n")
    return path


def write_video(path: Path, road: Drive, seconds: float, seen_by: VehicleCamera) -> Path:
    """The video, beginning at `NOON` by its own clock."""
    street = Street(seen_by)
    with av.open(str(path), "w") as out:
        out.metadata["creation_time"] = NOON.isoformat().replace("+00:00", "Z")
        stream = out.add_stream("libx264", rate=FPS, options={"crf": "18", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *SIZE_PX, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for i in range(int(seconds * FPS)):
            image = street.seen(road, i / FPS)
            picture = av.VideoFrame.from_ndarray(image, format="bgr24")
            picture.pts, picture.time_base = i * 1000 // FPS, Fraction(1, 1000)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return path


class Street:
    """Rays from every pixel to ground, facades or sky."""

    def __init__(self, seen_by: VehicleCamera) -> None:
        width, height = SIZE_PX
        u, v = np.meshgrid(np.arange(width), np.arange(height))
        rays = seen_by.lens.rays(np.column_stack((u.ravel(), v.ravel())))
        mount = rotation(seen_by.yaw_deg, seen_by.pitch_deg, seen_by.roll_deg)[0]
        self._rays = rays @ mount.T
        self._height_m = seen_by.height_m
        self._focal_px = seen_by.lens.fx_px
        rng = np.random.default_rng(11)
        self._ground = _levels(_texture(rng, (70, 120)))
        self._walls = _levels(_texture(rng, (40, 230)))

    def seen(self, road: Drive, second: float) -> NDArray[np.uint8]:
        east, north = road.of("east_m", second), road.of("north_m", second)
        body = [road.of(name, second) for name in ("heading_deg", "nod_deg", "lean_deg")]
        rays = self._rays @ rotation(*body)[0].T
        with np.errstate(divide="ignore", invalid="ignore"):
            to_ground = np.where(rays[:, 2] < 0, -self._height_m / rays[:, 2], np.inf)
            side = np.where(rays[:, 0] > 0, _FACADE_M, -_FACADE_M)
            to_wall = np.where(rays[:, 0] != 0, (side - east) / rays[:, 0], np.inf)
            up = self._height_m + to_wall * rays[:, 2]
        on_wall = (to_wall < to_ground) & (up < _FACADE_TOP_M)
        on_ground = ~on_wall & np.isfinite(to_ground)
        length = np.where(on_wall, to_wall, np.where(on_ground, to_ground, 0.0))
        x, y = east + length * rays[:, 0], north + length * rays[:, 1]
        image = np.full((len(rays), 3), (235, 206, 170), np.float32)
        # Texels per pixel: flat things are seen aslant, so a little more than the distance says.
        blur = 1.5 * length / self._focal_px / _METRES_PER_TEXEL
        image[on_ground] = _look_up(self._ground, x[on_ground], y[on_ground], blur[on_ground])
        shift = np.where(side > 0, 17.0, 0.0)[on_wall]
        image[on_wall] = _look_up(self._walls, y[on_wall] + shift, up[on_wall], blur[on_wall])
        return image.reshape(SIZE_PX[1], SIZE_PX[0], 3).clip(0, 255).astype(np.uint8)


def _texture(rng: np.random.Generator, span: tuple[int, int]) -> NDArray[np.float32]:
    texture = np.zeros((_TILE, _TILE), np.float32)
    for cells, weight in ((16, 1.0), (64, 1.0), (256, 0.8)):
        noise = rng.uniform(-1, 1, (cells, cells)).astype(np.float32)
        noise = cv2.copyMakeBorder(noise, 2, 2, 2, 2, cv2.BORDER_WRAP)
        scale = _TILE // cells
        wide = cv2.resize(noise, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        texture += weight * wide[2 * scale : 2 * scale + _TILE, 2 * scale : 2 * scale + _TILE]
    low, high = np.percentile(texture, (2, 98))
    return (span[0] + (texture - low) / (high - low) * (span[1] - span[0])).astype(np.float32)


def _levels(texture: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The texture ever more blurred, for ever more texels per pixel: without it distant ground would crawl."""
    wrapped = cv2.copyMakeBorder(texture, 96, 96, 96, 96, cv2.BORDER_WRAP)
    blurred = (wrapped if s == 0 else cv2.GaussianBlur(wrapped, (0, 0), s) for s in (0, 1, 2, 4, 8, 16))
    return [np.ascontiguousarray(level[96:-96, 96:-96]) for level in blurred]


def _look_up(levels: list[NDArray[np.float32]], x_m: Array, y_m: Array, blur: Array) -> NDArray[np.float32]:
    at_x, at_y = ((a / _METRES_PER_TEXEL % _TILE).astype(np.float32) for a in (x_m, y_m))
    which = np.clip(np.ceil(np.log2(np.maximum(blur, 0.5))) + 0, 0, len(levels) - 1).astype(int)
    value = np.zeros(len(x_m), np.float32)
    for k, level in enumerate(levels):
        mine = which == k
        if mine.any():
            columns = at_x[mine].reshape(-1, 1), at_y[mine].reshape(-1, 1)
            # OpenCV's maps are at most 32,767 long.
            parts = [
                cv2.remap(level, a, b, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP).ravel()
                for a, b in zip(*(np.array_split(c, len(c) // 30_000 + 1) for c in columns), strict=True)
            ]
            value[mine] = np.concatenate(parts)
    return np.repeat(value[:, None], 3, axis=1)
