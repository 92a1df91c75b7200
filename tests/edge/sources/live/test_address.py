"""Addresses of cameras: what is taken, what is refused, and that no password is ever repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.sources.errors import SourceUnreadableError
from edge.sources.live.address import LiveAddress, LiveKind, parse_address


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("rtsp://10.0.0.5/stream", "rtsp://10.0.0.5:554/stream"),
        ("RTSP://Cam.Local:8554/Streaming/Channels/101", "rtsp://cam.local:8554/Streaming/Channels/101"),
        ("rtsps://cam/s", "rtsps://cam:322/s"),
        ("rtsp://[fe80::1]:554/s", "rtsp://[fe80::1]:554/s"),
        # Dahua's address carries settings in its query.
        ("rtsp://cam/cam/realmonitor?channel=1&subtype=0", "rtsp://cam:554/cam/realmonitor?channel=1&subtype=0"),
    ],
)
def test_rtsp_addresses(address: str, url: str):
    assert parse_address(address) == LiveAddress(LiveKind.RTSP, url)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/dev/video0", LiveAddress(LiveKind.V4L2, "/dev/video0")),
        (
            "/dev/video12?input_format=mjpeg&video_size=1280x720&framerate=25",
            LiveAddress(
                LiveKind.V4L2,
                "/dev/video12",
                (("input_format", "mjpeg"), ("video_size", "1280x720"), ("framerate", "25")),
            ),
        ),
        (
            "/dev/v4l/by-id/usb-046d_HD_Webcam-video-index0",
            LiveAddress(LiveKind.V4L2, "/dev/v4l/by-id/usb-046d_HD_Webcam-video-index0"),
        ),
    ],
)
def test_device_addresses(address: str, expected: LiveAddress):
    assert parse_address(address) == expected


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://cam/stream.m3u8", "http:// is not taken as a camera"),
        ("udp://239.0.0.1:5000", "udp:// is not taken as a camera"),
        ("concat:/etc/passwd", "no camera address"),
        ("rtsp:///stream", "names no host"),
        ("rtsp://cam:99999/s", "bad host or port"),
        ("rtsp://cam/s#1", "write it as %23"),
        ("rtsp://cam/a b", "blank or control character"),
        ("rtsp://cam/s\r\nAuthorization: x", "blank or control character"),
        ("street.mp4", "no camera address"),
        ("/dev/sda", "no camera address"),
        ("/dev/video0/../sda", "no camera address"),
        ("/dev/video0?input_format=concat", "option 'input_format' with value 'concat' is not taken"),
        ("/dev/video0?safe=0", "option 'safe' with value '0' is not taken"),
        ("file:///tmp/x.mp4", "file:// is no live camera"),
    ],
)
def test_refused(address: str, message: str):
    with pytest.raises(SourceUnreadableError, match=message):
        parse_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://admin:geheim@cam/stream",
        "rtsp://geheim@cam/stream",
        "rtsp://cam/stream?user=admin&password=geheim",
        "rtsp://cam/user=admin&password=geheim&channel=1",
        "rtsp://cam/user=admin_password=geheim_channel=1",
        "http://admin:geheim@cam/stream",
        "rtsp://admin:geheim@[cam/stream",
        "rtsp://admin:geheim@cam:port/stream",
        "geheim@cam",
    ],
)
def test_credentials_in_an_address_are_refused_and_never_repeated(address: str):
    with pytest.raises(SourceUnreadableError) as caught:
        parse_address(address)
    assert "geheim" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_files_only_when_allowed(tmp_path: Path):
    file = tmp_path / "x.mp4"
    file.write_bytes(b"x")
    assert parse_address(f"file://{file}?loop", allow_files=True) == LiveAddress(LiveKind.FILE, str(file), loop=True)
    with pytest.raises(SourceUnreadableError, match="the only option is"):
        parse_address(f"file://{file}?fast", allow_files=True)
    with pytest.raises(SourceUnreadableError, match="no such file: /nowhere"):
        parse_address("file:///nowhere", allow_files=True)
