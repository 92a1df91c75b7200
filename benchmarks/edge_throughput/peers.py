"""Where the peers live: the trainer library in this environment, supervision and trackers in one of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks.paths import ROOT

PACKAGES = ("supervision==0.31.2", "trackers==2.6.1")
VENV = ROOT / "benchmarks" / "out" / "peers-venv"


def peers_python() -> Path:
    """The interpreter of the peers' environment, made on the first call (a minute, 700 MB).

    `KERBWATCH_PEERS_PYTHON` names one that is there already.
    """
    given = os.environ.get("KERBWATCH_PEERS_PYTHON")
    if given:
        return Path(given)
    python, done = VENV / "bin" / "python", VENV / "installed"
    wanted = (*PACKAGES, f"onnxruntime=={version('onnxruntime')}", f"numpy=={version('numpy')}")
    if not done.is_file() or done.read_text() != "\n".join(wanted):
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *wanted], check=True)
        done.write_text("\n".join(wanted))
    return python


def trainer_python() -> Path:
    """The interpreter that has ultralytics and OpenVINO: this one, or `KERBWATCH_TRAINER_PYTHON`."""
    return Path(os.environ.get("KERBWATCH_TRAINER_PYTHON", sys.executable))


EXPORT = """
import sys
from pathlib import Path
import onnx, openvino, yaml
onnx_file, folder = Path(sys.argv[1]), Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
openvino.save_model(openvino.convert_model(str(onnx_file)), folder / "model.xml", compress_to_fp16=False)
meta = {p.key: p.value for p in onnx.load(str(onnx_file)).metadata_props}
(folder / "metadata.yaml").write_text(yaml.safe_dump(meta))
"""


def openvino_model(network: Path) -> Path:
    """The same network as OpenVINO's own files in float32, where the trainer library looks for them."""
    folder = ROOT / "benchmarks" / "out" / f"edge-throughput-{network.parent.name}_openvino_model"
    if not (folder / "metadata.yaml").is_file():
        subprocess.run([str(trainer_python()), "-c", EXPORT, str(network), str(folder)], check=True)
    return folder
