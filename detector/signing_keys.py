"""Key pairs of those who sign: a private file for its owner alone, a public one for everybody.

What a key is for stands in both: a key that signs models signs no fleet packs, nor the other way round.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from detector.errors import InputError
from detector.key_file import create_private, key_text, read_key
from detector.model.signers import PUBLIC_SUFFIX, Signer, Signs
from detector.signing import SigningKey

OWNERS: Final[dict[Signs, str]] = {"models": "model signer", "packs": "pack signer"}
"""First words of a private key file, see `detector.key_file`."""
_UNUSABLE: Final[dict[Signs, str]] = {
    "models": "holds no whole model signing key: give the file that `kerbwatch models key --out FILE` wrote",
    "packs": "holds no whole key for packs: give the file that `kerbwatch pack key --out FILE` wrote",
}


def make_key(path: Path, name: str, signs: Signs) -> Signer:
    """Make a key pair: ``path`` for its owner alone (mode 0600), and ``path.pub`` for everybody.

    Raises:
        InputError: one of the two files is there already, or cannot be written; the name cannot be used.
    """
    public = public_path(path)
    for taken in (path, public):
        if os.path.lexists(taken):
            raise InputError(f"{taken} is there already, and a lost key cannot be made again: name another file")
    key = SigningKey.generate()
    try:
        signer = Signer.of(key, name, signs)
    except ValidationError:
        raise InputError(f"name {name!r} of a signer: give letters, digits and . _ - only, at most 100") from None
    if not create_private(path, key_text(key, OWNERS[signs])):
        raise InputError(f"{path} is there already: name another file")
    public.write_text(signer.to_text(), encoding="utf-8")
    return signer


def public_path(path: Path) -> Path:
    """Where the public half of the key in ``path`` lies."""
    return path.with_name(path.name + PUBLIC_SUFFIX)


def read_signing_key(path: Path, signs: Signs) -> SigningKey:
    """The key in a file that `make_key` wrote for that purpose.

    Raises:
        InputError: others can read it, it is damaged, or it is a key for something else.
    """
    return read_key(path, OWNERS[signs], _UNUSABLE[signs])
