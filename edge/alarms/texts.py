"""The words of every alarm: what is wrong, and what to do. ``{about}`` is the camera, ``{figure}`` how much."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from detector.vocabulary import Text

TEXTS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "camera_away": Text(
            "摄像头 {about} 连不上：检查电源、网线和地址。{figure}",
            "Camera {about} is away: check its power, cable and address. {figure}",
        ),
        "camera_stalled": Text(
            "摄像头 {about} 画面停住，正在重新连接；若不恢复，给摄像头断电重启。{figure}",
            "Camera {about} stands still and is opened again; if that does not help, switch it off and on. {figure}",
        ),
        "no_looks": Text(
            "摄像头 {about} 有画面，但已 {figure} 没有识别：重启终端；再发生请报修。",
            "Camera {about} gives pictures, none looked at for {figure}: restart the box; tell us if it recurs.",
        ),
        "not_judged": Text(
            "摄像头 {about} 的画面无法判断，不会有报告：请管理员处理。{figure}",
            "Pictures of camera {about} cannot be judged, nothing is reported: the keeper must mend it. {figure}",
        ),
        "no_receiver": Text(
            "车载摄像头 {about} 没有定位接收机，所有位置均未知：在 box.yaml 中设置 gnss。",
            "Camera {about} is on a vehicle without a receiver, so every place is unknown: set gnss in box.yaml.",
        ),
        "frame_old": Text(
            "摄像头 {about} 的画面迟到 {figure}：降低其码率或分辨率，检查无线链路；终端过载时减少查看次数。",
            "Pictures of camera {about} are {figure} late: lower its bit rate or size, check its radio link; a box "
            "that is too slow should look less often.",
        ),
        "gnss_no_fix": Text(
            "定位无固定解：把天线移到露天处，远离金属；没有位置时不出案件位置。{figure}",
            "No fix: bring the antenna under open sky, away from metal; without it reports have no place. {figure}",
        ),
        "gnss_silent": Text(
            "定位接收机没有数据：检查插头、串口和波特率。{figure}",
            "The receiver says nothing: check its plug, port and baud rate. {figure}",
        ),
        "disk_low": Text(
            "磁盘只剩 {figure}：尽快连上 Wi-Fi 上传，或换更大的存储卡。",
            "Only {figure} of disk left: join Wi-Fi soon so that it can send, or fit a larger card.",
        ),
        "disk_full": Text(
            "磁盘已满（剩 {figure}）：新报告存不下，立即连 Wi-Fi 上传或清理磁盘。",
            "The disk is full ({figure} left): new reports find no room; join Wi-Fi or make room now.",
        ),
        "store_trouble": Text(
            "存储出错：{figure}；备份后更换存储卡。",
            "Storage fails: {figure}; save what is there and change the card.",
        ),
        "originals_full": Text(
            "原始影像已占配额 {figure}：最旧的未确认原件将先删除；需要保留请尽快确认案件。",
            "Originals fill {figure} of their room: the oldest unconfirmed go first; confirm the cases that matter.",
        ),
        "outbox_growing": Text(
            "待传数据越积越多（{figure}）：链路太慢，到 Wi-Fi 处停一会儿或提高每日流量。",
            "More waits to be sent than goes out ({figure}): stop at Wi-Fi for a while, or raise the daily budget.",
        ),
        "outbox_stuck": Text(
            "服务器有应答，但 {figure} 没有报告入库：在终端运行 kerbwatch box doctor。",
            "The server answers, yet no report was stored for {figure}: run kerbwatch box doctor.",
        ),
        "outbox_held": Text(
            "{figure} 份报告或文件被服务器拒收，已留在本机：请管理员查看 kerbwatch outbox。",
            "{figure} reports or files were refused and are kept here: the keeper should see kerbwatch outbox.",
        ),
        "link_away": Text(
            "已 {figure} 连不上服务器：检查 SIM 卡、流量和天线；数据都在本机，不会丢。",
            "No word from the server for {figure}: check SIM, plan and antenna; all is kept here, nothing is lost.",
        ),
        "token_refused": Text(
            "服务器不认此设备：请管理员发新的注册码，重新注册；数据都在本机。",
            "The server refuses this device: ask for a new code and enrol again; everything is kept here.",
        ),
        "budget_spent": Text(
            "今日流量 {figure} 已用完：其余等 Wi-Fi 或明天再传。",
            "Today's {figure} are spent: the rest waits for Wi-Fi or tomorrow.",
        ),
        "clock_unset": Text(
            "时钟未设置：到露天等定位，或连上服务器；时间未知的画面不作证据。",
            "The clock is not set: wait under open sky for a fix, or reach the server; evidence needs a time.",
        ),
        "clock_off": Text(
            "本机时钟偏差 {figure}：打开时间同步（systemd-timesyncd 或 chrony），更换主板电池。",
            "The box's own clock is {figure} off: turn on timesyncd or chrony, change the clock's battery.",
        ),
        "pack_refused": Text(
            "服务器下发的包未被采用：{figure}", "A pack that the server offers is not taken: {figure}"
        ),
        "clock_trouble": Text("时钟：{figure}", "Clock: {figure}"),
        "cpu_hot": Text(
            "处理器 {figure}：移开遮挡，避免暴晒，清理散热口。",
            "Processor at {figure}: free its vents and keep it out of the sun.",
        ),
        "cpu_throttled": Text(
            "处理器过热降速：识别会变慢，改善散热。",
            "The processor slows itself down for heat and looks come late: cool the box.",
        ),
        "memory_growing": Text(
            "内存持续增长（{figure}）：下次停车时重启终端，并报告软件版本。",
            "Memory keeps growing ({figure}): restart the box at the next stop and report the software's version.",
        ),
        "lens_dirty": Text(
            "摄像头 {about} 镜头有污渍、水珠或被遮挡（{figure}）：停车后用软布擦净。",
            "Camera {about}: dirt, drops or a cover on the lens ({figure}): stop and wipe it with a soft cloth.",
        ),
        "mount_moved": Text(
            "摄像头 {about} 支架被碰歪（{figure}）：扶正拧紧，或重新标定 kerbwatch calibrate。",
            "Camera {about} was knocked ({figure}): set it straight and tighten it, or run kerbwatch calibrate.",
        ),
        "pack_rolled_back": Text(
            "新版本 {about} 未通过自检，已退回旧版：{figure}",
            "Pack {about} failed its checks and was rolled back: {figure}",
        ),
    }
)
