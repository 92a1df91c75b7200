"""An int8 copy of a network, to measure whether it pays: smaller for certain, faster only where the processor helps.

Static quantisation (QDQ, per channel, convolutions only) with ONNX Runtime's own tools. Kerbwatch ships float32; this
is here so that the choice can be measured again on another processor (``benchmarks/model_cost.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detector.frame import Image
from detector.model.bundle import Bundle
from detector.model.letterbox import Letterbox


def quantise(bundle: Bundle, pictures: Sequence[Image], out: Path) -> None:
    """Write the bundle's network with int8 convolutions to ``out``.

    Args:
        bundle: A checked bundle; it is not changed.
        pictures: What the ranges are measured on, BGR uint8; some tens, from the places that were learnt from.
        out: The ONNX file to write.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    spec = bundle.card.model.input
    letterbox = Letterbox(spec)

    class Reader(CalibrationDataReader):
        """The pictures as the network is fed them."""

        def __init__(self) -> None:
            self.inputs: Iterator[NDArray[np.float32]] = (letterbox(picture)[0].copy() for picture in pictures)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            nchw = next(self.inputs, None)
            return None if nchw is None else {spec.name: nchw}

    prepared = out.with_suffix(".prepared.onnx")
    quant_pre_process(str(bundle.dir / bundle.card.model.file), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared),
        str(out),
        Reader(),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv"],
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    prepared.unlink()
