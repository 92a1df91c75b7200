"""Video sources: good files in all their shapes, and every bad one by name."""

from __future__ import annotations

import os
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from detector.errors import InputError
from edge.sources import (
    Source,
    SourceDamagedError,
    SourceNotFoundError,
    SourceUnreadableError,
    VideoSource,
    Window,
    frames,
    open_source,
)
from edge.sources import source as source_module
from edge.sources.video import luma_of
from tests.edge.clips import cut, write_clip

START = datetime(2026, 5, 17, 1, 30, tzinfo=UTC)


def _times(path: Path) -> list[float]:
    return [f.monotonic_s for f in frames(open_source(str(path), start_utc=START))]


def test_frames_carry_number_time_and_hash(tmp_path: Path) -> None:
    source = open_source(str(write_clip(tmp_path / "street.mp4")), start_utc=START)

    got = list(frames(source))

    assert isinstance(source, VideoSource)
    assert source.source_id == "street.mp4"
    assert source.duration_s == pytest.approx(3.0)
    assert [f.seq for f in got] == list(range(30))
    assert got[0].captured_at == START
    assert (got[15].captured_at - START).total_seconds() == pytest.approx(1.5)
    assert got[0].image.shape == (240, 320, 3)
    assert got[0].image.dtype == np.uint8
    assert got[0].image[120, 40].tolist() == pytest.approx([0, 0, 255], abs=8)  # red stays red: BGR
    assert got[15].frame_id == f"{source.sha256[:12]}:15"


@pytest.mark.parametrize(
    ("name", "container", "codec"),
    [
        ("a.mkv", None, "libx264"),
        ("a.avi", None, "mpeg4"),
        ("a.ts", "mpegts", "libx264"),
        ("a.gif.mp4", "gif", "gif"),  # the content counts, not the name
        ("a%03d.mp4", None, "libx264"),  # read as a picture pattern by a careless opener
        ("concat:a|b.mp4", None, "libx264"),  # read as a protocol
        ("路口 \x07bell.mp4", None, "libx264"),
    ],
)
def test_formats_and_hostile_names(tmp_path: Path, name: str, container: str | None, codec: str) -> None:
    if codec == "gif":
        path = _write_gif(tmp_path / name)
    else:
        path = (
            write_clip(tmp_path / name, container=container or name.rsplit(".", 1)[1], codec=codec)
            if container
            else write_clip(tmp_path / name, codec=codec, container=None)
        )
    source = open_source(str(path), start_utc=START)
    assert len(list(frames(source))) == 30
    assert "\x07" not in source.source_id
    assert source.source_id.encode()


def _write_gif(path: Path) -> Path:
    with av.open(str(path), "w", format="gif") as out:
        stream = out.add_stream("gif", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb8"
        for i in range(30):
            image = np.full((48, 64, 3), i * 8, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format="rgb8")))
        out.mux(stream.encode(None))
    return path


def test_a_name_that_is_no_utf8_is_mended(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4")
    path = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    clip.rename(path)
    assert open_source(str(path), start_utc=START).source_id == "caf_.mp4"


def test_window_keeps_frame_numbers(tmp_path: Path) -> None:
    source = open_source(str(write_clip(tmp_path / "a.mp4")), start_utc=START)
    assert [f.seq for f in frames(source, Window(from_s=1.0, to_s=1.5))] == [10, 11, 12, 13, 14]
    assert [f.seq for f in frames(source, Window(every_s=0.5))] == [0, 5, 10, 15, 20, 25]


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ({"from_s": -1.0}, "--from-s -1 must be 0 to 10,000,000 seconds"),
        ({"from_s": float("nan")}, "--from-s nan must be 0 to"),
        ({"from_s": 1e18}, r"--from-s 1e\+18 must be 0 to"),
        ({"to_s": float("inf")}, "--to-s inf must be 0 to"),
        ({"every_s": float("nan")}, "--every-s nan must be 0 to"),
        ({"from_s": 2.0, "to_s": 2.0}, "--to-s 2 must be above --from-s 2"),
        ({"every_m": -1.0}, "--every-m -1 must be 0 to 100 metres"),
        ({"every_m": float("nan")}, "--every-m nan must be 0 to"),
        ({"every_m": 2.5, "by_motion": True}, "--every-m is for a vehicle, --by-motion for a camera that stands"),
    ],
)
def test_bad_window(window: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Window(**window)


def test_by_way_only_the_wanted_pictures_come(tmp_path: Path) -> None:
    """10 pictures a second at 5 m/s for a second and a half, then a stop: a picture every 2 m."""
    source = open_source(str(write_clip(tmp_path / "a.mp4", frames=30)), start_utc=START)

    def way(utc: datetime) -> float:
        return min(5.0 * (utc - START).total_seconds(), 7.5)

    assert [f.seq for f in frames(source, Window(every_m=2.0), way)] == [0, 4, 8, 12]
    assert [f.seq for f in frames(source, Window(every_m=2.0, from_s=1.0), way)] == [10, 12]


def test_by_way_without_a_way_goes_by_time(tmp_path: Path) -> None:
    source = open_source(str(write_clip(tmp_path / "a.mp4", frames=30)), start_utc=START)
    assert [f.seq for f in frames(source, Window(every_m=2.0, every_s=1.0), lambda utc: None)] == [0, 10, 20]


def test_by_motion_a_still_street_is_looked_at_once(tmp_path: Path) -> None:
    """The picture stays the same for 2 s, then something walks in."""
    path = tmp_path / "still.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(30):
            image = np.full((240, 320, 3), 120, np.uint8)
            if number >= 20:
                image[100:160, 8 * (number - 20) : 8 * (number - 20) + 30] = 10
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    source = open_source(str(path), start_utc=START)
    assert [f.seq for f in frames(source, Window(by_motion=True))] == [0, *range(20, 30)]


@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p", "gray", "nv12", "yuv420p10le", "bgr24", "rgba", "yuyv422"])
def test_brightness_of_any_picture(pixels: str) -> None:
    image = np.zeros((48, 70, 3), np.uint8)
    image[:, 35:] = 200
    luma = luma_of(av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format=pixels))
    assert luma.shape == (48, 70)
    assert luma.dtype == np.uint8
    assert float(luma[:, 40:].mean()) - float(luma[:, :30].mean()) > 150


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_closed_generator_releases_the_file(tmp_path: Path) -> None:
    source = open_source(str(write_clip(tmp_path / "a.mp4")), start_utc=START)
    before = _open_files()
    with closing(frames(source)) as pictures:
        next(pictures)
        assert _open_files() == before + 1
    assert _open_files() == before


def test_variable_rate_follows_the_time_stamps(tmp_path: Path) -> None:
    stamps = [0, 40, 80, 500, 520, 1700]
    path = write_clip(tmp_path / "vfr.mkv", frames=6, stamps=stamps)
    assert _times(path) == pytest.approx([s / 1000 for s in stamps], abs=0.002)


def test_missing_time_stamps_fall_back_to_the_rate(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "raw.h264", container="h264")
    assert _times(path) == pytest.approx([i * 0.1 for i in range(30)])


def test_joined_parts_of_other_size_follow_each_other(tmp_path: Path) -> None:
    big = write_clip(tmp_path / "1.ts", container="mpegts")
    small = write_clip(tmp_path / "2.ts", container="mpegts", size=(160, 120))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(big.read_bytes() + small.read_bytes() + big.read_bytes())

    got = list(frames(open_source(str(joined), start_utc=START)))

    assert [f.image.shape[1] for f in got[::30]] == [320, 160, 320]
    assert len(got) == 90
    # The clock of the file goes back at each joint; time must not.
    assert [f.monotonic_s for f in got] == pytest.approx([i * 0.1 for i in range(90)])


def test_rotation_is_applied(tmp_path: Path) -> None:
    source = open_source(str(write_clip(tmp_path / "phone.mp4", rotation_deg=90)), start_utc=START)
    image = next(frames(source)).image
    assert image.shape == (320, 240, 3)
    # Turned counter-clockwise: the blue top edge is now on the left, the red left quarter at the bottom.
    assert image[100, 5].tolist() == pytest.approx([255, 0, 0], abs=8)
    assert image[300, 120].tolist() == pytest.approx([0, 0, 255], abs=8)


def _missing(folder: Path) -> Path:
    return folder / "nowhere.mp4"


def _empty(folder: Path) -> Path:
    path = folder / "empty.mp4"
    path.touch()
    return path


def _text(folder: Path) -> Path:
    path = folder / "notes.mp4"
    path.write_text("not a video, only words\n" * 100)
    return path


def _noise(folder: Path) -> Path:
    path = folder / "noise.mp4"
    path.write_bytes(np.random.default_rng(7).bytes(20_000))
    return path


def _no_index(folder: Path) -> Path:
    # An mp4 keeps its index at the end unless told otherwise: cut off, nothing of it can be read.
    return cut(write_clip(folder / "whole.mp4"), folder / "noindex.mp4", 0.6)


def _sound_only(folder: Path) -> Path:
    path = folder / "sound.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        out.mux(stream.encode(sound))
        out.mux(stream.encode(None))
    return path


def _playlist(folder: Path) -> Path:
    write_clip(folder / "part.ts", container="mpegts")
    path = folder / "list.mp4"
    path.write_text(f"#EXTM3U\n#EXTINF:3,\n{folder / 'part.ts'}\n#EXT-X-ENDLIST\n")
    return path


def _pipe(folder: Path) -> Path:
    path = folder / "pipe"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (_missing, SourceNotFoundError, "no such file or folder: .*nowhere.mp4"),
        (_empty, SourceUnreadableError, r"empty.mp4 is empty \(0 bytes\)"),
        (_text, SourceUnreadableError, "notes.mp4 is not a video this can read"),
        (_noise, SourceUnreadableError, "noise.mp4 is not a video this can read"),
        (_no_index, SourceUnreadableError, "noindex.mp4 is not a video this can read, or is corrupt from the start"),
        (_sound_only, SourceUnreadableError, r"sound.mkv has no video stream \(it holds audio\)"),
        (_playlist, SourceUnreadableError, "list.mp4 is not a video this can read"),
        (_pipe, SourceUnreadableError, "pipe is neither a file nor a folder"),
    ],
)
def test_unreadable(tmp_path: Path, make: object, error: type[Exception], message: str) -> None:
    assert callable(make)
    with pytest.raises(error, match=message):
        open_source(str(make(tmp_path)), start_utc=START)


@pytest.mark.parametrize("address", ["rtsp://user:secret@camera/1", "http://host/a.mp4", "RTMP://x"])
def test_live_addresses_are_refused_without_repeating_them(address: str) -> None:
    with pytest.raises(SourceUnreadableError, match="cameras are watched by `kerbwatch box run`") as caught:
        open_source(address, start_utc=START)
    assert "secret" not in str(caught.value)


def test_a_broken_picture_part_is_corrupt(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "fast.mp4", options={"movflags": "faststart"})
    data = bytearray(path.read_bytes())
    begin = data.index(b"mdat") + 4
    data[begin:] = np.random.default_rng(1).bytes(len(data) - begin)
    path.write_bytes(data)
    with pytest.raises(SourceUnreadableError, match=r"fast\.mp4 is corrupt: not one picture could be decoded"):
        list(frames(open_source(str(path), start_utc=START)))


@pytest.mark.parametrize(
    ("name", "codec", "options", "message"),
    [
        ("a.mp4", "libx264", {"movflags": "faststart"}, r"is cut off after .* of 3.00 s: the \d+ good pictures"),
        ("a.mkv", "libx264", {}, r"is cut off after .* of 3.00 s"),
        ("a.avi", "mpeg4", {}, "is cut off after"),
    ],
)
def test_cut_off_in_the_middle(tmp_path: Path, name: str, codec: str, options: dict[str, str], message: str) -> None:
    whole = write_clip(tmp_path / f"whole-{name}", codec=codec, options=options)
    source = open_source(str(cut(whole, tmp_path / name, 0.66)), start_utc=START)
    got: list[int] = []
    with pytest.raises(SourceDamagedError, match=message) as caught:
        _collect(source, got)
    assert 5 < len(got) < 30
    assert caught.value.frames == len(got)


def _collect(source: Source, into: list[int]) -> None:
    into.extend(f.seq for f in frames(source))


@pytest.mark.parametrize(("name", "container"), [("a.mp4", "mp4"), ("a.mkv", "matroska")])
def test_damage_on_the_way_is_told(tmp_path: Path, name: str, container: str) -> None:
    path = write_clip(tmp_path / name, container=container, frames=60)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = np.random.default_rng(3).bytes(2000)
    path.write_bytes(data)
    got: list[int] = []
    with pytest.raises(SourceDamagedError, match=r"is damaged in \d+ places"):
        _collect(open_source(str(path), start_utc=START), got)
    assert 20 < len(got) < 60


def test_absurd_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_clip(tmp_path / "a.mp4")
    monkeypatch.setattr("edge.sources.video.MAX_PIXELS", 320 * 240 - 1)
    with pytest.raises(SourceUnreadableError, match=r"a\.mp4 has pictures of 320 x 240 px; the limit is"):
        open_source(str(path), start_utc=START)
    assert source_module.MAX_PIXELS == 64_000_000


def test_no_capture_time(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.mp4 does not say when it was recorded: give .* --start-utc"):
        open_source(str(write_clip(tmp_path / "a.mp4")))


def test_container_time_is_used_and_start_utc_wins(tmp_path: Path) -> None:
    path = str(write_clip(tmp_path / "a.mp4", created="2026-05-17T09:30:00Z"))
    assert open_source(path).starts_at == datetime(2026, 5, 17, 9, 30, tzinfo=UTC)
    assert open_source(path, start_utc=START).starts_at == START


def test_real_clips_are_read_whole(shared_data: Path) -> None:
    counts = {}
    for path in sorted((shared_data / "video").iterdir()):
        if path.stat().st_size < 1_500_000:
            counts[path.name] = sum(1 for _ in frames(open_source(str(path), start_utc=START)))
    assert counts == {"intel_person-bicycle-car-detection.gif": 41, "otc_Cars-Cyclist.mp4": 60}
