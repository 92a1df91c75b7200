"""Whether a back end may be used with a bundle: seen at every start, on this machine, before the first picture.

The rule: the golden picture gives the golden detections, the same number, each with the same cue, at an IoU of at least
`golden.iou_min` (0.99) and within `golden.confidence_tolerance` (0.01) of its confidence. A back end other than the
reference, ONNX Runtime, must also keep the form of the output, hand out an output of its own each time, and look at the
picture it is given: an accelerator that hangs on its last answer would pass the golden picture for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from detector.boxes import iou_matrix
from detector.errors import BundleError
from detector.model.session import OnnxSession

if TYPE_CHECKING:
    from detector.model.yolo import Detector

_MEND = "this backend must not be used with this bundle; try onnxruntime, or build the bundle again"


def accept(detector: Detector) -> None:
    """See that a detector's back end can be trusted with its bundle.

    Raises:
        BundleError: it cannot; the message says what differs.
    """
    if detector.session.backend == OnnxSession.backend:
        check_golden(detector)
        return
    _check_form(detector)
    check_golden(detector)
    _check_awake(detector)


def check_golden(detector: Detector) -> None:
    """See the detector reproduce its bundle's golden detections.

    Raises:
        BundleError: another number of boxes, or one whose cue, place or confidence is off.
    """
    bundle, spec = detector.bundle, detector.bundle.card.golden
    wanted, found = bundle.golden, detector.detect(bundle.golden_image)
    where = f"{bundle.dir}: backend {detector.session.backend} on {spec.image}"
    if len(found) != len(wanted):
        raise BundleError(f"{where} finds {len(found)} boxes, expected {len(wanted)}: {_MEND}")
    fits = (
        (iou_matrix(wanted.xyxy, found.xyxy) >= spec.iou_min)
        & (wanted.cue[:, None] == found.cue)
        & (np.abs(wanted.confidence[:, None] - found.confidence) <= spec.confidence_tolerance)
    )
    # Boxes of one cue overlap by nms_iou at most, so at iou_min no two golden boxes can claim the same one.
    for i in np.flatnonzero(~fits.any(axis=1)).tolist():
        box = [round(v, 1) for v in wanted.xyxy[i].tolist()]
        raise BundleError(
            f"{where} does not find {wanted.names()[i]} at {box} with confidence {wanted.confidence[i]:.3f} "
            f"(IoU >= {spec.iou_min}, confidence within {spec.confidence_tolerance}): {_MEND}"
        )


def _check_form(detector: Detector) -> None:
    """Type and shape of the output, and that the next picture does not overwrite it."""
    spec, session = detector.bundle.card.model, detector.session
    where = f"{detector.bundle.dir}: backend {session.backend}"
    grey = np.full((1, 3, spec.input.height_px, spec.input.width_px), 0.5, np.float32)
    output = _floats(session.run(grey), where)
    rows = 4 + len(detector.cue_names)
    fits = output.shape[:2] == (1, rows) if spec.output.layout == "raw" else output.shape[::2] == (1, 6)
    if output.ndim != 3 or not fits:
        expected = f"(1, {rows}, N)" if spec.output.layout == "raw" else "(1, N, 6)"
        raise BundleError(f"{where} gives {output.shape}, expected {expected}: {_MEND}")
    kept = output.copy()
    session.run(np.zeros_like(grey))
    if not np.array_equal(output, kept, equal_nan=True):
        raise BundleError(f"{where} overwrites its last output with the next one: hand out a copy; {_MEND}")


def _floats(answer: Any, where: str) -> NDArray[np.float32]:
    """What a session promises to give; whoever wrote it may have promised without keeping it."""
    kind = str(getattr(answer, "dtype", type(answer).__name__))
    if kind != "float32" or not hasattr(answer, "__array__"):
        raise BundleError(f"{where} gives {kind}, expected a float32 array: {_MEND}")
    return np.asarray(answer)


def _check_awake(detector: Detector) -> None:
    """After the golden picture a black one must not give the golden detections again."""
    golden = detector.bundle.golden
    if not len(golden):
        return
    found = detector.detect(np.zeros_like(detector.bundle.golden_image))
    if len(found) and bool((iou_matrix(golden.xyxy, found.xyxy).max(axis=1) >= 0.99).all()):
        raise BundleError(
            f"{detector.bundle.dir}: backend {detector.session.backend} finds in a black picture what is in the golden "
            f"one: it does not look at what it is given; {_MEND}"
        )
