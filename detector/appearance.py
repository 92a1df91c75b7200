"""Is this the thing that another pass saw? One small vector per thing; people are painted over before it is made.

No person is ever embedded: the cue is refused, people inside a box leave nothing of their pixels in the vector
(`detector.appearance_crop`), and a box that is mostly people has none.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detector.appearance_crop import masked_crop
from detector.errors import BundleError, InputError
from detector.frame import Image
from detector.model.appearance_bundle import PERSON, AppearanceBundle, Evidence, load_appearance_bundle
from detector.model.letterbox import check_image
from detector.model.session import OnnxSession, Session
from detector.model.signers import Trust

Vector = NDArray[np.float32]


class Embedder:
    """Makes appearance vectors.

    Args:
        bundle: a checked appearance bundle.
        session: runs its network.
    """

    def __init__(self, bundle: AppearanceBundle, session: Session) -> None:
        self.bundle = bundle
        self.session = session
        self._crop = bundle.card.crop.spec()
        self._cues = frozenset(bundle.card.cues)

    @property
    def cues(self) -> tuple[str, ...]:
        """The cues whose things can be embedded."""
        return self.bundle.card.cues

    @property
    def model(self) -> str:
        """Name and version; only vectors of one model can be compared."""
        return f"{self.bundle.card.name} {self.bundle.card.version}"

    def embed(
        self, image: Image, xyxy: NDArray[np.floating], cue: str, person_xyxy: NDArray[np.floating]
    ) -> Vector | None:
        """The appearance of one thing.

        Args:
            image: BGR uint8 (H, W, 3).
            xyxy: (4,) the thing's box, px.
            cue: what it is.
            person_xyxy: (N, 4) every person in the picture, px, `Detections.faint_people_xyxy` among them. There is no
                default: who embeds has looked for people.

        Returns:
            float32 (D,) of length 1, or None: the box is too small, beyond the picture, or hidden by people.

        Raises:
            InputError: `cue` is ``person`` or one that the model was not made for; the picture or a box is none.
            BundleError: the network gives numbers that are none.
        """
        if cue == PERSON:
            raise InputError("cue 'person': people are never embedded; give them as person_xyxy to be painted over")
        if cue not in self._cues:
            raise InputError(f"cue {cue!r} cannot be embedded by {self.model}; it knows {', '.join(self.cues)}")
        check_image(image)
        planes = masked_crop(image, xyxy, person_xyxy, self._crop)
        if planes is None:
            return None
        vector = self.session.run(planes)[0]
        if not np.isfinite(vector).all():
            raise BundleError(
                f"{self.model}: the vector holds numbers that are none: the network or its backend is broken; check "
                "the bundle with `kerbwatch models verify`, or build it again"
            )
        return vector


def similarity(a: Vector, b: Vector) -> float:
    """Cosine of two vectors of one model, -1..1."""
    return float(np.dot(a, b))


def log10_likelihood_ratio(similar: float, evidence: Evidence) -> float:
    """What a similarity says about "one thing" against "a look-alike": log10 of the likelihood ratio, as measured.

    >>> log10_likelihood_ratio(0.5, Evidence(similarity=(0.0, 1.0), log10_ratio=(-2.0, 2.0)))
    0.0
    """
    return float(np.interp(similar, evidence.similarity, evidence.log10_ratio))


def open_embedder(folder: Path, trust: Trust | None = None) -> Embedder:
    """Load the bundle in `folder`, start ONNX Runtime on one thread and see it reproduce the golden vector.

    Raises:
        BundleError: the bundle is not whole or not trusted, or the golden thing is embedded otherwise.
    """
    bundle = load_appearance_bundle(folder, trust)
    embedder = Embedder(bundle, OnnxSession(bundle.model, threads=1))
    check_golden(embedder)
    return embedder


def check_golden(embedder: Embedder) -> None:
    """See the embedder reproduce its bundle's golden vector.

    Raises:
        BundleError: it gives none, or another one.
    """
    bundle, spec = embedder.bundle, embedder.bundle.card.golden
    golden = bundle.golden
    found = embedder.embed(golden.image, golden.xyxy, spec.cue, golden.person_xyxy)
    alike = -1.0 if found is None else similarity(found, golden.embedding)
    if not alike >= spec.similarity_min:
        raise BundleError(
            f"{bundle.dir}: the thing in {spec.image} is embedded with similarity {alike:.4f} to {spec.expected}, "
            f"expected at least {spec.similarity_min}: this backend must not be used with this bundle; build it again"
        )
