"""The checks behind `kerbwatch verify`: is every report and every evidence file what its device sealed?

Reads a folder written by `kerbwatch patrol --out`, or a case downloaded from a server (folder or .zip); both have one
layout: `reports/<report_id>.json` and `evidence/<sha256>.<ext>`. Unblurred originals that a box released may lie beside
them as `originals/<sha256>.<ext>`; those that do not are still on the box, or were deleted when their time was over,
and that is no fault. Needs no network and no server.

A patrol's folder has a sealed manifest, which shows a report that was taken away whole, and a changed coverage layer. A
downloaded case has none. Whether a device is one of yours is only known when you name the keys you trust.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from detector.errors import InputError, SealError
from detector.evidence.manifest import MANIFEST_FILE, Manifest, read_manifest
from detector.evidence.seal import parse_sealed, read_sealed
from detector.evidence.trees import Tree, open_tree
from detector.printable import printable
from detector.report import EvidenceItem, Original, SealedReport

REPORTS_DIR: Final = "reports"
EVIDENCE_DIR: Final = "evidence"
ORIGINALS_DIR: Final = "originals"
COVERAGE_FILE: Final = "coverage.geojson"
"""The ground a patrol looked at, beside its reports; held to the manifest where there is one."""

_FOLDERS: Final = (f"{REPORTS_DIR}/", f"{EVIDENCE_DIR}/", f"{ORIGINALS_DIR}/")
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
        # A name is the sender's: it may hold escapes for the terminal, or a line break and what looks like a verdict.
        return printable(f"{self.path}: {self.what}").replace("\n", "\\n")


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What was checked, and what does not hold, in the order found: reports, manifest, evidence, originals, strays.

    Attributes:
        reports, files: how many hold.
        device_ids: the devices that sealed them.
        whole: a manifest says that no report is missing.
        originals: unblurred originals that are here and hold.
        originals_elsewhere: named by reports and not here: on the box, or deleted when their time was over.
        dropped: evidence that an outbox has dropped to make room.
    """

    reports: int
    files: int
    device_ids: tuple[str, ...]
    breaks: tuple[Break, ...]
    whole: bool = False
    originals: int = 0
    originals_elsewhere: int = 0
    dropped: int = 0

    @property
    def ok(self) -> bool:
        """Nothing is broken, and there was something to check."""
        return not self.breaks


def verify_folder(
    path: Path, *, trusted_keys: Collection[str] | None = None, limits: Limits | None = None, whole: bool = False
) -> VerifyResult:
    """Check every report and evidence file of a folder or .zip archive.

    Args:
        trusted_keys: raw public keys, hex, or device ids; a report sealed by any other device is a break.
        whole: a folder without a manifest is a break, for one that is known to have had it.

    Raises:
        InputError: there is no such folder or archive, it is no archive, or it is beyond the limits.
    """
    with open_tree(path) as tree:
        names = tree.names()
        if names and not any(name.startswith(_FOLDERS) or name == MANIFEST_FILE for name in names):
            raise InputError(f"{path} holds no {REPORTS_DIR}/: give a patrol's --out folder or a downloaded case")
        return verify_tree(tree, trusted_keys=trusted_keys, limits=limits, whole=whole)


def verify_tree(
    tree: Tree, *, trusted_keys: Collection[str] | None = None, limits: Limits | None = None, whole: bool = False
) -> VerifyResult:
    """As `verify_folder`, for files that lie in something else than a folder or archive.

    Raises:
        InputError: it is beyond the limits.
    """
    bounds, names = limits or Limits(), tree.names()
    if len(names) > bounds.files_max:
        raise InputError(f"there are {len(names)} files; at most {bounds.files_max} are checked")
    return _Check(tree, names, trusted_keys, bounds, whole=whole).run()


class _Check:
    def __init__(
        self, tree: Tree, names: list[str], trusted_keys: Collection[str] | None, limits: Limits, *, whole: bool
    ) -> None:
        self._tree = tree
        self._names = names
        self._trusted = None if trusted_keys is None else {key.lower() for key in trusted_keys}
        self._limits = limits
        self._whole = whole
        self._breaks: list[Break] = []
        self._declared: dict[str, EvidenceItem] = {}
        self._originals: dict[str, Original] = {}
        self._read_bytes = 0

    def run(self) -> VerifyResult:
        safe = self._without_oddities()
        reports = self._reports(sorted(name for name in safe if _is_report(name)))
        manifest = self._manifest(safe, reports)
        self._breaks += [Break(name, what) for name, what in self._tree.faults]
        dropped = self._tree.dropped & (self._declared.keys() - safe)
        here = {name: item for name, item in self._declared.items() if name not in dropped}
        files = self._files(here, safe, or_else="is missing, a report names it")
        originals = self._files(self._originals, safe, or_else=None)
        known = {*self._declared, *self._originals, COVERAGE_FILE, MANIFEST_FILE}
        for name in sorted(name for name in safe - known if not _is_report(name)):
            what = "no report names this file" if name.startswith(_FOLDERS) else "does not belong here"
            self._breaks.append(Break(name, what))
        if not reports and not self._breaks:
            self._breaks.append(Break(REPORTS_DIR, "there is no report to check"))
        return VerifyResult(
            reports=len(reports),
            files=files,
            device_ids=tuple(sorted({report.body.device_id for report in reports})),
            breaks=tuple(self._breaks),
            whole=manifest,
            originals=originals,
            originals_elsewhere=len(self._originals.keys() - safe),
            dropped=len(dropped),
        )

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
                body = parse_sealed(data).body
                self._declared |= {_file_name(EVIDENCE_DIR, item): item for item in body.evidence}
                self._originals |= {_file_name(ORIGINALS_DIR, item): item for item in body.originals}
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

    def _manifest(self, there: set[str], good: list[SealedReport]) -> bool:
        """Whether there is one; what it says is held against what is there."""
        reports = {report.body.report_id: report.seal.body_sha256 for report in good}
        if MANIFEST_FILE not in there:
            if self._whole:
                what = "is missing: a report that was taken away whole would not show"
                self._breaks.append(Break(MANIFEST_FILE, what))
            return False
        try:
            manifest = read_manifest(self._small(MANIFEST_FILE))
            if self._trusted is not None and not self._trusts(manifest):
                raise SealError(f"sealed by device {manifest.device_id}, whose key is not among the trusted ones")
            others = sorted({report.body.device_id for report in good} - {manifest.device_id})
            if others and self._trusted is None:
                # Else whoever takes a report away could seal a manifest of the rest with a key of his own.
                raise SealError(
                    f"sealed by device {manifest.device_id}, which is not the device of every report ({others[0]}): "
                    "name the devices that you trust"
                )
        except SealError as error:
            self._breaks.append(Break(MANIFEST_FILE, str(error)))
            return True
        for report_id in sorted(manifest.reports.keys() | reports.keys(), key=str):
            name = f"{REPORTS_DIR}/{report_id}.json"
            if report_id not in manifest.reports:
                self._breaks.append(Break(name, "is not in the manifest: it was added, or the patrol has not ended"))
            elif name not in there:
                self._breaks.append(Break(name, "is missing, the manifest names it"))
            elif report_id in reports and reports[report_id] != manifest.reports[report_id]:
                self._breaks.append(Break(name, "is another report than the manifest names"))
        for name, digest in sorted(manifest.files.items()):
            if name not in there:
                self._breaks.append(Break(name, "is missing, the manifest names it"))
            elif self._digest(name)[0] != digest:
                self._breaks.append(Break(name, "was changed after the manifest was sealed"))
        return True

    def _trusts(self, manifest: Manifest) -> bool:
        # A trusted key may be named by itself or by its hash, the device id.
        ids = {hashlib.sha256(bytes.fromhex(key)).hexdigest() for key in self._trusted or () if _is_hex(key)}
        return manifest.device_id in ids | set(self._trusted or ())

    def _files(self, declared: Mapping[str, EvidenceItem | Original], there: set[str], *, or_else: str | None) -> int:
        """How many of the files are here and whole; one that is not here is a break that says `or_else`."""
        whole = 0
        for name, item in sorted(declared.items()):
            if name not in there:
                if or_else is not None:
                    self._breaks.append(Break(name, or_else))
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


def _is_report(name: str) -> bool:
    path = PurePosixPath(name)
    return path.parent == PurePosixPath(REPORTS_DIR) and path.suffix == ".json"


def _file_name(folder: str, item: EvidenceItem | Original) -> str:
    return f"{folder}/{item.sha256}{_SUFFIX[item.media_type]}"


def _is_hex(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{64}", text) is not None
