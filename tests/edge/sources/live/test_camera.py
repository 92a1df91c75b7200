"""Cameras against a real RTSP server: pictures, what goes wrong, and what comes of it."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import cv2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from benchmarks import rtsp
from edge.sources.errors import SourceUnreadableError
from edge.sources.live.address import LiveAddress, parse_address
from edge.sources.live.camera import open_camera
from edge.sources.live.patience import Backoff
from edge.sources.live.picture import CameraState, LiveCamera, PictureNote
from tests.edge.sources.live.conftest import SteadyTime, wait_for

SMALL = rtsp.Stream(key_every=5, frames=100)
SOON = Backoff(first_s=0.05, most_s=0.3, unreached_s=0.1)
PASSWORD = "p:a@ss/wört"


@contextmanager
def watched(
    address: LiveAddress | str,
    true_time: SteadyTime,
    *,
    credentials: str | None = None,
    stall_s: float = 2.0,
    ring_bytes: int = 10**6,
) -> Iterator[LiveCamera]:
    camera = open_camera(
        address,
        "front",
        credentials=None if credentials is None else SecretStr(credentials),
        time=true_time,
        stall_s=stall_s,
        ring_bytes=ring_bytes,
        backoff=SOON,
    )
    try:
        yield camera
    finally:
        camera.close()
    assert rtsp.decoder_pids() == set()


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_the_newest_wanted_picture(pictures: Callable, serve: Callable, true_time: SteadyTime, codec: str):
    server = serve(pictures(replace(SMALL, codec=codec)))
    with watched(server.address, true_time) as camera:
        first = camera.newest(timeout_s=20)
        assert first is not None
        asked: list[PictureNote] = []

        def every_tenth(note: PictureNote) -> bool:
            asked.append(note)
            return note.seq % 10 == 0

        got = [camera.newest(timeout_s=5, wants=every_tenth) for _ in range(4)]
        status = camera.status()
    assert all(frame is not None and frame.seq % 10 == 0 for frame in got)
    # Asked of each once, in order, from the one after the first.
    assert [note.seq for note in asked] == list(range(first.seq + 1, asked[-1].seq + 1))
    base = (rtsp.number_of(first.image) - first.seq) % SMALL.frames
    for frame in got:
        assert frame is not None
        note = next(note for note in asked if note.seq == frame.seq)
        assert (frame.captured_at, frame.monotonic_s) == (note.captured_at, note.monotonic_s)
        assert frame.captured_at == true_time.at(frame.monotonic_s)
        assert rtsp.number_of(frame.image) == (base + frame.seq) % SMALL.frames
        assert frame.image.shape == (240, 320, 3)
        assert frame.frame_id == f"front:{frame.seq}"
    assert status.state is CameraState.LIVE
    assert (status.codec, status.size_px, status.connections, status.trouble) == (codec, (320, 240), 1, "")
    assert status.frame_age_s is not None
    assert status.frame_age_s < 2.0


def test_a_late_caller_gets_what_is_new(pictures: Callable, serve: Callable, true_time: SteadyTime):
    server = serve(pictures(SMALL))
    with watched(server.address, true_time) as camera:
        first = camera.newest(timeout_s=20)
        assert first is not None
        time.sleep(1.0)
        told = camera.status().pictures
        late = camera.newest(timeout_s=1)
        again = camera.newest(timeout_s=1)
        assert camera.newest(timeout_s=0.1, wants=lambda _note: False) is None
    assert late is not None
    assert again is not None
    assert first.seq + 15 < told - 1 <= late.seq < again.seq


def test_size_changes_on_the_way(pictures: Callable, serve: Callable, true_time: SteadyTime, tmp_path: Path):
    """In the stream itself: a camera whose settings somebody changes."""
    larger = replace(SMALL, width_px=480, height_px=272)
    units = rtsp.read_pictures(pictures(SMALL))[:50] + rtsp.read_pictures(pictures(larger))[:50]
    server = serve(rtsp.write_pictures(tmp_path / "both", "h264", 25, units))
    with watched(server.address, true_time) as camera:
        seen: dict[tuple[int, ...], list[int]] = {}
        ends_s = time.monotonic() + 8
        while time.monotonic() < ends_s and len(seen) < 2:
            frame = camera.newest(timeout_s=5)
            assert frame is not None
            seen.setdefault(frame.image.shape, []).append(rtsp.number_of(frame.image))
        assert set(seen) == {(240, 320, 3), (272, 480, 3)}
        time.sleep(0.5)
        clip = camera.clip(true_time.now(), before_s=3, after_s=0, folder=tmp_path)
    assert clip is not None
    with av.open(str(clip.path)) as file:
        sizes = {(picture.width, picture.height) for picture in file.decode(video=0)}
    assert sizes == {(clip.width_px, clip.height_px)}


def test_a_clip_is_what_was_seen(pictures: Callable, serve: Callable, true_time: SteadyTime, tmp_path: Path):
    server = serve(pictures(SMALL))
    with watched(server.address, true_time) as camera:
        frame = None
        while frame is None or frame.seq < 40:
            frame = camera.newest(timeout_s=20)
        time.sleep(0.6)
        clip = camera.clip(frame.captured_at, before_s=1.0, after_s=0.4, folder=tmp_path)
        assert camera.clip(frame.captured_at - timedelta(minutes=1), before_s=1, after_s=1, folder=tmp_path) is None
        # It survives its server, and the child with it.
        server.kill()
        wait_for(camera, CameraState.AWAY, 10)
        after = camera.clip(frame.captured_at, before_s=1.0, after_s=0.4, folder=tmp_path)
    assert clip is not None
    assert after is not None
    assert clip.path.read_bytes() == after.path.read_bytes()
    assert (clip.width_px, clip.height_px) == (320, 240)
    assert clip.begins_at <= frame.captured_at - timedelta(seconds=1.0)
    asked_s = 1.4
    assert (
        asked_s - 0.1 <= (clip.ends_at - clip.begins_at).total_seconds() <= asked_s + SMALL.key_every / SMALL.rate + 0.2
    )
    with av.open(str(clip.path)) as file:
        shown = list(file.decode(video=0))
        duration_s = float(file.duration or 0) / av.time_base
    numbers = [rtsp.number_of(picture.to_ndarray(format="bgr24")) for picture in shown]
    assert shown[0].key_frame
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert numbers[0] % SMALL.key_every == 0
    assert rtsp.number_of(frame.image) in numbers[20:-5]
    assert duration_s == pytest.approx(len(numbers) / SMALL.rate, abs=0.1)
    capture = cv2.VideoCapture(str(clip.path))
    assert int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) == len(numbers)
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(SMALL.rate, abs=1.0)
    read, image = capture.read()
    assert read
    assert rtsp.number_of(image) == numbers[0]
    capture.release()


def test_the_server_is_killed_and_comes_back_with_another_size(
    pictures: Callable, serve: Callable, true_time: SteadyTime
):
    server = serve(pictures(SMALL))
    with watched(server.address, true_time) as camera:
        first = camera.newest(timeout_s=20)
        assert first is not None
        server.kill()
        status = wait_for(camera, CameraState.AWAY, 10)
        assert status.trouble in {
            "the camera ended the stream",
            "the camera cut the connection",
            "the camera ended the connection",
        }
        serve(pictures(replace(SMALL, width_px=480, height_px=272)), port=server.port)
        wait_for(camera, CameraState.LIVE, 10)
        frame = camera.newest(timeout_s=10)
        assert frame is not None
        assert frame.image.shape == (272, 480, 3)
        # Numbers go on over the reconnection.
        assert frame.seq > first.seq
        status = camera.status()
    assert (status.size_px, status.trouble) == ((480, 272), "")
    assert status.connections >= 2


def test_a_frozen_server_is_noticed_and_its_child_replaced(pictures: Callable, serve: Callable, true_time: SteadyTime):
    server = serve(pictures(SMALL))
    with watched(server.address, true_time, stall_s=1.0) as camera:
        assert camera.newest(timeout_s=20) is not None
        (child,) = rtsp.decoder_pids()
        server.freeze()
        frozen_s = time.monotonic()
        status = wait_for(camera, CameraState.STALLED, 10)
        assert 0.9 <= time.monotonic() - frozen_s < 3.0
        assert status.trouble == "nothing came for 1 s: the camera or its network hangs"
        assert status.frame_age_s is not None
        assert status.frame_age_s >= 1.0
        assert camera.newest(timeout_s=0.2) is None
        server.thaw()
        wait_for(camera, CameraState.LIVE, 20)
        assert camera.newest(timeout_s=10) is not None
        assert rtsp.decoder_pids() != {child}


def test_the_password(pictures: Callable, serve: Callable, true_time: SteadyTime):
    server = serve(pictures(SMALL), credentials=f"rider:{PASSWORD}")
    with watched(server.address, true_time, credentials=f"rider:{PASSWORD}") as camera:
        frame = camera.newest(timeout_s=20)
        assert frame is not None
        (child,) = rtsp.decoder_pids()
        for file in ("cmdline", "environ"):
            assert b"rider" not in Path(f"/proc/{child}/{file}").read_bytes()
        assert "rider" not in repr((frame, camera.status()))
    for credentials, trouble in [
        ("rider:wrong", "the camera refuses the user or password (401)"),
        (None, "the camera refuses the user or password (401)"),
    ]:
        with watched(server.address, true_time, credentials=credentials) as camera:
            status = wait_for(camera, CameraState.AWAY, 10)
            assert status.trouble == trouble
            # A quick retry would lock the user out.
            time.sleep(1.0)
            assert camera.status().connections == 1


@contextmanager
def peer(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Somebody at the camera's address who is none."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve_all() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(5)
                    try:
                        answer(connection)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve_all)
        thread.start()
        try:
            yield f"rtsp://127.0.0.1:{server.getsockname()[1]}/street"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def garbage(connection: socket.socket) -> None:
    connection.sendall(os.urandom(100_000))


def hangs_up(connection: socket.socket) -> None:
    connection.recv(1)


def sends_elsewhere(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"RTSP/1.0 302 Moved\r\nCSeq: 1\r\nLocation: http://127.0.0.1:9/x\r\n\r\n")


def has_no_such_stream(connection: socket.socket) -> None:
    for number in (1, 2):
        connection.recv(4096)
        status = b"200 OK" if number == 1 else b"404 Not Found"
        connection.sendall(b"RTSP/1.0 " + status + b"\r\nCSeq: %d\r\n\r\n" % number)


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (garbage, ""),
        (hangs_up, ""),
        (sends_elsewhere, ""),
        (has_no_such_stream, "the camera has no such stream (404): check the path of its address"),
    ],
)
def test_strangers(true_time: SteadyTime, answer: Callable[[socket.socket], None], trouble: str):
    with peer(answer) as address, watched(address, true_time, credentials="rider:geheim") as camera:
        status = wait_for(camera, CameraState.AWAY, 10)
        assert status.trouble
        assert trouble in status.trouble
        assert "geheim" not in status.trouble
        assert camera.newest(timeout_s=0.05) is None


def test_an_encrypted_connection(true_time: SteadyTime, tmp_path: Path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path / "camera.pem"))

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as encrypted:
            has_no_such_stream(encrypted)

    with peer(answer) as address, watched(address.replace("rtsp:", "rtsps:"), true_time) as camera:
        assert wait_for(camera, CameraState.AWAY, 10).trouble.startswith("the camera has no such stream (404)")


def self_signed(path: Path) -> Path:
    """A key and its certificate, as cameras make them for themselves."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "camera")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1)
    )
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(pem + key.private_bytes(serialization.Encoding.PEM, pkcs8, plain))
    return path


def test_nobody_there(true_time: SteadyTime):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with watched(f"rtsp://127.0.0.1:{port}/s", true_time) as camera:
        assert wait_for(camera, CameraState.AWAY, 10).trouble == "nothing listens at the camera's port"
    with watched("/dev/video99", true_time) as camera:
        assert wait_for(camera, CameraState.AWAY, 10).trouble == "no such device: is the camera plugged in?"


def test_a_crashed_decoder_is_replaced(pictures: Callable, serve: Callable, true_time: SteadyTime):
    server = serve(pictures(SMALL))
    with watched(server.address, true_time) as camera:
        assert camera.newest(timeout_s=20) is not None
        (child,) = rtsp.decoder_pids()
        os.kill(child, signal.SIGSEGV)
        assert wait_for(camera, CameraState.AWAY, 10).trouble == "its decoder crashed (SIGSEGV)"
        wait_for(camera, CameraState.LIVE, 10)
        assert camera.newest(timeout_s=10) is not None


def test_a_file_as_a_camera(true_time: SteadyTime, bikes_clip: Path, tmp_path: Path):
    address = parse_address(f"file://{bikes_clip}?loop", allow_files=True)
    with watched(address, true_time) as camera:
        begun_s = time.monotonic()
        frames = [camera.newest(timeout_s=20) for _ in range(20)]
        assert all(frames)
        time.sleep(0.5)
        lasted_s = time.monotonic() - begun_s
        assert camera.status().pictures < 30 * (lasted_s + 1)
        clip = camera.clip(true_time.now(), before_s=5, after_s=0, folder=tmp_path)
    assert clip is not None
    with av.open(str(clip.path)) as file:
        assert len(list(file.decode(video=0))) > 10


def test_pictures_as_usb_cameras_send_them(true_time: SteadyTime, tmp_path: Path):
    """Motion JPEG from a file: no USB camera is at hand where the tests run."""
    path = tmp_path / "usb.avi"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuvj422p"
        for count in range(75):
            picture = av.VideoFrame.from_ndarray(rtsp.numbered(SMALL, count), format="rgb24")
            file.mux(stream.encode(picture.reformat(format="yuvj422p")))
        file.mux(stream.encode(None))
    with watched(parse_address(f"file://{path}?loop", allow_files=True), true_time) as camera:
        frame = None
        while frame is None or frame.seq < 30:
            frame = camera.newest(timeout_s=20)
        assert rtsp.number_of(frame.image) == frame.seq
        clip = camera.clip(frame.captured_at, before_s=0.4, after_s=0, folder=tmp_path)
        status = camera.status()
    assert status.codec == "mjpeg"
    assert clip is not None
    with av.open(str(clip.path)) as file:
        numbers = [rtsp.number_of(picture.to_ndarray(format="bgr24")) for picture in file.decode(video=0)]
    # Every picture is a key frame: the clip begins where it was asked to.
    assert 10 <= len(numbers) <= 12
    assert numbers[-1] == frame.seq


def test_pictures_too_large_for_the_box(pictures: Callable, serve: Callable, true_time: SteadyTime):
    server = serve(pictures(rtsp.Stream("h264", 4224, 4096, rate=5, frames=1, key_every=1)))
    with watched(server.address, true_time) as camera:
        trouble = "its pictures have 4224 x 4096 px; the limit is 16.8 megapixels"
        assert wait_for(camera, CameraState.AWAY, 20).trouble == trouble


def test_closed(true_time: SteadyTime):
    camera = open_camera("/dev/video99", "front", credentials=None, time=true_time)
    camera.close()
    camera.close()
    with pytest.raises(SourceUnreadableError, match="camera front is closed"):
        camera.newest(timeout_s=1)
    assert camera.status().state is CameraState.AWAY


def test_a_device_takes_no_password(true_time: SteadyTime):
    with pytest.raises(SourceUnreadableError, match="/dev/video0 takes no user or password"):
        open_camera("/dev/video0", "front", credentials=SecretStr("a:b"), time=true_time)


def test_no_child_outlives_a_killed_parent(pictures: Callable, serve: Callable, tmp_path: Path):
    server = serve(pictures(SMALL))
    program = (
        "import sys, time\n"
        "from tests.edge.sources.live.conftest import SteadyTime\n"
        "from edge.sources.live.camera import open_camera\n"
        "camera = open_camera(sys.argv[1], 'front', credentials=None, time=SteadyTime())\n"
        "assert camera.newest(timeout_s=20) is not None\n"
        "from benchmarks import rtsp\n"
        "print(*rtsp.decoder_pids(), flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, server.address], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[3] == b"edge.sources.live.child"
        parent.kill()
    ends_s = time.monotonic() + 5
    while (stat := Path(f"/proc/{child}/stat")).exists() and stat.read_text().split()[2] != "Z":
        assert time.monotonic() < ends_s, "the child is still there"
        time.sleep(0.02)
