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
from pydantic import ValidationError

from detector.errors import InputError
from detector.key_file import create_private, key_text, read_key
from detector.model.signature import sign_sums
from detector.model.signed_folder import SIGNATURE, SUMS, read_sums
from detector.model.signers import PUBLIC_SUFFIX, Signer, Trust, read_signer, shipped_trust
from detector.signing import SigningKey

OWN_KEY: Final = "signing.key"
_OWNER = "model signer"
_UNUSABLE = "holds no whole model signing key: give the file that `kerbwatch models key --out FILE` wrote"


def make_key(path: Path, name: str) -> Signer:
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
        signer = Signer.of(key, name)
    except ValidationError:
        raise InputError(f"name {name!r} of a signer: give letters, digits and . _ - only, at most 100") from None
    if not create_private(path, key_text(key, _OWNER)):
        raise InputError(f"{path} is there already: name another file")
    public.write_text(signer.to_text(), encoding="utf-8")
    return signer


def public_path(path: Path) -> Path:
    """Where the public half of the key in ``path`` lies."""
    return path.with_name(path.name + PUBLIC_SUFFIX)


def read_signing_key(path: Path) -> SigningKey:
    """The key in a file that ``make_key`` wrote.

    Raises:
        InputError: others can read it, it is damaged, or it is a key for something else.
    """
    return read_key(path, _OWNER, _UNUSABLE)


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
        made = create_private(path, key_text(key, _OWNER))
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
