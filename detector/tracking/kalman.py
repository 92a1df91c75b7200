"""A constant-velocity Kalman filter for one box: centre, width and height, four independent axes.

Noise is white acceleration (Bar-Shalom, Li, Kirubarajan: Estimation with Applications to Tracking and Navigation,
2001, section 6.2.2), in sizes of the box, so that one setting serves near and far things. Time is in seconds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MEASURED_SIZES = 0.05
_START_SIZES_S = 2.0
_START_SHARE = np.array([1.0, 1.0, 0.2, 0.2])
_ACCELERATION_SIZES = np.array([1.0, 1.0, 0.3, 0.3])
_LOST_DAMPING_S = 0.7


class BoxFilter:
    """Predicts and corrects one box.

    `seen` is the last measured box, carried along by the background: where the thing is if it stands. `state` holds
    centre x, centre y, width, height in px, `velocity` the same per second; each axis has its own covariance.
    """

    __slots__ = ("_cov", "_var", "_var_velocity", "seen", "state", "velocity")

    def __init__(self, xyxy: NDArray[np.float64]) -> None:
        self.seen: NDArray[np.float64] = xyxy
        self.state: NDArray[np.float64] = _to_state(xyxy)
        self.velocity: NDArray[np.float64] = np.zeros(4)
        size = self._size()
        self._var: NDArray[np.float64] = np.full(4, (2 * _MEASURED_SIZES * size) ** 2)
        self._cov: NDArray[np.float64] = np.zeros(4)
        self._var_velocity: NDArray[np.float64] = (_START_SIZES_S * size * _START_SHARE) ** 2

    @property
    def xyxy(self) -> NDArray[np.float64]:
        """The box as it stands, (4,) px."""
        half = self.state[2:] / 2
        return np.concatenate((self.state[:2] - half, self.state[:2] + half))

    def predict(self, dt_s: float, affine: NDArray[np.float64], *, lost: bool) -> None:
        """Move on by `dt_s` seconds, and with the background by `affine` (2, 3).

        A lost thing slows down: its last velocity says less and less, and most of what we look for stands still.
        """
        linear = affine[:, :2]
        zoom = float(np.sqrt(abs(np.linalg.det(linear))))
        self.seen = (self.seen.reshape(2, 2) @ linear.T + affine[:, 2]).reshape(4)
        self.state[:2] = linear @ self.state[:2] + affine[:, 2]
        self.state[2:] *= zoom
        self.velocity[:2] = linear @ self.velocity[:2]
        self.state += self.velocity * dt_s
        self.state[2:] = self.state[2:].clip(1.0)
        if lost:
            self.velocity *= np.exp(-dt_s / _LOST_DAMPING_S)
        noise = (_ACCELERATION_SIZES * self._size()) ** 2
        self._var += 2 * dt_s * self._cov + dt_s**2 * self._var_velocity + noise * dt_s**3 / 3
        self._cov += dt_s * self._var_velocity + noise * dt_s**2 / 2
        self._var_velocity += noise * dt_s

    def stand_at(self, xyxy: NDArray[np.float64]) -> None:
        """It stands, and geometry says where it appears now: box (4,) px. Takes the place of what was predicted."""
        self.seen = xyxy
        self.state = _to_state(xyxy)
        self.velocity = np.zeros(4)

    def correct(self, xyxy: NDArray[np.float64]) -> None:
        """Take in the measured box (4,) px."""
        self.seen = xyxy
        measured_var = (_MEASURED_SIZES * self._size()) ** 2
        residual = _to_state(xyxy) - self.state
        total = self._var + measured_var
        gain, gain_velocity = self._var / total, self._cov / total
        self.state += gain * residual
        self.state[2:] = self.state[2:].clip(1.0)
        self.velocity += gain_velocity * residual
        self._var_velocity -= gain_velocity * self._cov
        self._cov *= 1 - gain
        self._var *= 1 - gain

    def _size(self) -> float:
        return float(np.sqrt(self.state[2] * self.state[3]))


def _to_state(xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    size = (xyxy[2:] - xyxy[:2]).clip(1.0)
    return np.concatenate(((xyxy[:2] + xyxy[2:]) / 2, size))
