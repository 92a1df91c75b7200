"""Whose model bundles and fleet packs are trusted: the shipped list ``signers.yaml``, and what the user adds to it.

A public key file (``*.pub``) and an entry of the list are the same YAML mapping: name, algorithm, public key, and the
days between which a bundle's card must have been made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from detector.errors import BundleError, InputError
from detector.signing import ALGORITHMS, ED25519_SHA256, SigningKey

SITE_SIGNERS: Final = "signers"
"""The folder of a site folder that holds public key files."""
PUBLIC_SUFFIX: Final = ".pub"
_PUBLIC_MAX_BYTES = 16 * 1024

Signs = Literal["models", "packs"]
"""What a key is for: who trains models does not decide what a city's fleet runs, nor the other way round."""


class Signer(BaseModel):
    """Somebody whose bundles or packs are trusted.

    Attributes:
        signs: what the key is for; it counts for nothing else.
        algorithm: a key of `detector.signing.ALGORITHMS`.
        public_key: raw, hex.
        valid_from, valid_until: the first and the last day on which a bundle's card may have been made. That day is
            under the signature, so a device with a wrong clock judges as any other.
        note: for people.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^\w[\w.-]{0,99}$")]
    signs: Signs = "models"
    algorithm: str
    public_key: Annotated[str, Field(pattern=r"^[0-9a-f]+$", max_length=1024)]
    valid_from: date | None = None
    valid_until: date | None = None
    note: str = ""

    @field_validator("algorithm")
    @classmethod
    def _known(cls, algorithm: str) -> str:
        if algorithm not in ALGORITHMS:
            raise ValueError(f"{algorithm!r} is unknown to this version; known: {', '.join(ALGORITHMS)}")
        return algorithm

    @model_validator(mode="after")
    def _fits(self) -> Self:
        digits = 2 * ALGORITHMS[self.algorithm].public_key_bytes
        if len(self.public_key) != digits:
            raise ValueError(f"public_key has {len(self.public_key)} hex digits, {self.algorithm} needs {digits}")
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            raise ValueError(f"valid_until {self.valid_until} is before valid_from {self.valid_from}")
        return self

    @staticmethod
    def of(key: SigningKey, name: str, signs: Signs = "models") -> Signer:
        """The public half of a key, under a name."""
        return Signer(name=name, signs=signs, algorithm=ED25519_SHA256, public_key=key.public_key)

    @property
    def key_id(self) -> str:
        """Digest of the raw public key, hex; a signature names its key by it."""
        return ALGORITHMS[self.algorithm].digest(bytes.fromhex(self.public_key))

    def to_text(self) -> str:
        """The content of a public key file."""
        content = self.model_dump(mode="json", exclude_defaults=True)
        return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)

    def check_day(self, made_on: date, where: Path) -> None:
        """See that the signer's key was in use when a card was made.

        Raises:
            BundleError: it was not yet, or no longer.
        """
        when = self.out_of_use(made_on)
        if when:
            raise BundleError(
                f"{where}: the card was made on {made_on}, but {self.name} may sign {when}: "
                "sign the bundle with a key in use (kerbwatch models sign)"
            )

    def out_of_use(self, made_on: date) -> str:
        """Since or until when the key may sign, when a day lies outside that; "" when it lies inside."""
        if self.valid_from and made_on < self.valid_from:
            return f"not before {self.valid_from}"
        if self.valid_until and made_on > self.valid_until:
            return f"not after {self.valid_until}"
        return ""


@dataclass(frozen=True, slots=True)
class Trust:
    """The signers whose bundles are loaded; of two entries with one key the later one counts."""

    signers: tuple[Signer, ...]

    def also(self, signers: Iterable[Signer]) -> Trust:
        """This trust and more signers."""
        return Trust((*self.signers, *signers))

    def find(self, algorithm: str, key_id: str, signs: Signs = "models") -> Signer | None:
        """The signer with a key for models or for packs, or `None`."""
        found = [s for s in self.signers if (s.signs, s.algorithm, s.key_id) == (signs, algorithm, key_id)]
        return found[-1] if found else None

    def names(self, signs: Signs = "models") -> str:
        """Who is trusted, for messages."""
        return ", ".join(dict.fromkeys(signer.name for signer in self.signers if signer.signs == signs)) or "nobody"


@cache
def shipped_trust() -> Trust:
    """The signers listed in ``signers.yaml``: makers of the models that ship with Kerbwatch."""
    raw: Any = yaml.safe_load(files("detector").joinpath("model", "signers.yaml").read_text(encoding="utf-8"))
    return Trust(tuple(Signer.model_validate(entry) for entry in raw["signers"]))


def read_signer(path: Path) -> Signer:
    """The signer in a public key file, as ``kerbwatch models key`` writes it.

    Raises:
        InputError: it cannot be read, or holds no public key.
    """
    mend = "give the .pub file that `kerbwatch models key` wrote"
    try:
        with path.open("rb") as file:
            data = file.read(_PUBLIC_MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read the public key {path}: {error.strerror}; {mend}") from error
    if data.startswith(b"Kerbwatch ") or b"PRIVATE KEY" in data:
        raise InputError(f"{path} is a private key, which must stay with its signer: {mend}")
    try:
        raw: Any = yaml.safe_load(data) if len(data) <= _PUBLIC_MAX_BYTES else None
    except (yaml.YAMLError, ValueError, RecursionError):
        raw = None
    if not isinstance(raw, dict):
        raise InputError(f"{path} is no public key file: {mend}")
    try:
        return Signer.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "key"
        raise InputError(f"{path}: {field}: {first['msg']}; {mend}") from None


def site_signers(site: Path) -> tuple[Signer, ...]:
    """The signers that a site folder trusts: its ``signers/*.pub``; none without that folder.

    Raises:
        InputError: something else lies there, which would be ignored in silence, or a file holds no public key.
    """
    folder = site / SITE_SIGNERS
    if not folder.is_dir():
        return ()
    paths = sorted(folder.iterdir())
    for path in paths:
        if path.suffix != PUBLIC_SUFFIX:
            raise InputError(f"{path} is no *{PUBLIC_SUFFIX} file: {SITE_SIGNERS}/ holds public keys only, take it out")
    return tuple(read_signer(path) for path in paths)
