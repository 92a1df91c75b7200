"""Making a pack at the desk: everything is checked as a box will check it, before there is a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import cv2

from detector.detections import Detections
from detector.errors import InputError, PackError
from detector.model.signed_folder import SIGNATURE, SUMS, read_signed
from detector.model.signers import Trust, shipped_trust, site_signers
from detector.model.yolo import Detector, open_detector
from detector.pack.golden import (
    EXPECTED,
    GOLDEN,
    ExpectedBox,
    GoldenPicture,
    GoldenSet,
    misses,
    read_golden,
    read_picture,
)
from detector.pack.manifest import MANIFEST, PackLimits, PackManifest
from detector.site.load import load_site
from edge.fleet.overrides import parse_overrides

OVERRIDES: Final = "settings.yaml"
_SITE_SUFFIXES: Final = frozenset({".yaml", ".yml", ".geojson", ".json", ".asc", ".pub"})
_PICTURES: Final = frozenset({".png", ".jpg", ".jpeg"})
_CLIP_PICTURES: Final = 4


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What goes into a pack.

    Attributes:
        golden: folder of pictures, with or without an ``expected.json``; `None` takes the model's own golden picture.
        settings: file of settings that boxes shall take over.
        trust: whose model bundles may go in, beside the site's own signers.
    """

    site: Path
    model: Path
    version: str
    made_at: datetime
    golden: Path | None = None
    settings: Path | None = None
    needs_software: str | None = None
    devices: tuple[str, ...] = ()
    limits: PackLimits = field(default_factory=PackLimits)
    trust: Trust = field(default_factory=shipped_trust)


def gather(parts: Ingredients) -> dict[str, bytes]:
    """The files of a pack by path, without list and signature.

    Raises:
        InputError: site, model, settings or golden pictures are no good; or the model does not find what it must.
    """
    site = load_site(parts.site)
    trust = parts.trust.also(site_signers(parts.site))
    detector = open_detector(parts.model, trust=trust)
    manifest = PackManifest(
        version=parts.version,
        made_at=parts.made_at,
        needs_software=parts.needs_software,
        devices=parts.devices,
        site_name=site.name.both(),
        model_name=detector.bundle.card.name,
        limits=parts.limits,
    )
    files = {MANIFEST: manifest.to_bytes()}
    files |= {f"site/{name}": data for name, data in _site_files(parts.site).items()}
    files |= {f"model/{name}": data for name, data in _model_files(parts.model, trust).items()}
    files |= {f"{GOLDEN}/{name}": data for name, data in _golden_files(parts.golden, detector).items()}
    if parts.settings is not None:
        data = _read(parts.settings)
        parse_overrides(data, str(parts.settings))
        files[OVERRIDES] = data
    return files


def _site_files(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SITE_SUFFIXES)
    return {path.relative_to(folder).as_posix(): _read(path) for path in paths}


def _model_files(folder: Path, trust: Trust) -> dict[str, bytes]:
    signed = read_signed(folder, trust)
    return {**signed.files, SUMS: _read(folder / SUMS), SIGNATURE: _read(folder / SIGNATURE)}


def _golden_files(folder: Path | None, detector: Detector) -> dict[str, bytes]:
    if folder is None:
        return _own_golden(detector)
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: give --golden the folder of the golden pictures")
    if (folder / EXPECTED).is_file():
        golden = read_golden(folder)
        missed = misses(detector, folder)
        if missed:
            raise PackError(
                f"{folder}: the model does not find {missed[0]} (and {len(missed) - 1} more) as {EXPECTED} expects: "
                "mend the list, or give another model"
            )
    else:
        golden = _expected_of(folder, detector)
    files = {picture.file: _read(folder / picture.file) for picture in golden.pictures}
    return {**files, EXPECTED: _to_bytes(golden)}


def _own_golden(detector: Detector) -> dict[str, bytes]:
    """The model's own golden picture; its boxes are those that the card promises."""
    bundle = detector.bundle
    ok, png = cv2.imencode(".png", bundle.golden_image)
    if not ok:
        raise PackError(f"the golden picture of {bundle.dir} cannot be written as PNG")
    picture = GoldenPicture(file="model.png", clip=True, found=_boxes(bundle.golden))
    return {"model.png": png.tobytes(), EXPECTED: _to_bytes(GoldenSet(pictures=(picture,)))}


def _expected_of(folder: Path, detector: Detector) -> GoldenSet:
    """What the model finds here, for a person to agree with; the first pictures with something in them are the clip."""
    pictures: list[GoldenPicture] = []
    clip = 0
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in _PICTURES):
        boxes = _boxes(detector.detect(read_picture(path)))
        in_clip = bool(boxes) and clip < _CLIP_PICTURES
        clip += in_clip
        pictures.append(GoldenPicture(file=path.name, clip=in_clip, found=boxes))
    if not clip:
        raise PackError(f"the model finds nothing in the pictures of {folder}: give pictures that show its cues")
    return GoldenSet(pictures=tuple(pictures))


def _boxes(found: Detections) -> tuple[ExpectedBox, ...]:
    names = found.names()
    corners = found.xyxy.round(2).tolist()
    return tuple(ExpectedBox(cue=name, xyxy_px=tuple(box)) for name, box in zip(names, corners, strict=True))


def _to_bytes(golden: GoldenSet) -> bytes:
    return (golden.model_dump_json(indent=1) + "\n").encode()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
