"""The alarms that pictures tell of one camera: what lies on its lens, and whether it was knocked."""

from __future__ import annotations

from detector.frame import Fix, Frame
from detector.geo.camera import Camera, VehicleCamera
from edge.alarms.alarms import Alarms
from edge.alarms.lens import LensWatch
from edge.alarms.mount import MountWatch


class PictureWatch:
    """Give it every look of one camera, in the thread that judges them; a standing camera tells nothing here."""

    def __init__(self, camera: Camera, alarms: Alarms) -> None:
        """`alarms` is told as soon as something is found, and when it is over."""
        self._camera_id = camera.camera_id
        self._alarms = alarms
        self._moves = isinstance(camera, VehicleCamera)
        self._lens = LensWatch()
        self._mount = MountWatch(camera) if isinstance(camera, VehicleCamera) else None

    def saw(self, frame: Frame, fix: Fix | None) -> None:
        """Take a look in, with the fix of its moment."""
        if not self._moves:
            return
        dirt = self._lens.saw(frame.image, fix.speed_m_s if fix else None)
        self._alarms.tell("lens_dirty", self._camera_id, on=dirt is not None, figure=dirt.figure if dirt else "")
        if self._mount is not None:
            off = self._mount.saw(frame, fix)
            self._alarms.tell("mount_moved", self._camera_id, on=off is not None, figure=off.figure if off else "")
