"""Everything a patrol needs, opened and checked before the first frame is looked at."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from detector.detections import Detections
from detector.errors import InputError
from detector.evidence.privacy import PrivacyModels, blur_people, open_privacy_models
from detector.geo.camera import Camera, DroneCamera, ObservedBy, VehicleCamera
from detector.geo.drive import check_drive, drive_warning
from detector.model.signers import Trust, read_signer, shipped_trust, site_signers
from detector.model.yolo import Detector, open_detector
from detector.report import Versions
from detector.site.load import load_site
from detector.site.model import Site
from edge.assemble import software_version
from edge.config import Inputs, PatrolConfig, patrol_id
from edge.gnss import FixTrack, check_overlap, read_log
from edge.gnss.fixes import Fixes
from edge.sources import PictureSource, Source, Window, looked_at, open_source
from edge.survey.poses import photo_track


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A patrol ready to run.

    Attributes:
        gnss: shifted to the clock of the sources, or the poses of drone photos; `None` without either.
        observed_by: who looks, for the rules.
        warnings: what is odd but no error, one sentence each.
    """

    patrol_id: str
    site: Site
    camera: Camera
    observed_by: ObservedBy
    detector: Detector
    sources: tuple[Source, ...]
    window: Window
    gnss: Fixes | None
    privacy: PrivacyModels
    versions: Versions
    warnings: tuple[str, ...]

    @property
    def synthetic(self) -> bool:
        """Whether positions are made up: by the site or by the log."""
        return self.site.synthetic_positions or (self.gnss is not None and self.gnss.synthetic)


def make_plan(config: PatrolConfig, device_id: str) -> Plan:
    """Open and check everything a patrol needs.

    Raises:
        InputError: site, model, sources, camera or GNSS log are no good, or do not fit each other.
    """
    site = load_site(config.site)
    camera = _camera(site, config)
    observed_by = config.observed_by or camera.observed_by
    if config.window.by_motion and observed_by != "fixed":
        raise InputError(
            f"--by-motion is for a camera that stands, and {camera.camera_id} does not: look by way with --every-m, or "
            "say --observed-by fixed if the vehicle stands and stares"
        )
    sources = _sources(config)
    track, warnings = _gnss(config, camera, sources)
    warnings += _odd_places(track, site, sure=config.gnss_sure)
    detector = open_detector(config.model, threads=config.threads, backend=config.backend, trust=_trust(config))
    if detector.why is not None:
        warnings.append(detector.why.both())
    # Whether people can be blurred at all must show now, not at the first report.
    privacy = open_privacy_models(config.face_model, config.plate_model)
    blur_people(np.zeros((64, 64, 3), np.uint8), Detections.empty(detector.cue_names), privacy)
    inputs = Inputs(
        device_id=device_id,
        sources=sources,
        gnss_sha256=track.sha256 if track else "",
        site_sha256=site.sha256,
        # The card's thresholds decide too, so the whole bundle counts.
        model_sha256=detector.bundle.sums_sha256,
        camera_id=camera.camera_id,
        observed_by=observed_by,
    )
    return Plan(
        patrol_id=patrol_id(config, inputs),
        site=site,
        camera=camera,
        observed_by=observed_by,
        detector=detector,
        sources=sources,
        window=config.window,
        gnss=track,
        privacy=privacy,
        versions=Versions(
            software=software_version(),
            model_name=detector.bundle.card.name,
            model_sha256=detector.bundle.model_sha256,
            site_sha256=site.sha256,
        ),
        warnings=tuple(warnings),
    )


def _camera(site: Site, config: PatrolConfig) -> Camera:
    if config.camera is not None:
        camera = site.camera(config.camera)
    elif config.gnss is not None and site.default_vehicle is not None:
        camera = site.default_vehicle
    elif len(site.cameras) == 1:
        camera = next(iter(site.cameras.values()))
    else:
        known = ", ".join(sorted(site.cameras)) or "none"
        raise InputError(f"say which camera took the pictures with --camera NAME; cameras.yaml names: {known}")
    if config.poses is not None and not isinstance(camera, DroneCamera):
        raise InputError(f"camera {camera.camera_id} is no drone's: --poses is for drone photos; leave it out")
    if config.gnss is not None and isinstance(camera, DroneCamera):
        raise InputError(
            f"camera {camera.camera_id} is a drone's: a GNSS log tells neither its height nor its gimbal; leave --gnss "
            "out, the poses come from the photos' own tags or --poses"
        )
    if config.gnss is not None and not isinstance(camera, VehicleCamera):
        raise InputError(f"camera {camera.camera_id} stands still: --gnss is for a camera on a vehicle; leave it out")
    return camera


def _trust(config: PatrolConfig) -> Trust:
    return shipped_trust().also(site_signers(config.site)).also(map(read_signer, config.trust))


def _sources(config: PatrolConfig) -> tuple[Source, ...]:
    sources: list[Source] = []
    names: set[str] = set()
    for index, address in enumerate(config.sources):
        source = open_source(address, start_utc=config.start_of(index), interval_s=config.interval_s)
        if any(source.sha256 == other.sha256 for other in sources):
            raise InputError(f"{source.source_id} has the same content as another --source: name each once")
        # Track ids begin with the source's name, so two files of one name in two folders need two names.
        name, again = source.source_id, 1
        while name in names:
            again += 1
            name = f"{source.source_id}#{again}"
        names.add(name)
        sources.append(replace(source, source_id=name))
    return tuple(sources)


def _gnss(config: PatrolConfig, camera: Camera, sources: tuple[Source, ...]) -> tuple[FixTrack | None, list[str]]:
    """The log on the sources' clock, and what is odd about it.

    A log that covers none of the sources is an error; one that covers only some leaves the others without places.
    """
    if isinstance(camera, DroneCamera):
        return _photo_poses(config, sources)
    if config.gnss is None:
        unplaced = isinstance(camera, VehicleCamera)
        note = "no --gnss log for a camera on a vehicle: every place is unknown (没有定位日志，位置均未知)"
        return None, [note] if unplaced else []
    track = read_log(config.gnss).shifted(config.gnss_offset_s)
    if not track.fixes:
        return track, ["the GNSS log holds no fix: every place is unknown (定位日志没有有效定位，位置均未知)"]
    misses: list[InputError] = []
    for source in sources:
        start, end = looked_at(source, config.window)
        try:
            check_overlap(track, source.source_id, start, end)
        except InputError as error:
            misses.append(error)
    if len(misses) == len(sources):
        raise misses[0]
    return track, [*track.odd, *(str(error) for error in misses)]


def _odd_places(track: FixTrack | None, site: Site, *, sure: bool) -> list[str]:
    """What is odd about where the fixes lie.

    Raises:
        InputError: they lie along the site's streets only if they are in another reference system than they say.
    """
    agreement = check_drive(track.fixes if track else (), site.zones)
    warning = drive_warning(agreement) if track and track.fixes else None
    if warning is not None and agreement.verdict == "shifted" and not sure:
        raise InputError(f"{warning.both()} (--gnss-sure takes it all the same)")
    return [warning.both()] if warning else []


def _photo_poses(config: PatrolConfig, sources: tuple[Source, ...]) -> tuple[FixTrack | None, list[str]]:
    """The poses of drone photos as a track that answers for the photos' own moments."""
    photos = [source for source in sources if isinstance(source, PictureSource)]
    odd = [
        f"{source.source_id} is a video from a drone without a pose for each picture: its places are unknown "
        "(无人机视频没有姿态，位置未知)"
        for source in sources
        if not isinstance(source, PictureSource)
    ]
    if not photos:
        return None, odd
    track, more = photo_track(photos, config.poses)
    return track, odd + more
