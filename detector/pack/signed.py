"""Who vouches for a pack: first the signature over its list, then every hash, and only then is anything parsed.

A pack's signer is trusted by the box's own settings alone (`pack_trust`). Keys inside a pack count for nothing here,
and neither do the keys of those who sign models.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from detector.errors import PackError
from detector.model.signature import PACK, check_signature, sign_sums, signed_by
from detector.model.signed_folder import SIGNATURE, SUMS
from detector.model.signers import Signer, Trust, read_signer
from detector.pack.archive import Entry, checking, chunks, read, scan, write_archive
from detector.pack.listing import MAX_FILES, check_complete, check_path, listing, max_bytes, parse_listing
from detector.pack.manifest import MANIFEST, PackManifest, parse_manifest
from detector.signing import SigningKey

_CHUNK_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class CheckedPack:
    """A pack whose signature and hashes hold.

    Attributes:
        path: the archive, or the folder it was unpacked to.
        sha256: of the archive's bytes, hex; "" for a folder.
        sums_sha256: hash of ``SHA256SUMS``, hex: the one name of all the content together.
        sha256_of: hash by path of every file but the list and its signature.
        entries: where the files are in the archive; empty for a folder.
    """

    path: Path
    sha256: str
    sums_sha256: str
    signer: Signer
    manifest: PackManifest
    sha256_of: Mapping[str, str]
    entries: tuple[Entry, ...] = ()


def pack_trust(files: Iterable[Path]) -> Trust:
    """The signers of packs among the public key files that a box's own settings name.

    Raises:
        InputError: a file is no public key.
    """
    return Trust(tuple(signer for signer in map(read_signer, files) if signer.signs == "packs"))


def check_archive(path: Path, trust: Trust) -> CheckedPack:
    """Read and check a pack's file; nothing is written.

    Raises:
        PackError: it is no archive of a pack, unsigned, signed by somebody not trusted or with a key out of use, a
            file is missing, not listed or does not match its hash, or its manifest is wrong.
    """
    where = str(path)
    with checking(path) as file:
        entries = scan(file, where)
        by_path = {entry.path: entry for entry in entries}
        if SIGNATURE not in by_path:
            raise PackError(f"{where} is unsigned: sign it with kerbwatch pack sign {where} --key KEY")
        sums = read(file, by_path.pop(SUMS), where)
        signature = read(file, by_path.pop(SIGNATURE), where)
        signer = check_signature(sums, signature, trust, path / SIGNATURE, PACK)
        sha256_of = parse_listing(sums, f"{where}: {SUMS}")
        check_complete(by_path, sha256_of, where)
        for name, entry in by_path.items():
            digest = hashlib.sha256()
            for data in chunks(file, entry, where):
                digest.update(data)
            _check_hash(where, name, digest.hexdigest(), sha256_of[name])
        manifest = parse_manifest(read(file, by_path[MANIFEST], where), f"{where}: {MANIFEST}")
        sha256 = _digest(file)
    _check_in_use(signer, manifest, where)
    return CheckedPack(path, sha256, _sha256(sums), signer, manifest, sha256_of, entries)


def check_folder(folder: Path, trust: Trust) -> CheckedPack:
    """Read and check an unpacked pack, as at every start of a box.

    Raises:
        PackError: see `check_archive`; and a link or anything else that is no plain file.
    """
    where = str(folder)
    names = _names(folder)
    for name in (SUMS, SIGNATURE):
        if name not in names:
            raise PackError(f"{where}: {name} is missing: install the pack again")
    sums = _read(folder / SUMS)
    signer = check_signature(sums, _read(folder / SIGNATURE), trust, folder / SIGNATURE, PACK)
    sha256_of = parse_listing(sums, f"{where}: {SUMS}")
    check_complete(names - {SUMS, SIGNATURE}, sha256_of, where)
    for name, expected in sha256_of.items():
        _check_hash(where, name, _hash(folder / name), expected)
    manifest = parse_manifest(_read(folder / MANIFEST), f"{where}: {MANIFEST}")
    _check_in_use(signer, manifest, where)
    return CheckedPack(folder, "", _sha256(sums), signer, manifest, sha256_of)


def look_into(path: Path) -> tuple[PackManifest, str | None]:
    """What a pack's file says of itself, and the id of the key that signed it; nobody vouches for either.

    Raises:
        PackError: it is no whole pack.
    """
    files = _whole_files(path)
    key_id = signed_by(files[SIGNATURE], path / SIGNATURE, PACK) if SIGNATURE in files else None
    return parse_manifest(files[MANIFEST], f"{path}: {MANIFEST}"), key_id


def sign_files(files: Mapping[str, bytes], key: SigningKey | None) -> bytes:
    """The archive of a pack's files with their list, and its signature when a key is given."""
    content = {name: data for name, data in files.items() if name not in (SUMS, SIGNATURE)}
    sums = listing({check_path(name): _sha256(data) for name, data in content.items()})
    content[SUMS] = sums
    if key is not None:
        content[SIGNATURE] = sign_sums(sums, key)
    return write_archive(content)


def sign_archive(path: Path, key: SigningKey) -> bytes:
    """The bytes of a pack's file signed with a key, in place of an earlier signature.

    Raises:
        PackError: it is no whole pack; nothing is signed then.
    """
    files = _whole_files(path)
    parse_manifest(files[MANIFEST], f"{path}: {MANIFEST}")
    return sign_files(files, key)


def _whole_files(path: Path) -> dict[str, bytes]:
    """Every file of an archive, each of which has the hash that the list says."""
    where = str(path)
    with checking(path) as file:
        files = {entry.path: read(file, entry, where) for entry in scan(file, where)}
    sha256_of = parse_listing(files[SUMS], f"{where}: {SUMS}")
    check_complete(set(files) - {SUMS, SIGNATURE}, sha256_of, where)
    for name, expected in sha256_of.items():
        _check_hash(where, name, _sha256(files[name]), expected)
    return files


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _check_hash(where: str, name: str, actual: str, expected: str) -> None:
    if actual != expected:
        raise PackError(
            f"{where}: {name} has SHA-256 {actual}, {SUMS} says {expected}: it was changed or cut, copy the pack again"
        )


def _check_in_use(signer: Signer, manifest: PackManifest, where: str) -> None:
    made_on = manifest.made_at.date()
    when = signer.out_of_use(made_on)
    if when:
        raise PackError(
            f"{where}: the pack was made on {made_on}, but {signer.name} may sign {when}: sign it with a key in use"
        )


def _names(folder: Path) -> set[str]:
    names: set[str] = set()
    try:
        for path in folder.rglob("*"):
            status = path.lstat()
            if stat.S_ISDIR(status.st_mode):
                continue
            name = path.relative_to(folder).as_posix()
            if not stat.S_ISREG(status.st_mode):
                raise PackError(f"{path} is not a plain file: install the pack again")
            if status.st_size > max_bytes(name):
                raise PackError(f"{path} has {status.st_size} bytes, at most {max_bytes(name)} are allowed")
            names.add(name)
            if len(names) > MAX_FILES + 2:
                raise PackError(f"{folder} holds more than {MAX_FILES} files: install the pack again")
    except OSError as error:
        raise PackError(f"cannot read {folder}: {error.strerror}; install the pack again") from error
    return names


def _read(path: Path) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:  # noqa: PTH123 (a descriptor, not a path)
            return file.read(max_bytes(path.name))
    except OSError as error:
        raise PackError(f"cannot read {path}: {error.strerror}; install the pack again") from error


def _hash(path: Path) -> str:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:  # noqa: PTH123 (a descriptor, not a path)
            return _digest(file)
    except OSError as error:
        raise PackError(f"cannot read {path}: {error.strerror}; install the pack again") from error


def _digest(file: BinaryIO) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while data := file.read(_CHUNK_BYTES):
        digest.update(data)
    return digest.hexdigest()
