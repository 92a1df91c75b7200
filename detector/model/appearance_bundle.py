"""Reads an appearance bundle: a signed folder with ``model.onnx``, ``card.yaml`` and golden files."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, Literal

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from detector.appearance_crop import CropSpec
from detector.errors import BundleError
from detector.frame import Image
from detector.model.card import BothLanguages
from detector.model.session import ModelPort, model_ports
from detector.model.signed_folder import SUMS, read_signed
from detector.model.signers import Signer, Trust
from detector.vocabulary import CUE_PATTERN

SCHEMA = "kerbwatch-appearance/1"
CARD = "card.yaml"
PERSON = "person"
MAX_GOLDEN_SIDE_PX = 4096
MAX_GOLDEN_ARRAY_BYTES = 64 * 1024

_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
_Word = Annotated[str, Field(min_length=1, max_length=200)]


class _Card(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class CropSettings(_Card):
    """`detector.appearance_crop.CropSpec`, as the card says it."""

    side_px: Annotated[int, Field(ge=32, le=512, multiple_of=32)]
    context_share: _Share
    person_margin_share: _Share
    min_side_px: Annotated[int, Field(ge=1, le=512)]
    min_visible_share: Annotated[float, Field(gt=0, le=1)]

    def spec(self) -> CropSpec:
        """The same, for the code that cuts."""
        return CropSpec(**self.model_dump())


class NetworkSpec(_Card):
    """The network: input (1, 4, side, side), output (1, size)."""

    file: _FileName
    input: _Word
    output: _Word
    size: Annotated[int, Field(ge=8, le=1024)]


class GoldenSpec(_Card):
    """The picture and the thing in it that a backend must embed the same way before it is trusted."""

    image: _FileName
    expected: _FileName
    cue: Annotated[str, Field(pattern=CUE_PATTERN)]
    similarity_min: _Share


class Evidence(_Card):
    """What a similarity is worth: log10 of P(similarity | same thing) / P(similarity | look-alike), measured.

    `similarity` rises, `log10_ratio` never falls; between the points it is interpolated, beyond them it stays.
    """

    similarity: Annotated[tuple[float, ...], Field(min_length=2, max_length=200)]
    log10_ratio: Annotated[tuple[float, ...], Field(min_length=2, max_length=200)]

    @model_validator(mode="after")
    def _monotone(self) -> Evidence:
        if len(self.similarity) != len(self.log10_ratio):
            raise ValueError(f"{len(self.similarity)} similarities, {len(self.log10_ratio)} ratios: one each is needed")
        if not (np.all(np.diff(self.similarity) > 0) and np.all(np.diff(self.log10_ratio) >= 0)):
            raise ValueError("similarity must rise and log10_ratio must not fall")
        return self


class AppearanceCard(_Card):
    """The whole card; `training`, `metrics`, `cost`, `good_for` and `unmeasured` are for people."""

    schema_: Annotated[Literal["kerbwatch-appearance/1"], Field(alias="schema")]
    name: _Word
    version: _Word
    created: date
    licence: _Word
    description: BothLanguages
    model: NetworkSpec
    crop: CropSettings
    cues: Annotated[tuple[Annotated[str, Field(pattern=CUE_PATTERN)], ...], Field(min_length=1, max_length=1000)]
    evidence: Evidence
    golden: GoldenSpec
    training: Any
    metrics: Any
    good_for: BothLanguages
    unmeasured: BothLanguages

    @model_validator(mode="after")
    def _cues(self) -> AppearanceCard:
        if PERSON in self.cues:
            raise ValueError("cues list 'person': people are never embedded")
        if self.golden.cue not in self.cues:
            raise ValueError(f"the golden cue {self.golden.cue!r} is not among the cues")
        return self


@dataclass(frozen=True, slots=True, eq=False)
class AppearanceGolden:
    """A picture with one thing, and its embedding.

    Attributes:
        image: BGR uint8 (H, W, 3).
        xyxy: float32 (4,), px.
        person_xyxy: float32 (N, 4), px.
        embedding: float32 (size,), unit length.
    """

    image: Image
    xyxy: NDArray[np.float32]
    person_xyxy: NDArray[np.float32]
    embedding: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class AppearanceBundle:
    """An appearance bundle whose signature, hashes, card, network ports and golden files agree."""

    dir: Path
    card: AppearanceCard
    model: bytes = field(repr=False)
    model_sha256: str
    signer: Signer
    golden: AppearanceGolden = field(repr=False)


def is_appearance(folder: Path) -> bool:
    """Whether a folder's card names the appearance schema; nothing is parsed or trusted yet."""
    path = Path(folder) / CARD
    try:
        if not path.is_file():  # a named pipe would be waited for
            return False
        with path.open("rb") as card:
            return SCHEMA.encode() in card.read(200)
    except OSError:
        return False


def load_appearance_bundle(folder: Path, trust: Trust | None = None) -> AppearanceBundle:
    """Read and check the appearance bundle in `folder`.

    Args:
        trust: whose bundles are loaded; `None` takes the shipped list alone.

    Raises:
        BundleError: as `detector.model.bundle.load_bundle`.
    """
    folder = Path(folder)
    signed = read_signed(folder, trust)
    files = signed.files
    if CARD not in files:
        raise BundleError(f"{folder / SUMS} does not list {CARD}; build the bundle again")
    card = parse_appearance_card(files[CARD])
    signed.signer.check_day(card.created, folder / CARD)
    for name in (card.model.file, card.golden.image, card.golden.expected):
        if name not in files:
            raise BundleError(f"{folder / name}: named in {CARD} but not listed in {SUMS}; build the bundle again")
    model = files[card.model.file]
    _check_ports(card, *model_ports(model))
    return AppearanceBundle(
        dir=folder,
        card=card,
        model=model,
        model_sha256=hashlib.sha256(model).hexdigest(),
        signer=signed.signer,
        golden=_golden(card, files[card.golden.image], files[card.golden.expected]),
    )


def parse_appearance_card(text: bytes) -> AppearanceCard:
    """The card in the bytes of a ``card.yaml``.

    Raises:
        BundleError: not YAML, or a field is missing, unknown or out of its bounds (the message names the field).
    """
    try:
        raw: Any = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date that does not exist
        raise BundleError(f"{CARD} is not YAML: {error}") from error
    try:
        return AppearanceCard.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole card"
        raise BundleError(
            f"{CARD}: {where}: {first['msg']}, got {str(first.get('input'))[:80]!r} "
            f"({error.error_count()} fields at fault); the schema is {SCHEMA}"
        ) from error


def _check_ports(card: AppearanceCard, inputs: tuple[ModelPort, ...], outputs: tuple[ModelPort, ...]) -> None:
    spec, side_px = card.model, card.crop.side_px
    wanted = [(spec.input, (1, 4, side_px, side_px)), (spec.output, (1, spec.size))]
    found = [(port.name, port.shape) for port in (*inputs, *outputs)]
    if found != wanted or any(port.dtype != "tensor(float)" for port in (*inputs, *outputs)):
        kinds = ", ".join(port.dtype for port in (*inputs, *outputs))
        raise BundleError(
            f"{spec.file} has the ports {found} ({kinds}), {CARD} says {wanted} of tensor(float): correct the card or "
            "export again"
        )


def _golden(card: AppearanceCard, picture: bytes, arrays: bytes) -> AppearanceGolden:
    spec = card.golden
    # The size stands in the PNG header: a small file must not unfold into gigabytes.
    if picture[:8] != b"\x89PNG\r\n\x1a\n" or len(picture) < 24:
        raise BundleError(f"{spec.image} is not a PNG; build the bundle again")
    width_px, height_px = int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")
    if not (0 < width_px <= MAX_GOLDEN_SIDE_PX and 0 < height_px <= MAX_GOLDEN_SIDE_PX):
        raise BundleError(f"{spec.image} is {width_px}x{height_px}, at most {MAX_GOLDEN_SIDE_PX} px a side are allowed")
    image: Any = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise BundleError(f"{spec.image} cannot be decoded; build the bundle again")
    found = _arrays(spec.expected, arrays)
    shapes = {name: array.shape for name, array in found.items()}
    people = shapes.get("person_xyxy", (0, 4))[0]
    wanted = {"xyxy": (4,), "person_xyxy": (people, 4), "embedding": (card.model.size,)}
    if shapes != wanted or any(array.dtype != np.float32 for array in found.values()):
        raise BundleError(f"{spec.expected} holds {shapes}, expected float32 {wanted}; build the bundle again")
    return AppearanceGolden(image, found["xyxy"], found["person_xyxy"], found["embedding"])


def _arrays(name: str, data: bytes) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(BytesIO(data)) as packed:
            size_bytes = sum(entry.file_size for entry in packed.infolist())
        if size_bytes > MAX_GOLDEN_ARRAY_BYTES:
            raise BundleError(f"{name} unfolds to {size_bytes} bytes, at most {MAX_GOLDEN_ARRAY_BYTES} are allowed")
        with np.load(BytesIO(data), allow_pickle=False) as npz:
            return {key: npz[key] for key in npz.files}
    except BundleError:
        raise
    except (zipfile.BadZipFile, ValueError, EOFError, OSError) as error:
        raise BundleError(f"{name} cannot be read: {error}; build the bundle again") from error
