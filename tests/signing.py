"""Bundles that tests build are signed with this throw-away key, and loaded with trust in it alone."""

from __future__ import annotations

from typing import Final

from detector.model.signers import Signer, Trust
from detector.signing import SigningKey

KEY: Final = SigningKey.generate()
TRUST: Final = Trust((Signer.of(KEY, "throw-away"),))
