"""Pictures of the page: blurred before anything else is done with them, then small, with the boxes drawn."""

from __future__ import annotations

import threading
from typing import Final

import cv2
import numpy as np

from detector.detections import Detections
from detector.errors import InputError
from detector.evidence.privacy import NO_MODELS, PERSON, PrivacyModels, blur_people
from detector.frame import Image
from detector.note import PICTURE_MAX_BYTES
from edge.page.feed import LastLook
from edge.page.notes import BlurredPicture

PAGE_WIDTH_PX: Final = 720
NOTE_WIDTH_PX: Final = 1280
_QUALITIES: Final = (80, 60, 40, 20)
_COLOURS: Final = ((60, 200, 60), (40, 160, 255), (255, 120, 60), (80, 80, 230), (200, 80, 200), (220, 200, 40))


class Pictures:
    """Makes them, and keeps the last of each camera. May be called from any thread.

    Args:
        privacy: networks of the page's own: they are not shared between threads.
    """

    def __init__(self, privacy: PrivacyModels = NO_MODELS) -> None:
        self._privacy = privacy
        self._lock = threading.Lock()
        self._last: dict[str, tuple[LastLook, bytes]] = {}

    def small(self, look: LastLook) -> bytes:
        """A JPEG for the phone's screen, with a box around everything but people.

        Raises:
            InputError: people cannot be blurred with this model, so nothing is shown.
        """
        with self._lock:
            made = self._last.get(look.camera_id)
            if made is None or made[0] is not look:
                image, found, _ = self._blurred(look, PAGE_WIDTH_PX)
                made = self._last[look.camera_id] = (look, _jpeg(_drawn(image, found), _QUALITIES[1]))
            return made[1]

    def for_note(self, look: LastLook) -> BlurredPicture:
        """The picture that goes with a note, without boxes.

        Raises:
            InputError: as `small`.
        """
        with self._lock:
            image, _, method = self._blurred(look, NOTE_WIDTH_PX)
        jpegs = (_jpeg(image, quality) for quality in _QUALITIES)
        jpeg = next((data for data in jpegs if len(data) <= PICTURE_MAX_BYTES), None)
        if jpeg is None:
            raise InputError(f"the picture of camera {look.camera_id} does not get below {PICTURE_MAX_BYTES} bytes")
        height_px, width_px = image.shape[:2]
        return BlurredPicture(jpeg, width_px, height_px, method, look.camera_id, look.frame.captured_at)

    def _blurred(self, look: LastLook, width_px: int) -> tuple[Image, Detections, str]:
        image, found = _smaller(look.frame.image, look.found, width_px)
        blurred = blur_people(image, found, self._privacy)
        return blurred.image, found, blurred.method


def _smaller(image: Image, found: Detections, width_px: int) -> tuple[Image, Detections]:
    scale = min(1.0, width_px / image.shape[1])
    if scale == 1.0:
        return image, found
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    boxes, faint = ((xyxy * scale).astype(np.float32) for xyxy in (found.xyxy, found.faint_people_xyxy))
    return np.asarray(small, np.uint8), Detections(boxes, found.confidence, found.cue, found.cue_names, faint)


def _drawn(image: Image, found: Detections) -> Image:
    for xyxy, cue in zip(found.xyxy, found.cue.tolist(), strict=True):
        if found.cue_names[cue] != PERSON:
            left, top, right, bottom = (round(v) for v in xyxy.tolist())
            cv2.rectangle(image, (left, top), (right, bottom), _COLOURS[cue % len(_COLOURS)], 2)
    return image


def _jpeg(image: Image, quality: int) -> bytes:
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise InputError(f"a picture of shape {image.shape} cannot be written as JPEG")
    return data.tobytes()
