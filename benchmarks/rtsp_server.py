"""A real RTSP server (GStreamer's) for tests and benchmarks: plays a file of compressed pictures in a loop.

Run with the system's Python, where GStreamer's bindings live: ``/usr/bin/python3 rtsp_server.py PICTURES [PORT]``.
Reads ``user:password`` for digest authentication, or an empty line, from standard input; says ``port N`` when it
listens and ``begun S`` (monotonic seconds of its first picture) when somebody begins to watch. All who watch share one
stream, as with a camera. Started by `benchmarks.rtsp`.
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

_PARTS = {"h264": ("video/x-h264", "h264parse", "rtph264pay"), "hevc": ("video/x-h265", "h265parse", "rtph265pay")}


def read_pictures(path: str) -> tuple[dict[str, Any], list[bytes]]:
    """The head (codec, rate) and the access units of a file that `benchmarks.rtsp.write_pictures` wrote."""
    data = Path(path).read_bytes()
    head, _, rest = data.partition(b"\n")
    units, at = [], 0
    while at < len(rest):
        (length,) = struct.unpack_from("!I", rest, at)
        units.append(rest[at + 4 : at + 4 + length])
        at += 4 + length
    return json.loads(head), units


class Player:
    """Puts the pictures into the pipeline at their rate, from the first to the last and again."""

    def __init__(self, units: list[bytes], rate: float) -> None:
        self.units, self.step_ns, self.count = units, int(1e9 / rate), 0

    def configure(self, _factory: Any, media: Any) -> None:
        """A pipeline was made for the first who watches."""
        source = media.get_element().get_by_name("source")
        self.count, begun_ns = 0, GLib.get_monotonic_time() * 1000
        media.set_reusable(False)
        print(f"begun {begun_ns / 1e9}", flush=True)

        def push() -> bool:
            now_ns = GLib.get_monotonic_time() * 1000 - begun_ns
            while self.count * self.step_ns <= now_ns:
                buffer = Gst.Buffer.new_wrapped(self.units[self.count % len(self.units)])
                buffer.pts = buffer.dts = self.count * self.step_ns
                buffer.duration = self.step_ns
                self.count += 1
                if source.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
                    return False
            return True

        GLib.timeout_add(max(1, self.step_ns // 4_000_000), push)


def authenticated(server: Any, factory: Any, credentials: str) -> None:
    """Ask whoever watches for a user and password, by digest."""
    user, _, password = credentials.partition(":")
    auth = GstRtspServer.RTSPAuth.new()
    auth.set_supported_methods(GstRtspServer.RTSP_AUTH_DIGEST if hasattr(GstRtspServer, "RTSP_AUTH_DIGEST") else 2)
    auth.set_realm("kerbwatch")
    token = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "watcher")
    auth.add_digest(user, password, token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    for permission in (GstRtspServer.RTSP_PERM_MEDIA_FACTORY_ACCESS, GstRtspServer.RTSP_PERM_MEDIA_FACTORY_CONSTRUCT):
        permissions.add_permission_for_role("watcher", permission, True)
    factory.set_permissions(permissions)


def main() -> None:
    """Serve until killed."""
    Gst.init(None)
    head, units = read_pictures(sys.argv[1])
    media_type, parser, payloader = _PARTS[head["codec"]]
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f"( appsrc name=source is-live=true format=time block=false max-bytes=20000000 "
        f"caps={media_type},stream-format=byte-stream,alignment=au ! {parser} ! "
        f"{payloader} name=pay0 pt=96 config-interval=-1 )"
    )
    factory.set_shared(True)
    player = Player(units, head["rate"])
    factory.connect("media-configure", player.configure)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(sys.argv[2] if len(sys.argv) > 2 else "0")
    credentials = sys.stdin.readline().strip()
    if credentials:
        authenticated(server, factory, credentials)
    server.get_mount_points().add_factory("/street", factory)
    server.attach(None)
    print(f"port {server.get_bound_port()}", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
