"""The parts of a box, opened and checked before the first picture is looked at, and closed in the other order."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog

from detector.detections import Detections
from detector.errors import InputError
from detector.evidence.privacy import PrivacyModels, blur_people, open_privacy_models
from detector.evidence.seal import DeviceKey
from detector.model.signers import Trust, read_signer, shipped_trust, site_signers
from detector.model.yolo import Detector, open_detector
from detector.report import ReportBody, Versions
from detector.site.load import load_site
from detector.site.model import Site
from edge.alarms.alarms import Alarms
from edge.alarms.findings import AlarmLimits
from edge.alarms.pictures import PictureWatch
from edge.assemble import software_version
from edge.box.clips_folder import clips_folder
from edge.box.coverage_layer import CoverageLayer
from edge.box.fit import check_cameras
from edge.box.patient import PatientOutbox
from edge.box.settings import BoxSettings
from edge.box.station import Shared, Station
from edge.box_time import BoxTime
from edge.device import open_key
from edge.gnss.live import LiveReceiver
from edge.outbox import Outbox, Quota
from edge.page.feed import Board, report_line
from edge.parcels import EvidenceFile, ReportState
from edge.sources.live.address import LiveAddress, parse_address
from edge.sources.live.camera import open_camera
from edge.sources.live.credentials import read_credentials
from edge.triggers import Trigger
from edge.vault.gather import VaultOriginals
from edge.vault.keys import KeyFile
from edge.vault.limits import VaultLimits
from edge.vault.vault import Vault

log = structlog.get_logger("box")


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What a box is made of.

    Attributes:
        fixes: `None` on a box without a receiver.
        vault: `None` where the settings keep no originals.
    """

    settings: BoxSettings
    key: DeviceKey
    site: Site
    detector: Detector
    time: BoxTime
    outbox: Outbox
    reports: PatientOutbox
    fixes: LiveReceiver | None
    vault: Vault | None
    board: Board
    alarms: Alarms
    layer: CoverageLayer | None
    stations: tuple[Station, ...]


@contextmanager
def open_parts(settings: BoxSettings, shipped_model: Path | None, *, allow_files: bool = False) -> Iterator[Parts]:
    """Open a box.

    Args:
        settings: with those of its pack over them.
        shipped_model: the bundle that is used when the settings name none.
        allow_files: let a recording stand for a camera, for drills.

    Raises:
        InputError: site, model, a camera or the receiver's address are no good, or do not fit each other.
        TransientError: another process holds the state folder, or the disk is full.
    """
    site = load_site(settings.site)
    addresses = [parse_address(camera.address, allow_files=allow_files) for camera in settings.cameras]
    check_cameras(settings, site)
    detector = open_model(settings, shipped_model)
    privacy = open_privacy(settings, detector)
    evidence = settings.evidence
    with ExitStack() as stack:
        key = open_key(settings.state)
        quota = Quota(bytes_max=evidence.outbox_bytes_max, reserve_bytes=evidence.disk_reserve_bytes)
        outbox = stack.enter_context(Outbox.open(settings.state, key=key, quota=quota))
        vault = None
        if evidence.originals:
            room = VaultLimits.of(evidence)
            keys = KeyFile(evidence.originals_key_file) if evidence.originals_key_file is not None else None
            vault = stack.enter_context(Vault.open(settings.state, keys, room, at_server=_stored_at_server(outbox)))
            # A kill between the originals and their report left originals that nothing names.
            vault.clear_orphans(lambda report_id: outbox.state_of(report_id) is not None)
        layer = CoverageLayer(settings.state, site.public_map_crs) if site.coverage else None
        time = BoxTime()
        fixes = stack.enter_context(LiveReceiver(settings.gnss, time)) if settings.gnss else None
        board = Board()
        reports = PatientOutbox(outbox, lambda body, files: _told(board, body, files))
        shared = Shared(
            site=site,
            detector=detector,
            privacy=privacy,
            versions=Versions(
                software=software_version(),
                model_name=detector.bundle.card.name,
                model_sha256=detector.bundle.model_sha256,
                site_sha256=site.sha256,
            ),
            outbox=outbox,
            reports=reports,
            fixes=fixes,
            time=time,
            rest_s=evidence.clip_after_s + 1.0 if vault is not None else 0.0,
            layer=layer,
        )
        clips = clips_folder(settings.state)
        alarms = Alarms(AlarmLimits(evidence.disk_reserve_bytes, evidence.originals_bytes_max))
        stations = tuple(
            _station(stack, shared, settings, number, address, vault, clips, alarms)
            for number, address in enumerate(addresses)
        )
        yield Parts(settings, key, site, detector, time, outbox, reports, fixes, vault, board, alarms, layer, stations)


def _station(
    stack: ExitStack,
    shared: Shared,
    settings: BoxSettings,
    number: int,
    address: LiveAddress,
    vault: Vault | None,
    clips: Path,
    alarms: Alarms,
) -> Station:
    chosen = settings.cameras[number]
    camera = open_camera(
        address,
        chosen.camera_id,
        credentials=read_credentials(chosen.credentials_file) if chosen.credentials_file else None,
        time=shared.time,
        stall_s=chosen.stall_s,
        ring_bytes=chosen.clip_ring_bytes if vault is not None else 0,
    )
    stack.callback(camera.close)
    moves = shared.site.camera(chosen.camera_id).observed_by != "fixed"
    alarms.tell("no_receiver", chosen.camera_id, on=moves and shared.fixes is None)
    trigger = Trigger(chosen.look, shared.fixes if moves else None)
    originals = None
    if vault is not None:
        originals = VaultOriginals(vault, camera, settings.evidence, clips)
    pictures = PictureWatch(shared.site.camera(chosen.camera_id), alarms)
    return Station(shared, chosen, number, camera, trigger, pictures, originals)


def _told(board: Board, body: ReportBody, files: Sequence[EvidenceFile]) -> None:
    board.reported(report_line(body, files))
    log.info("reported", report_id=str(body.report_id), kind=body.kind.value, camera=body.camera_id)


def _stored_at_server(outbox: Outbox) -> Callable[[uuid.UUID], bool]:
    return lambda report_id: outbox.state_of(report_id) is ReportState.STORED


def open_model(settings: BoxSettings, shipped_model: Path | None) -> Detector:
    model = settings.model or shipped_model
    if model is None:
        raise InputError("no model bundle is known: name one in box.yaml (model: DIR)")
    trust: Trust = shipped_trust().also(site_signers(settings.site)).also(map(read_signer, settings.trust))
    return open_detector(model, threads=settings.threads, backend=settings.backend, trust=trust)


def open_privacy(settings: BoxSettings, detector: Detector) -> PrivacyModels:
    """Whether people can be blurred at all must show now, not at the first report."""
    privacy = open_privacy_models(settings.face_model, settings.plate_model)
    blur_people(np.zeros((64, 64, 3), np.uint8), Detections.empty(detector.cue_names), privacy)
    return privacy
