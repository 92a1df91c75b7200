"""One picture file: does it decode, how large is it as people see it, what does it look like (a perceptual hash)."""

from __future__ import annotations

import hashlib
import io
import struct
import unicodedata
import warnings
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from models.dataset.limits import Limits
from models.dataset.problems import Kind
from models.errors import DatasetError

_EXIF_ORIENTATION = 0x0112
_TURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_HASH_SIDE = 8
_HASH_INPUT_PX = 32
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, OverflowError, struct.error, zlib.error)
"""What the decoder raises on broken files, besides its own errors."""


class BadPicture(DatasetError):
    """A picture that cannot be used; ``kind`` says why."""

    def __init__(self, kind: Kind, message: str) -> None:
        self.kind = kind
        super().__init__(message)


@dataclass(frozen=True)
class Picture:
    """A picture that decodes.

    ``width_px`` and ``height_px`` are those people see (EXIF orientation applied); ``orientation`` is the EXIF value
    1..8; ``look`` is the 64-bit perceptual hash; ``sha256`` is that of the file.
    """

    path: Path
    sha256: str
    width_px: int
    height_px: int
    orientation: int
    look: int

    @property
    def name(self) -> str:
        """File name in composed Unicode."""
        return unicodedata.normalize("NFC", self.path.name)

    @property
    def stored_size_px(self) -> tuple[int, int]:
        """(width, height) of the file before it is turned."""
        if self.orientation >= 5:
            return self.height_px, self.width_px
        return self.width_px, self.height_px


def read_picture(path: Path, limits: Limits) -> Picture:
    """Decode a picture once, whole: a torn file is found here and not in the third epoch.

    Raises:
        BadPicture: it does not decode, is cut short, is no JPEG or PNG, or is larger than ``limits``.
    """
    try:
        stat = path.stat()
        if stat.st_size > limits.picture_bytes:
            raise BadPicture(Kind.PICTURE_HUGE, f"{stat.st_size} bytes, at most {limits.picture_bytes}")
        return _read_picture(path, stat.st_size, stat.st_mtime_ns, limits)
    except _BROKEN as error:
        if isinstance(error, BadPicture):
            raise
        raise BadPicture(Kind.PICTURE_UNREADABLE, f"{type(error).__name__}: {error}") from error


@lru_cache(maxsize=100_000)
def _read_picture(path: Path, size_bytes: int, modified_ns: int, limits: Limits) -> Picture:
    """Cached by size and time: one command asks for the same pictures to train, to measure and to compare."""
    del modified_ns
    content = path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd metadata is no fault of the pixels
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(io.BytesIO(content), formats=("JPEG", "PNG"))
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise BadPicture(Kind.PICTURE_HUGE, str(error)) from error
        except UnidentifiedImageError as error:  # its own text holds an address in memory, new in every run
            raise BadPicture(Kind.PICTURE_UNREADABLE, f"no JPEG or PNG, {size_bytes} bytes") from error
        width_px, height_px = image.size
        if width_px * height_px > limits.picture_px:
            raise BadPicture(Kind.PICTURE_HUGE, f"{width_px}x{height_px} px, at most {limits.picture_px} px in all")
        orientation = int(image.getexif().get(_EXIF_ORIENTATION, 1))
        orientation = orientation if orientation in _TURN else 1
        # A JPEG is unpacked at reduced size: every byte is still read, so that a cut file is found, at half the time.
        image.draft("L", (4 * _HASH_INPUT_PX, 4 * _HASH_INPUT_PX))
        grey = image.convert("L")
    if orientation != 1:
        grey = grey.transpose(_TURN[orientation])
    if orientation >= 5:
        width_px, height_px = height_px, width_px
    look = perceptual_hash(np.asarray(grey))
    return Picture(path, hashlib.sha256(content).hexdigest(), width_px, height_px, orientation, look)


def perceptual_hash(grey: NDArray[np.uint8]) -> int:
    """The look of a picture in 64 bits: signs of its lowest frequencies (pHash; Zauner 2010, section 3.2.1).

    The picture is shrunk to 32x32, its discrete cosine transform taken, and each of the 8x8 lowest coefficients
    compared with their median (the constant one left out of the median). Size, compression, light and a little noise
    hardly change it; a crop, a turn or a mirror does.

    Args:
        grey: (H, W) uint8.

    Returns:
        64 bits, the constant coefficient first.
    """
    small = cv2.resize(grey, (_HASH_INPUT_PX, _HASH_INPUT_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:_HASH_SIDE, :_HASH_SIDE].ravel()
    bits = low > np.median(low[1:])
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def upright(path: Path, orientation: int) -> bytes:
    """The picture's file with its pixels turned as EXIF asks and the tag gone, so that no reader can turn it twice.

    Args:
        path: A JPEG or PNG.
        orientation: EXIF value 2..8.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = Image.open(io.BytesIO(path.read_bytes()), formats=("JPEG", "PNG"))
        turned = image.transpose(_TURN[orientation])
    out = io.BytesIO()
    if image.format == "JPEG":
        turned.save(out, "JPEG", quality=95, subsampling=0, exif=b"")
    else:
        turned.save(out, "PNG", exif=b"")
    return out.getvalue()
