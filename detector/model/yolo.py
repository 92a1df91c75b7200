"""A YOLO network as a detector: picture in, `Detections` out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detector.detections import Detections
from detector.frame import Image
from detector.model.accept import accept
from detector.model.backends import AUTO, start_session
from detector.model.bundle import Bundle, load_bundle
from detector.model.decode import Candidates, decode_cue, decode_nms_free, decode_raw, suppress
from detector.model.letterbox import Fit, Letterbox
from detector.model.session import Session
from detector.model.signers import Trust
from detector.vocabulary import Text

PERSON = "person"
PRIVACY_FLOOR = 0.05
"""A person is blurred from this confidence on, however high the cue's own threshold is."""


class Detector:
    """Finds the cues of a bundle in pictures. Holds buffers: one instance serves one thread.

    Args:
        bundle: a checked bundle.
        session: runs the bundle's network.

    Attributes:
        why: why this back end was chosen; `None` where somebody named it.
    """

    def __init__(self, bundle: Bundle, session: Session) -> None:
        self.bundle = bundle
        self.session = session
        self.why: Text | None = None
        spec = bundle.card.model
        self._spec = spec
        self._letterbox = Letterbox(spec.input)
        self._thresholds = np.array([cue.min_confidence for cue in bundle.card.cues], np.float32)
        self._person = bundle.cue_names.index(PERSON) if PERSON in bundle.cue_names else None

    @property
    def cue_names(self) -> tuple[str, ...]:
        """The model's cues in index order."""
        return self.bundle.cue_names

    def detect(self, image: Image) -> Detections:
        """What is in the picture (BGR uint8 (H, W, 3)), best first, above each cue's threshold.

        People fainter than their cue's threshold come as `Detections.faint_people_xyxy`, for blurring only.

        Raises:
            InputError: the picture is not BGR uint8, or is empty.
            BundleError: the network gives numbers that are none: a broken backend must not look like an empty street.
        """
        nchw, fit = self._letterbox(image)
        output = self.session.run(nchw)
        found = self._find(output)
        return Detections(
            fit.to_source(found.xyxy), found.confidence, found.cue, self.cue_names, self._faint_people(output, fit)
        )

    def _find(self, output: NDArray[np.float32]) -> Candidates:
        if self._spec.output.layout == "nms_free":
            return _first(decode_nms_free(output, self._thresholds), self._spec.max_detections)
        return suppress(decode_raw(output, self._thresholds), self._spec.nms_iou, self._spec.max_detections)

    def _faint_people(self, output: NDArray[np.float32], fit: Fit) -> NDArray[np.float32]:
        if self._person is None or self._thresholds[self._person] <= PRIVACY_FLOOR:
            return np.zeros((0, 4), np.float32)
        if self._spec.output.layout == "nms_free":
            floors = np.full(len(self._thresholds), 2.0, np.float32)
            floors[self._person] = PRIVACY_FLOOR
            people = decode_nms_free(output, floors)
        else:
            people = decode_cue(output, self._person, PRIVACY_FLOOR)
            people = suppress(people, self._spec.nms_iou, self._spec.max_detections)
        return fit.to_source(people.xyxy[people.confidence < self._thresholds[self._person]])


def open_detector(folder: Path, threads: int = 1, backend: str = "onnxruntime", trust: Trust | None = None) -> Detector:
    """Load the bundle in `folder`, start the backend and see it reproduce the golden detections.

    Args:
        folder: the bundle.
        threads: the network's whole CPU budget.
        backend: a name of `detector.model.backends.BACKENDS`, or ``auto`` (`detector.model.choose`; its reasons are in
            `Detector.why`).
        trust: whose bundles are loaded; `None` takes the shipped list alone.

    Raises:
        BundleError: the bundle is not whole or not signed by somebody trusted, or the backend does not find in the
            golden picture what it must.
        InputError: `backend` is unknown, not installed or not for this processor, or `threads` is below 1.
    """
    bundle = load_bundle(folder, trust)
    if backend == AUTO:
        from detector.model.choose import choose

        choice = choose(bundle, threads)
        choice.detector.why = choice.why
        return choice.detector
    detector = Detector(bundle, start_session(backend, bundle.model, threads=threads))
    accept(detector)
    return detector


def _first(candidates: Candidates, limit: int) -> Candidates:
    return candidates.take(np.arange(min(len(candidates), limit)))
