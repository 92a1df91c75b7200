"""An ONNX bundle in, `detector.detections.Detections` out."""
