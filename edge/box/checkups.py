"""The checks of `kerbwatch box doctor`. What is heavy is loaded by the check that needs it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from detector.errors import KerbwatchError
from detector.vocabulary import Text
from edge.box.doctor import Check, Level, Line, said
from edge.box.settings import BoxSettings, CameraSettings
from edge.box.unit import NAME

_CAMERA_S: Final = 12.0
_FIX_S: Final = 8.0
_FSYNC_SLOW_S: Final = 0.2
_FSYNCS: Final = 5
_MEMORY_MIN_BYTES: Final = 512 * 1024**2
_OFF_S: Final = 5.0


def site(settings: BoxSettings, _model: Path | None) -> Iterator[Line]:
    """The site loads, and knows every camera."""
    from detector.site.load import load_site

    name = Text("场地", "site")
    loaded = load_site(settings.site)
    for camera in settings.cameras:
        loaded.camera(camera.camera_id)
    zone = str(loaded.timezone)
    yield said(
        name, Level.OK, f"{len(loaded.zones)} 个区域，时区 {zone}", f"{len(loaded.zones)} zones, time zone {zone}"
    )


def model(settings: BoxSettings, shipped: Path | None) -> Iterator[Line]:
    """The signature holds, and the back end reproduces the golden picture."""
    from edge.box.parts import open_model, open_privacy

    name = Text("模型", "model")
    detector = open_model(settings, shipped)
    card = detector.bundle.card
    yield said(name, Level.OK, f"{card.name}，签名和自检通过", f"{card.name}, signature and golden picture hold")
    privacy = open_privacy(settings, detector)
    faces = ", ".join(finder.name for finder in privacy.faces)
    blur = Text("人脸模糊", "blurring people")
    if faces:
        yield said(blur, Level.OK, f"人头框 + {faces}", f"person boxes + {faces}")
    else:
        fix = Text("安装人脸模型，见 docs/privacy.md", "install a face model, see docs/privacy.md")
        yield said(blur, Level.WARNING, "仅按人头框模糊", "by person boxes alone", fix)


def cameras(settings: BoxSettings, _model: Path | None, *, allow_files: bool = False) -> Iterator[Line]:
    """Every camera opens and gives a picture of the right shape; with `allow_files` a recording may stand for it."""
    from detector.site.load import load_site

    loaded = load_site(settings.site)
    for camera in settings.cameras:
        yield _camera(camera, loaded.camera(camera.camera_id), allow_files=allow_files)


def _camera(settings: CameraSettings, pose: object, *, allow_files: bool) -> Line:
    from detector.geo.camera import image_px, same_shape
    from edge.box_time import BoxTime
    from edge.sources.live.address import parse_address
    from edge.sources.live.camera import open_camera
    from edge.sources.live.credentials import read_credentials

    name = Text(f"摄像头 {settings.camera_id}", f"camera {settings.camera_id}")
    secret = read_credentials(settings.credentials_file) if settings.credentials_file else None
    address = parse_address(settings.address, allow_files=allow_files)
    camera = open_camera(address, settings.camera_id, credentials=secret, time=BoxTime(), ring_bytes=0)
    try:
        began_s = time.monotonic()
        frame = camera.newest(timeout_s=_CAMERA_S)
        took_s, status = time.monotonic() - began_s, camera.status()
    finally:
        camera.close()
    if frame is None:
        fix = Text("检查电源、网线、地址和密码文件", "check power, cable, address and the file of its password")
        return said(name, Level.BAD, "没有画面", f"no picture: {status.trouble or 'no answer'}", fix)
    height_px, width_px = frame.image.shape[:2]
    expected = image_px(pose)  # type: ignore[arg-type]
    if not same_shape(expected, (width_px, height_px)):
        fix = Text("改正 cameras.yaml 的 image_px 或摄像头设置", "mend image_px in cameras.yaml, or set the camera")
        said_px = f"{width_px} x {height_px} px, the site says {expected[0]} x {expected[1]}"
        return said(name, Level.BAD, "画面形状不符", said_px, fix)
    found = f"{width_px} x {height_px} px {status.codec}, {took_s:.1f} s"
    return said(name, Level.OK, found, found)


def receiver(settings: BoxSettings, _model: Path | None) -> Iterator[Line]:
    """The receiver speaks and has a fix."""
    from edge.box_time import BoxTime
    from edge.gnss.live import LiveReceiver

    name = Text("定位", "receiver")
    if settings.gnss is None:
        yield said(name, Level.OK, "未安装", "none")
        return
    with LiveReceiver(settings.gnss, BoxTime()) as live:
        until_s = time.monotonic() + _FIX_S
        while (health := live.health()).state != "fix" and time.monotonic() < until_s:
            time.sleep(0.1)
    if health.state == "fix":
        says = f"±{health.sigma_m or 0:.1f} m {health.quality}"
        yield said(name, Level.OK, says, says)
    elif health.state == "no_fix":
        fix = Text("把天线移到露天处", "bring the antenna under open sky")
        yield said(name, Level.WARNING, "无定位", f"no fix {health.trouble}".strip(), fix)
    else:
        fix = Text("检查插头、串口、波特率，或 gpsd 是否运行", "check plug, port and baud rate, or whether gpsd runs")
        yield said(name, Level.BAD, "没有数据", f"silent {health.trouble}".strip(), fix)


def disk(settings: BoxSettings, _model: Path | None) -> Iterator[Line]:
    """Room, speed of a durable write, and who may read the state folder."""
    name, folder = Text("磁盘", "disk"), settings.state
    if not folder.is_dir():
        fix = Text("首次运行时自动建立", "it is made at the first run")
        yield said(name, Level.WARNING, f"还没有 {folder}", f"there is no {folder} yet", fix)
        return
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o077:
        fix = Text(f"运行 chmod 700 {folder}", f"run chmod 700 {folder}")
        yield said(Text("权限", "permissions"), Level.BAD, "他人可读状态目录", f"others may enter it ({mode:04o})", fix)
    usage = shutil.disk_usage(folder)
    free = f"{usage.free / 1024**3:.1f} / {usage.total / 1024**3:.1f} GB"
    low = usage.free < 4 * settings.evidence.disk_reserve_bytes
    fix = Text("上传或清理，或换更大的卡", "send what waits, make room, or fit a larger card") if low else None
    yield said(name, Level.WARNING if low else Level.OK, f"剩余 {free}", f"free {free}", fix)
    took_s = _fsync_s(folder)
    slow = took_s > _FSYNC_SLOW_S
    fix = Text("换工业级存储卡或 SSD", "use an industrial card or an SSD") if slow else None
    speed = f"{1000 * took_s:.0f} ms"
    level = Level.WARNING if slow else Level.OK
    yield said(Text("写盘", "durable write"), level, f"落盘 {speed}", f"fsync takes {speed}", fix)


def _fsync_s(folder: Path) -> float:
    """The slowest of a few."""
    worst_s = 0.0
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".tmp-doctor-") as file:
        for _ in range(_FSYNCS):
            file.write(b"x" * 4096)
            file.flush()
            began_s = time.monotonic()
            os.fsync(file.fileno())
            worst_s = max(worst_s, time.monotonic() - began_s)
    return worst_s


def outbox(settings: BoxSettings, _model: Path | None) -> Iterator[Line]:
    """What waits, and what a person must see to."""
    from edge.outbox import DATABASE_FILE, Outbox

    name = Text("待传", "outbox")
    if not (settings.state / DATABASE_FILE).exists():
        yield said(name, Level.OK, "还没有报告", "none yet")
        return
    with Outbox.open(settings.state, alone=False) as box:
        counts, troubles = box.counts(), box.troubles()
    yield said(
        name,
        Level.OK,
        f"待传报告 {counts.waiting}，文件 {counts.files_waiting}，已存 {counts.stored}",
        f"{counts.waiting} reports and {counts.files_waiting} files wait, {counts.stored} are stored",
    )
    if troubles:
        fix = Text("查看 kerbwatch outbox", "see kerbwatch outbox")
        yield said(name, Level.WARNING, f"{len(troubles)} 项需要处理", troubles[0], fix)


def server(settings: BoxSettings, _model: Path | None) -> Iterator[Line]:
    """The server answers, knows this device, and its clock agrees."""
    from edge.server_clock import ServerClock
    from edge.uplink.enrol import connect
    from edge.uplink.route import interface_to, is_metered
    from edge.wire import NotEnrolled

    name = Text("服务器", "server")
    if settings.uplink is None:
        yield said(name, Level.OK, "未设置", "none")
        return
    interface = interface_to(settings.uplink.server)
    metered = is_metered(settings.uplink, interface)
    way = interface or "?"
    zh, en = f"经 {way}，{'计费' if metered else '不计费'}", f"by {way}, {'metered' if metered else 'not metered'}"
    yield said(Text("链路", "link"), Level.OK if interface else Level.WARNING, zh, en)
    clock = ServerClock()
    try:
        with connect(settings.state, settings.uplink.server, clock=clock) as client:
            client.request("GET", client.url(f"/api/v1/reports/{uuid.uuid4()}"))
    except NotEnrolled as error:
        fix = Text("运行 kerbwatch box enrol", "run kerbwatch box enrol")
        yield said(name, Level.BAD, "未注册或令牌失效", str(error), fix)
        return
    except KerbwatchError as error:
        fix = Text("检查 SIM 卡、流量、天线和地址", "check SIM, plan, antenna and address")
        yield said(name, Level.BAD, "连不上", str(error), fix)
        return
    yield said(name, Level.OK, "可达，令牌有效", "answers, and knows this device")
    best = clock.best()
    if best is not None:
        offset_s = best[0]
        off = abs(offset_s) > _OFF_S
        fix = Text("打开时间同步", "turn on time synchronisation") if off else None
        says = f"{-offset_s:+.1f} s"
        yield said(Text("时钟", "clock"), Level.WARNING if off else Level.OK, f"偏差 {says}", f"off by {says}", fix)


def machine(_settings: BoxSettings, _model: Path | None) -> Iterator[Line]:
    """Time, memory, processor, heat."""
    from edge.alarms.heat import read_heat

    now = datetime.now(UTC)
    set_ = now.year >= 2025
    fix = None if set_ else Text("等待定位或连上服务器", "wait for a fix, or reach the server")
    told = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    yield said(Text("时间", "time"), Level.OK if set_ else Level.WARNING, told, told, fix)
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    low = free < _MEMORY_MIN_BYTES
    fix = Text("关闭其他程序", "end other programs") if low else None
    says = f"{free / 1024**2:.0f} MB, {os.cpu_count()} CPU"
    yield said(Text("内存", "memory"), Level.WARNING if low else Level.OK, f"可用 {says}", f"free {says}", fix)
    heat = read_heat()
    if heat.hottest_deg_c is not None:
        hot = heat.hottest_deg_c > 85
        says = f"{heat.hottest_deg_c:.0f} °C"
        fix = Text("改善散热", "cool the box") if hot else None
        yield said(Text("温度", "heat"), Level.WARNING if hot else Level.OK, says, says, fix)


def service(_settings: BoxSettings, _model: Path | None) -> Iterator[Line]:
    """Whether systemd looks after the box."""
    name = Text("系统服务", "service")
    fix = Text(
        f"运行 kerbwatch box unit box.yaml > /etc/systemd/system/{NAME}",
        f"run kerbwatch box unit box.yaml > /etc/systemd/system/{NAME}",
    )
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        yield said(name, Level.WARNING, "没有 systemd", "no systemd here: nobody restarts the box")
        return
    asked = subprocess.run(
        [systemctl, "is-enabled", NAME],
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
        stdin=subprocess.DEVNULL,
    )
    if asked.stdout.strip() == "enabled":
        yield said(name, Level.OK, "已启用", "enabled")
    else:
        yield said(
            name, Level.WARNING, "未启用，断电后不会自动运行", "not enabled: the box does not start by itself", fix
        )


def checks(*, allow_files: bool = False) -> tuple[Check, ...]:
    """All of them, in the order in which a keeper mends them."""
    return (
        Check(Text("场地", "site"), site),
        Check(Text("模型", "model"), model),
        Check(Text("摄像头", "camera"), partial(cameras, allow_files=allow_files)),
        Check(Text("定位", "receiver"), receiver),
        Check(Text("磁盘", "disk"), disk),
        Check(Text("待传", "outbox"), outbox),
        Check(Text("服务器", "server"), server),
        Check(Text("本机", "machine"), machine),
        Check(Text("系统服务", "service"), service),
    )
