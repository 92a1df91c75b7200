"""Folders of pictures as a source.

File times and names say nothing about when a picture was taken. The time comes from ``--start-utc`` with
``--interval-s``, or from EXIF when *every* picture carries its moment: with its UTC offset it is believed, without one
(drones, most cameras) it tells only the seconds between pictures, and ``--start-utc`` the moment of the first.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage
from PIL import UnidentifiedImageError

from detector.errors import InputError
from detector.frame import Frame, Image
from detector.report import YEARS
from edge.sources.errors import SourceDamagedError, SourceUnreadableError
from edge.sources.source import (
    MAX_PIXELS,
    SECONDS_MAX,
    Looks,
    Picture,
    PictureSource,
    WayOf,
    Window,
    file_sha256,
    folder_sha256,
    safe_name,
)

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
_FILE_MAX_BYTES = 64 * 1024 * 1024
_PIL_FORMATS = ("JPEG", "PNG", "WEBP", "BMP")

_EXIF_IFD = 0x8769
_TAKEN, _TAKEN_FRACTION, _TAKEN_OFFSET = 0x9003, 0x9291, 0x9011  # DateTimeOriginal, SubSecTime-, OffsetTimeOriginal


def probe_pictures(folder: Path, start_utc: datetime | None, interval_s: float | None) -> PictureSource:
    """List a folder's pictures and give each its time.

    Args:
        interval_s: seconds from one picture to the next.

    Raises:
        SourceUnreadableError: no pictures in the folder.
        InputError: the pictures' times cannot be known.
    """
    paths = sorted(
        (p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith(".") and p.is_file()),
        key=_natural,
    )
    if not paths:
        raise SourceUnreadableError(f"{folder} holds no pictures ({', '.join(sorted(SUFFIXES))})")
    start, pictures = _times(folder, paths, start_utc, interval_s)
    return PictureSource(
        path=folder,
        source_id=safe_name(folder),
        sha256=folder_sha256((p.name, file_sha256(p)) for p in paths),
        starts_at=start,
        duration_s=pictures[-1].at_s,
        pictures=pictures,
    )


def picture_frames(source: PictureSource, window: Window, way: WayOf | None = None) -> Generator[Frame, None, None]:
    """The pictures inside a window, in order. A picture that cannot be read is skipped.

    Raises:
        SourceUnreadableError: none could be read.
        SourceDamagedError: after the last one, when some could not be read.
    """
    looks = Looks(window, source.starts_at, way)
    broken: list[str] = []
    handed_out = 0
    for seq, picture in enumerate(source.pictures):
        if looks.over(picture.at_s):
            break
        read = lru_cache(maxsize=1)(partial(_read, picture.path))
        try:
            if not looks.wanted(picture.at_s, partial(_green, read)):
                continue
            image = read()
        except SourceUnreadableError as error:
            broken.append(str(error))
            continue
        handed_out += 1
        yield Frame(
            image=image,
            seq=seq,
            captured_at=source.starts_at + timedelta(seconds=picture.at_s),
            monotonic_s=picture.at_s,
            source_id=source.source_id,
            source_sha256=source.sha256,
        )
    if broken and not handed_out:
        raise SourceUnreadableError(f"{source.path}: not one picture can be read; the first: {broken[0]}")
    if broken:
        raise SourceDamagedError(
            f"{source.source_id}: {len(broken)} of {len(broken) + handed_out} pictures cannot be read and were "
            f"skipped; the first: {broken[0]}",
            frames=handed_out,
        )


def _green(read: Callable[[], Image]) -> NDArray[np.uint8]:
    """Brightness of a picture (H, W), near enough to tell motion."""
    return read()[:, :, 1]


def _natural(path: Path) -> tuple[tuple[bool, int, str], ...]:
    """Sort key by which 2.jpg comes before 10.jpg."""
    parts = re.split(r"([0-9]+)", path.name)
    return tuple((part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts)


def _times(
    folder: Path, paths: list[Path], start_utc: datetime | None, interval_s: float | None
) -> tuple[datetime, tuple[Picture, ...]]:
    if interval_s is not None:
        if not 0 < interval_s <= SECONDS_MAX / len(paths):
            raise InputError(
                f"--interval-s {interval_s:g} must be above 0, and the folder at most {SECONDS_MAX:,} s long"
            )
        if start_utc is not None:
            return start_utc, tuple(Picture(p, i * interval_s) for i, p in enumerate(paths))
    zoned = start_utc is None
    taken = [_taken_at(p, zoned=zoned) for p in paths]
    if interval_s is not None or None in taken:
        raise InputError(
            f"{folder} does not say when its pictures were taken ({sum(t is not None for t in taken)} of {len(paths)} "
            f"carry an EXIF time{' with its UTC offset' * zoned}): give the UTC time of the first and the seconds "
            "between them, e.g. --start-utc 2026-05-17T09:30:00Z --interval-s 1"
        )
    moments = cast("list[datetime]", taken)
    late = next((i for i in range(1, len(moments)) if moments[i] < moments[i - 1]), None)
    if late is not None:
        raise InputError(
            f"{paths[late].name} was taken before {paths[late - 1].name} by EXIF: rename the pictures in the order "
            "they were taken, or give --start-utc and --interval-s"
        )
    at_s = ((moment - moments[0]).total_seconds() for moment in moments)
    return start_utc or moments[0], tuple(map(Picture, paths, at_s))


def _taken_at(path: Path, *, zoned: bool) -> datetime | None:
    """EXIF moment of a picture as UTC, `None` unless the offset is there too; not `zoned`, the camera's own clock."""
    try:
        with PilImage.open(path, formats=_PIL_FORMATS) as picture:
            exif = picture.getexif().get_ifd(_EXIF_IFD)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return None
    fraction = re.match(r"[0-9]*", str(exif.get(_TAKEN_FRACTION, "")).strip())
    text = f"{exif.get(_TAKEN)}.{fraction[0] if fraction and fraction[0] else '0'}"
    offset = str(exif.get(_TAKEN_OFFSET, "")).strip().rstrip("\0") if zoned else "+00:00"
    try:
        taken = datetime.strptime(f"{text[:26]}{offset}", "%Y:%m:%d %H:%M:%S.%f%z")
    except ValueError:
        return None
    return taken.astimezone(UTC) if taken.year in YEARS else None


def _read(path: Path) -> Image:
    """Decode one picture, upright; sizes are checked before any pixel is decoded.

    Raises:
        SourceUnreadableError: names the file and what is wrong with it.
    """
    name = safe_name(path)
    size_bytes = path.stat().st_size
    if not 0 < size_bytes <= _FILE_MAX_BYTES:
        limit = f"the limit is {_FILE_MAX_BYTES // 2**20} MiB" if size_bytes else "it is empty"
        raise SourceUnreadableError(f"{name} has {size_bytes} bytes: {limit}")
    try:
        # Pillow reads the header only; its own bomb warning comes at a limit of its own.
        with warnings.catch_warnings(action="ignore"), PilImage.open(path, formats=_PIL_FORMATS) as header:
            width_px, height_px = header.size
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, PilImage.DecompressionBombError) as error:
        raise SourceUnreadableError(f"{name} is not a picture: {error}") from error
    if width_px * height_px > MAX_PIXELS:
        raise SourceUnreadableError(
            f"{name} has {width_px} x {height_px} px; the limit is {MAX_PIXELS // 1_000_000} megapixels"
        )
    # OpenCV decodes, as the trainer does, and turns the picture upright by its EXIF orientation.
    image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise SourceUnreadableError(f"{name} is a damaged picture")
    return cast("Image", image)
