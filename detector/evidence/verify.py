"""The checks behind `kerbwatch verify`: is every report and every evidence file what its device sealed?

Reads a folder written by `kerbwatch patrol --out`, or a case downloaded from a server (folder or .zip); both have one
layout: `reports/<report_id>.json` and `evidence/<sha256>.<ext>`. Needs no network and no server.

What it cannot know: whether the coverage layer beside them is as the patrol wrote it, whether a report *and* all its
evidence were taken away together, and whether a device is one of yours, unless you name the keys you trust.
"""

from __future__ import annotations

import hashlib
import stat
import struct
import zipfile
import zlib
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final, Protocol

from detector.errors import InputError, SealError
from detector.evidence.seal import parse_sealed, read_sealed
from detector.report import EvidenceItem, SealedReport

REPORTS_DIR: Final = "reports"
EVIDENCE_DIR: Final = "evidence"
HIDDEN_DIR: Final = ".kerbwatch"
"""The patrol's own outbox inside an `--out` folder; no part of what is sealed."""
COVERAGE_FILE: Final = "coverage.geojson"
"""The ground a patrol looked at, beside its reports. No device seals it, and nothing is said of it."""

_SUFFIX: Final = {"image/jpeg": ".jpg", "image/png": ".png", "video/mp4": ".mp4"}
_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read at most, so that a hostile archive can fill neither memory nor time.

    Attributes:
        files_max: entries in the folder or archive.
        report_bytes_max: one report.
        total_bytes_max: everything, unpacked. Real evidence does not shrink, so archives need no more than they hold.
    """

    files_max: int = 200_000
    report_bytes_max: int = 8 * 1024**2
    total_bytes_max: int = 64 * 1024**3

    def __post_init__(self) -> None:
        if min(self.files_max, self.report_bytes_max, self.total_bytes_max) <= 0:
            raise InputError(f"limits must be above 0, got {self}")


@dataclass(frozen=True, slots=True)
class Break:
    """One thing that is not as it was sealed."""

    path: str
    """Inside the folder or archive."""
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What was checked, and what does not hold, in the order found: reports first, then evidence, then strays.

    Attributes:
        reports, files: how many hold.
        device_ids: the devices that sealed them.
    """

    reports: int
    files: int
    device_ids: tuple[str, ...]
    breaks: tuple[Break, ...]

    @property
    def ok(self) -> bool:
        """Nothing is broken, and there was something to check."""
        return not self.breaks


def verify_folder(
    path: Path, *, trusted_keys: Collection[str] | None = None, limits: Limits | None = None
) -> VerifyResult:
    """Check every report and evidence file of a folder or .zip archive.

    Args:
        trusted_keys: raw public keys, hex, or device ids; a report sealed by any other device is a break.

    Raises:
        InputError: there is no such folder or archive, it is no archive, or it is beyond the limits.
    """
    bounds = limits or Limits()
    with _open(path) as tree:
        names = tree.names()
        if names and not any(name.startswith((f"{REPORTS_DIR}/", f"{EVIDENCE_DIR}/")) for name in names):
            raise InputError(f"{path} holds no {REPORTS_DIR}/: give a patrol's --out folder or a downloaded case")
        if len(names) > bounds.files_max:
            raise InputError(f"{path} holds {len(names)} files; at most {bounds.files_max} are checked")
        return _Check(tree, names, trusted_keys, bounds).run()


class _Tree(Protocol):
    """Files of a folder or archive, by their name with forward slashes."""

    def names(self) -> list[str]: ...

    def oddity(self, name: str) -> str | None:
        """Why an entry must not be read (a link, an escape), or `None`."""
        ...

    def open(self, name: str) -> IO[bytes]: ...


class _Check:
    def __init__(self, tree: _Tree, names: list[str], trusted_keys: Collection[str] | None, limits: Limits) -> None:
        self._tree = tree
        self._names = names
        self._trusted = None if trusted_keys is None else {key.lower() for key in trusted_keys}
        self._limits = limits
        self._breaks: list[Break] = []
        self._declared: dict[str, EvidenceItem] = {}
        self._read_bytes = 0

    def run(self) -> VerifyResult:
        safe = self._without_oddities()
        reports = self._reports(sorted(name for name in safe if _is_report(name)))
        declared = self._declared
        files = self._evidence(declared, safe)
        for name in sorted(safe):
            if not _is_report(name) and name not in declared and name != COVERAGE_FILE:
                what = "no report names this file" if name.startswith(f"{EVIDENCE_DIR}/") else "does not belong here"
                self._breaks.append(Break(name, what))
        if not reports and not self._breaks:
            self._breaks.append(Break(REPORTS_DIR, "there is no report to check"))
        devices = sorted({report.body.device_id for report in reports})
        return VerifyResult(len(reports), files, tuple(devices), tuple(self._breaks))

    def _without_oddities(self) -> set[str]:
        safe: set[str] = set()
        for name in self._names:
            odd = self._tree.oddity(name)
            if odd is None and name in safe:
                odd = "is there twice"
            if odd is None:
                safe.add(name)
            else:
                self._breaks.append(Break(name, odd))
        return safe

    def _reports(self, names: list[str]) -> list[SealedReport]:
        good: list[SealedReport] = []
        hits: dict[str, str] = {}
        for name in names:
            try:
                data = self._small(name)
                # Evidence of a report that is broken is still named by it, and is checked.
                self._declared |= {_file_name(item): item for item in parse_sealed(data).body.evidence}
                sealed = read_sealed(data)
                self._belongs(name, sealed)
                first = hits.setdefault(sealed.body.hit_key, name)
                if first != name:
                    raise SealError(f"reports the same hit as {first}")
            except SealError as error:
                self._breaks.append(Break(name, str(error)))
            else:
                good.append(sealed)
        return good

    def _belongs(self, name: str, sealed: SealedReport) -> None:
        if PurePosixPath(name).stem != str(sealed.body.report_id):
            raise SealError(f"holds report {sealed.body.report_id}: it was renamed or put in another one's place")
        if self._trusted is not None and not {sealed.seal.public_key, sealed.body.device_id} & self._trusted:
            raise SealError(f"sealed by device {sealed.body.device_id}, whose key is not among the trusted ones")

    def _evidence(self, declared: dict[str, EvidenceItem], there: set[str]) -> int:
        whole = 0
        for name, item in sorted(declared.items()):
            if name not in there:
                self._breaks.append(Break(name, "is missing, a report names it"))
                continue
            try:
                digest, size_bytes = self._digest(name)
            except SealError as error:
                self._breaks.append(Break(name, str(error)))
                continue
            if digest != item.sha256:
                self._breaks.append(Break(name, f"was changed: its bytes hash to {digest}"))
            elif size_bytes != item.size_bytes:
                self._breaks.append(Break(name, f"has {size_bytes} bytes, the report says {item.size_bytes}"))
            else:
                whole += 1
        return whole

    def _small(self, name: str) -> bytes:
        data = b"".join(self._chunks(name, self._limits.report_bytes_max))
        if len(data) > self._limits.report_bytes_max:
            raise SealError(f"is longer than {self._limits.report_bytes_max} bytes")
        return data

    def _digest(self, name: str) -> tuple[str, int]:
        digest, size_bytes = hashlib.sha256(), 0
        for chunk in self._chunks(name, self._limits.total_bytes_max):
            digest.update(chunk)
            size_bytes += len(chunk)
        return digest.hexdigest(), size_bytes

    def _chunks(self, name: str, most_bytes: int) -> Iterator[bytes]:
        """The bytes of a file, at most one chunk beyond `most_bytes`.

        Raises:
            SealError: the archive entry is damaged.
            InputError: more was unpacked than the limit.
        """
        got_bytes = 0
        try:
            with self._tree.open(name) as file:
                while got_bytes <= most_bytes and (chunk := file.read(min(_CHUNK_BYTES, most_bytes + 1))):
                    got_bytes += len(chunk)
                    self._read_bytes += len(chunk)
                    if self._read_bytes > self._limits.total_bytes_max:
                        raise InputError(f"unpacks to more than {self._limits.total_bytes_max} bytes; not checked")
                    yield chunk
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise SealError(f"the archive is damaged here: {error}") from None
        except OSError as error:
            raise SealError(f"cannot be read: {error.strerror}") from None


class _Folder:
    """A folder on disk; links are never followed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> list[str]:
        found = (path for path in self._root.rglob("*") if path.is_symlink() or not path.is_dir())
        names = (path.relative_to(self._root).as_posix() for path in found)
        return sorted(name for name in names if not name.startswith(f"{HIDDEN_DIR}/"))

    def oddity(self, name: str) -> str | None:
        mode = (self._root / name).lstat().st_mode
        return None if stat.S_ISREG(mode) else "is no plain file"

    def open(self, name: str) -> IO[bytes]:
        return (self._root / name).open("rb")


class _Archive:
    """A .zip, read in place: nothing is ever unpacked to disk."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def names(self) -> list[str]:
        return [entry.filename for entry in self._archive.infolist() if not entry.is_dir()]

    def oddity(self, name: str) -> str | None:
        entry = self._archive.getinfo(name)
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or str(path) != name:
            return "its name leads out of the archive"
        mode = entry.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            return "is no plain file"
        if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return "is encrypted, or packed in a way that is not read here"
        return None

    def open(self, name: str) -> IO[bytes]:
        return self._archive.open(name)


@contextmanager
def _open(path: Path) -> Generator[_Tree]:
    if path.is_dir():
        yield _Folder(path)
    elif path.is_file():
        try:
            archive = zipfile.ZipFile(path)
        # A hostile directory of entries makes zipfile raise all of these.
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, OSError) as error:
            raise InputError(f"{path} is no folder and no readable .zip: {error}") from None
        with archive:
            yield _Archive(archive)
    else:
        raise InputError(f"there is no folder or .zip {path}")


def _is_report(name: str) -> bool:
    path = PurePosixPath(name)
    return path.parent == PurePosixPath(REPORTS_DIR) and path.suffix == ".json"


def _file_name(item: EvidenceItem) -> str:
    return f"{EVIDENCE_DIR}/{item.sha256}{_SUFFIX[item.media_type]}"
