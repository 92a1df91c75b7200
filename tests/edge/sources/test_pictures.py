"""Picture folders: order, times, and pictures that cannot be read."""

from __future__ import annotations

import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detector.errors import InputError
from edge.sources import PictureSource, SourceDamagedError, SourceUnreadableError, Window, frames, open_source

START = datetime(2026, 5, 17, 1, 30, tzinfo=UTC)


def _picture(path: Path, grey: int = 90, *, taken: str | None = None, offset: str | None = None, turn: int = 1) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    details = exif.get_ifd(0x8769)
    if taken:
        details[0x9003] = taken
    if offset:
        details[0x9011] = offset
    Image.fromarray(np.full((30, 40, 3), grey, np.uint8)).save(path, exif=exif)


def test_natural_order_and_interval(tmp_path: Path) -> None:
    for name in ("10.jpg", "2.jpg", "1.png", "note.txt", ".hidden.jpg"):
        if name.endswith("txt"):
            (tmp_path / name).write_text("no picture")
        else:
            _picture(tmp_path / name)

    source = open_source(str(tmp_path), start_utc=START, interval_s=2.0)
    got = list(frames(source))

    assert isinstance(source, PictureSource)
    assert [p.path.name for p in source.pictures] == ["1.png", "2.jpg", "10.jpg"]
    assert [(f.captured_at - START).total_seconds() for f in got] == [0.0, 2.0, 4.0]
    assert got[0].image.shape == (30, 40, 3)
    assert [f.seq for f in frames(source, Window(from_s=1.0, to_s=3.0))] == [1]


def test_the_hash_covers_names_and_bytes(tmp_path: Path) -> None:
    _picture(tmp_path / "1.jpg", 10)
    _picture(tmp_path / "2.jpg", 20)
    first = open_source(str(tmp_path), start_utc=START, interval_s=1.0).sha256
    assert open_source(str(tmp_path), start_utc=START, interval_s=1.0).sha256 == first
    (tmp_path / "2.jpg").rename(tmp_path / "3.jpg")
    assert open_source(str(tmp_path), start_utc=START, interval_s=1.0).sha256 != first


def test_exif_with_its_offset_is_believed(tmp_path: Path) -> None:
    _picture(tmp_path / "1.jpg", taken="2026:05:17 09:30:00", offset="+08:00")
    _picture(tmp_path / "2.jpg", taken="2026:05:17 09:30:03", offset="+08:00")
    source = open_source(str(tmp_path))
    assert [f.captured_at for f in frames(source)] == [START, START.replace(second=3)]


@pytest.mark.parametrize(
    ("offsets", "message"),
    [
        ((None, None), r"does not say when its pictures were taken \(0 of 2 carry an EXIF time with its UTC offset\)"),
        (("+08:00", None), r"\(1 of 2 carry"),  # all or none
    ],
)
def test_without_offsets_the_time_is_unknown(tmp_path: Path, offsets: tuple[str | None, ...], message: str) -> None:
    for i, offset in enumerate(offsets):
        _picture(tmp_path / f"{i}.jpg", taken="2026:05:17 09:30:00", offset=offset)
    with pytest.raises(InputError, match=message):
        open_source(str(tmp_path))


def test_start_alone_is_not_enough(tmp_path: Path) -> None:
    _picture(tmp_path / "1.jpg")
    with pytest.raises(InputError, match="--start-utc 2026-05-17T09:30:00Z --interval-s 1"):
        open_source(str(tmp_path), start_utc=START)
    with pytest.raises(InputError, match="--interval-s 0 must be above 0"):
        open_source(str(tmp_path), start_utc=START, interval_s=0.0)


def test_start_with_the_cameras_own_clock(tmp_path: Path) -> None:
    """Drones write the time without its offset: the seconds between pictures are right all the same."""
    _picture(tmp_path / "1.jpg", taken="2016:06:23 16:31:59")
    _picture(tmp_path / "2.jpg", taken="2016:06:23 16:32:06", offset="-05:00")
    source = open_source(str(tmp_path), start_utc=START)
    assert [f.captured_at for f in frames(source)] == [START, START.replace(second=7)]


def test_exif_times_out_of_order(tmp_path: Path) -> None:
    _picture(tmp_path / "1.jpg", taken="2026:05:17 09:30:05", offset="+08:00")
    _picture(tmp_path / "2.jpg", taken="2026:05:17 09:30:03", offset="+08:00")
    with pytest.raises(InputError, match=r"2\.jpg was taken before 1\.jpg by EXIF"):
        open_source(str(tmp_path))


def test_orientation_is_applied(tmp_path: Path) -> None:
    _picture(tmp_path / "1.jpg", turn=6)
    assert next(frames(open_source(str(tmp_path), start_utc=START, interval_s=1.0))).image.shape == (40, 30, 3)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadableError, match="holds no pictures"):
        open_source(str(tmp_path), start_utc=START, interval_s=1.0)


def _bomb(width_px: int, height_px: int) -> bytes:
    """A PNG that promises a huge picture in a few bytes."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"bad\.png has 0 bytes: it is empty"),
        (b"no picture at all", r"bad\.png is not a picture"),
        (_bomb(9_000, 8_000), r"bad\.png has 9000 x 8000 px; the limit is 64 megapixels"),
        (_bomb(60_000, 60_000), r"bad\.png"),
    ],
)
def test_a_broken_picture_is_skipped_and_told(tmp_path: Path, content: bytes, message: str) -> None:
    _picture(tmp_path / "1.png")
    (tmp_path / "bad.png").write_bytes(content)
    _picture(tmp_path / "z.png")
    got: list[int] = []
    with pytest.raises(SourceDamagedError, match=rf"1 of 3 pictures cannot be read and were skipped; .*{message}"):
        got.extend(f.seq for f in frames(open_source(str(tmp_path), start_utc=START, interval_s=1.0)))
    assert got == [0, 2]


def test_only_broken_pictures(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(_bomb(4, 4))
    with pytest.raises(SourceUnreadableError, match="not one picture can be read"):
        list(frames(open_source(str(tmp_path), start_utc=START, interval_s=1.0)))


def test_real_street_pictures(shared_data: Path) -> None:
    source = open_source(str(shared_data / "street_sequence" / "lund"), start_utc=START, interval_s=1.0)
    got = [f.image.shape for f in frames(source, Window(to_s=3.0))]
    assert len(got) == 3
