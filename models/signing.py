"""The workshop's side of signed bundles: keys are made, hashes are listed, lists are signed.

Checking is ``detector.model``'s work. A private key never leaves its file; what travels is ``<key file>.pub``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import platformdirs

from detector import signing_keys
from detector.errors import InputError
from detector.key_file import create_private, key_text
from detector.model.signature import sign_sums
from detector.model.signed_folder import SIGNATURE, SUMS, read_sums
from detector.model.signers import Signer, Trust, read_signer, shipped_trust
from detector.signing import SigningKey
from detector.signing_keys import public_path

OWN_KEY: Final = "signing.key"


def make_key(path: Path, name: str) -> Signer:
    """Make a key pair for model bundles; see `detector.signing_keys.make_key`."""
    return signing_keys.make_key(path, name, "models")


def read_signing_key(path: Path) -> SigningKey:
    """The key in a file that ``make_key`` wrote; see `detector.signing_keys.read_signing_key`."""
    return signing_keys.read_signing_key(path, "models")


def own_key_path() -> Path:
    """Where the user's own key lies, made or not."""
    return platformdirs.user_config_path("kerbwatch") / OWN_KEY


def own_key() -> tuple[SigningKey, bool]:
    """The user's own key, and whether it was made just now.

    Raises:
        InputError: it is there but cannot be used, or it cannot be written.
    """
    path = own_key_path()
    made = False
    if not os.path.lexists(path):
        key = SigningKey.generate()
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make {path.parent} for your signing key: {error.strerror}") from error
        made = create_private(path, key_text(key, signing_keys.OWNERS["models"]))
    key = read_signing_key(path)
    if not public_path(path).is_file():
        public_path(path).write_text(Signer.of(key, f"own-{key.key_id[:8]}").to_text(), encoding="utf-8")
    return key, made


def trust_of_key(key: SigningKey) -> Trust:
    """Trust in one key alone: for looking at what was signed with it a moment ago."""
    return Trust((Signer.of(key, "this-key"),))


def workshop_trust(more: Sequence[Path] = ()) -> Trust:
    """Whom a workshop trusts: the shipped list, the user's own key if there is one, and the public keys given.

    Raises:
        InputError: a public key file cannot be read.
    """
    own = public_path(own_key_path())
    return shipped_trust().also(read_signer(path) for path in (*([own] if own.is_file() else []), *more))


def seal_folder(folder: Path, key: SigningKey) -> None:
    """List the hashes of a folder's files and sign the list: the last step of every bundle that is built.

    Raises:
        InputError: the folder cannot be written.
    """
    paths = sorted(path for path in folder.iterdir() if path.is_file() and path.name not in (SUMS, SIGNATURE))
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in paths)
    sums = "".join(lines).encode("ascii")
    _write_anew(folder / SUMS, sums)
    _write_anew(folder / SIGNATURE, sign_sums(sums, key))


def sign_folder(folder: Path, key: SigningKey) -> None:
    """Sign a finished bundle as it is, in place of an earlier signature.

    Raises:
        BundleError: a file is missing, unlisted, a link, or does not match its hash; nothing is signed then.
        InputError: the signature cannot be written.
    """
    sums = read_sums(folder)
    _write_anew(folder / SIGNATURE, sign_sums(sums, key))


def _write_anew(path: Path, data: bytes) -> None:
    """Write a file under a new name of its own: what a link of that name points at stays as it is.

    A kill in between leaves a bundle without a whole signature, which nobody loads.
    """
    try:
        path.unlink(missing_ok=True)
        with path.open("xb") as file:
            file.write(data)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
