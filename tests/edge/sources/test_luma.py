"""Brightness of a decoded picture, whatever its pixel format."""

from __future__ import annotations

import av
import numpy as np
import pytest

from edge.sources.luma import luma_of

FORMATS = ["yuv420p", "yuvj422p", "yuv444p", "nv12", "gray", "yuyv422", "uyvy422", "yuv420p10le", "bgr24"]


@pytest.mark.parametrize("width_px", [64, 50])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_brightness(name: str, width_px: int):
    grey = np.zeros((32, width_px), np.uint8)
    grey[:, : width_px // 2], grey[:, width_px // 2 :] = 60, 180
    picture = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format=name)
    luma = luma_of(picture)
    assert luma.shape == (32, width_px)
    # As told by FFmpeg's own conversion; 16..235 where the format keeps to that range.
    expected = picture.reformat(format="gray").to_ndarray()
    whole_range = name.startswith(("yuvj", "gray", "bgr"))
    stretched = luma.astype(float) if whole_range else (luma.astype(float) - 16) * 255 / 219
    away_from_the_edge = np.abs(np.arange(width_px) - width_px // 2) > 4
    shown = luma if name in ("yuv420p10le", "bgr24") else stretched
    assert np.abs(shown - expected)[:, away_from_the_edge].max() <= 2.0


def test_a_view_where_there_is_one():
    picture = av.VideoFrame.from_ndarray(np.full((32, 64), 99, np.uint8), format="gray")
    assert not luma_of(picture).flags.owndata
