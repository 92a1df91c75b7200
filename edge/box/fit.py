"""What can be known of a box's settings before anything is opened: addresses, and how they fit the site."""

from __future__ import annotations

from detector.errors import InputError
from detector.site.model import Site
from edge.box.settings import BoxSettings, CameraSettings
from edge.gnss.live import opener
from edge.sources.live.address import parse_address
from edge.wire import server_base


def check_addresses(settings: BoxSettings, *, allow_files: bool = False) -> None:
    """Look at every address of a box: those are its own, whatever pack it runs.

    Args:
        allow_files: let a recording stand for a camera, for drills.

    Raises:
        InputError: a camera's, the receiver's or the server's address is none. Never repeats a password.
    """
    for camera in settings.cameras:
        try:
            parse_address(camera.address, allow_files=allow_files)
        except InputError as error:
            raise InputError(f"camera {camera.camera_id!r}: {error}") from None
    if settings.gnss is not None:
        opener(settings.gnss)
    if settings.uplink is not None:
        server_base(settings.uplink.server)


def check_cameras(settings: BoxSettings, site: Site) -> None:
    """Whether the site knows every camera, as one that a box can have.

    Raises:
        InputError: it does not; names the camera.
    """
    for camera in settings.cameras:
        _check_pose(site, camera)


def _check_pose(site: Site, camera: CameraSettings) -> None:
    pose = site.camera(camera.camera_id)
    if pose.observed_by == "drone":
        raise InputError(f"camera {camera.camera_id!r} is a drone's: its pictures come as recordings, not from a box")
    if camera.look.by == "motion" and pose.observed_by != "fixed":
        raise InputError(
            f"camera {camera.camera_id!r} is on a vehicle, where everything moves: look by distance, time or every"
        )
