"""Poses of a folder of drone photos: from their tags, or from a CSV file that mends them.

The CSV has one row per photo and the columns of `COLUMNS`; further columns are for people and are passed over.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detector.errors import InputError, SourceError
from detector.frame import Fix
from edge.gnss import FixTrack, LogCounts
from edge.sources.source import PictureSource, file_sha256
from edge.survey.check import PhotoFinding
from edge.survey.tags import HEIGHT_MAX_M, PhotoPose, compass_deg, read_pose

COLUMNS: Final = ("photo", "lon_deg", "lat_deg", "above_ground_m", "heading_deg", "pitch_deg", "roll_deg")
FILE_MAX_BYTES: Final = 16 << 20


class _Row(BaseModel):
    """One photo's pose as written in the file."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    photo: str = Field(min_length=1, max_length=255)
    lon_deg: float = Field(ge=-180, le=180)
    lat_deg: float = Field(ge=-90, le=90)
    above_ground_m: float = Field(gt=0, le=HEIGHT_MAX_M)
    heading_deg: float = Field(ge=-360, le=360)
    pitch_deg: float = Field(ge=-135, le=90)
    roll_deg: float = Field(ge=-180, le=180)


def poses_csv(findings: Iterable[PhotoFinding]) -> str:
    """The file's text: mended poses, with what was found and the heading as tagged beside them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*COLUMNS, "finding", "tagged_heading_deg"))
    for found in findings:
        pose = found.mended
        writer.writerow(
            (
                pose.name,
                f"{pose.lon_deg:.8f}",
                f"{pose.lat_deg:.8f}",
                f"{pose.above_ground_m:.2f}",
                f"{pose.heading_deg:.2f}",
                f"{pose.pitch_deg:.2f}",
                f"{pose.roll_deg:.2f}",
                found.finding.value,
                f"{found.pose.heading_deg:.2f}",
            )
        )
    return text.getvalue()


def read_poses(path: Path) -> dict[str, PhotoPose]:
    """Poses by photo name.

    Raises:
        InputError: no such file, too large, a column missing, or a row that is no pose; the message names the line.
    """
    if not path.is_file():
        raise InputError(f"no such --poses file: {path}")
    if path.stat().st_size > FILE_MAX_BYTES:
        raise InputError(f"{path} has {path.stat().st_size} bytes; a --poses file has at most {FILE_MAX_BYTES}")
    try:
        reader = csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline=""), strict=True)
        missing = [c for c in COLUMNS if c not in (reader.fieldnames or ())]
        if missing:
            raise InputError(
                f"{path} lacks the columns {', '.join(missing)}: write it with kerbwatch survey check --mend"
            )
        poses: dict[str, PhotoPose] = {}
        for row in reader:
            pose = _pose(row, f"{path} line {reader.line_num}")
            if pose.name in poses:
                raise InputError(f"{path} line {reader.line_num}: {pose.name} is there twice")
            poses[pose.name] = pose
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a UTF-8 CSV file: {error}") from error
    if not poses:
        raise InputError(f"{path} holds no pose, only its columns: write it with kerbwatch survey check --mend")
    return poses


def _pose(row: dict[str, str], where: str) -> PhotoPose:
    try:
        read = _Row.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{where}: {first['loc'][0]} {first.get('input')!r}: {first['msg']}") from None
    return PhotoPose(
        name=read.photo,
        width_px=0,
        height_px=0,
        lon_deg=read.lon_deg,
        lat_deg=read.lat_deg,
        above_ground_m=read.above_ground_m,
        heading_deg=compass_deg(read.heading_deg),
        pitch_deg=read.pitch_deg,
        roll_deg=read.roll_deg,
    )


def photo_track(sources: Sequence[PictureSource], poses_file: Path | None) -> tuple[FixTrack, list[str]]:
    """A fix for each photo, at the very moment that its source gives it, and what is odd about them.

    Between two photos the drone's pose is not known: the track answers for the photos' moments only.

    Args:
        sources: folders of drone photos.
        poses_file: poses that win over the photos' own tags.

    Raises:
        InputError: the file is no good or names none of the photos; two photos have the same time; no photo has a pose.
    """
    given = read_poses(poses_file) if poses_file is not None else {}
    names = {p.path.name for source in sources for p in source.pictures}
    if given and not names & given.keys():
        raise InputError(
            f"{poses_file} names none of the photos (its first is {next(iter(given))}): is it of another flight?"
        )
    fixes: list[Fix] = []
    odd: list[str] = []
    for source in sources:
        for picture in source.pictures:
            try:
                pose = given.get(picture.path.name) or read_pose(picture.path)
            except SourceError as error:
                odd.append(f"{error}; its things have no place")
                continue
            fixes.append(pose.fix(source.starts_at + timedelta(seconds=picture.at_s)))
            odd.extend(pose.odd)
    if not fixes:
        raise InputError(f"no photo has a pose; the first: {odd[0]}" if odd else "there are no photos")
    fixes.sort(key=lambda fix: fix.at)
    for a, b in pairwise(fixes):
        if a.at == b.at:
            raise InputError(f"two photos were taken at {a.at.isoformat()}: give --start-utc and --interval-s instead")
    return FixTrack(
        tuple(fixes), max_gap_s=0.0, counts=LogCounts(fixes=len(fixes)), sha256=_sha256(fixes, poses_file)
    ), odd


def _sha256(fixes: Sequence[Fix], poses_file: Path | None) -> str:
    """The photos' tags are in their sources' hashes; a file of poses decides as well."""
    return file_sha256(poses_file) if poses_file is not None else hashlib.sha256(repr(fixes).encode()).hexdigest()
