"""What the user sees at the end of a patrol, in both languages."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from detector.vocabulary import vocabulary
from edge.registered import Registered
from edge.result import PatrolResult, ReportLine

_OUTCOMES = {"violation": "违规 · violation", "unsure": "待人工判断 · unsure"}


def print_result(console: Console, result: PatrolResult) -> None:
    """Print reports, look-alikes and warnings."""
    if result.reports:
        console.print(f"报告 · Reports ({len(result.reports)})", highlight=False)
        for report in result.reports:
            print_report(console, report)
    else:
        console.print("[bold]0 起问题 · 0 cases[/]")
    console.print(look_alikes_text(result), markup=False)
    if result.registered.of:
        console.print(registered_text(result.registered), highlight=False)
    console.print(_looked_text(result), highlight=False)
    console.print(_pace_text(result), highlight=False)
    if result.waiting:
        console.print(
            f"[yellow]{result.waiting} 份报告待上传，已安全保存；再次运行同一命令即可续传 · "
            f"{result.waiting} reports wait for the server; they are safe, run the same command again to go on[/]"
        )
    for warning in result.warnings:
        console.print(f"[yellow]注意 · note:[/] {escape(warning)}")
    if result.interrupted:
        console.print(
            "[yellow]已中断；再次运行同一命令即从头核对，不会重复上报 · "
            "stopped; run the same command again, nothing is reported twice[/]"
        )


def look_alikes_text(result: PatrolResult) -> str:
    """Legal look-alikes by name, most frequent first: ``ridden bike 2, moving vehicle 14``."""
    if not result.look_alikes:
        return "非违规 · look-alikes: 无 · none"
    names = vocabulary().look_alikes
    ordered = sorted(result.look_alikes.items(), key=lambda entry: (-entry[1], entry[0]))
    zh = "，".join(f"{names[name].zh} {seen}" for name, seen in ordered)
    en = ", ".join(f"{names[name].en} {seen}" for name, seen in ordered)
    return f"非违规 · look-alikes: {zh} · {en}"


def print_report(console: Console, report: ReportLine, *, sightings: int | None = None) -> None:
    """Print one report as a block: a line of text wraps on a narrow terminal, a table's cells would be cut."""
    kind = report.kind_text + (f" x {report.count}" if report.count > 1 else "")
    seen = "" if sightings is None else f"  {sightings} 次目击 · {'sighting' if sightings == 1 else 'sightings'}"
    console.print(f"[bold]{kind}[/]  {_OUTCOMES[report.outcome]}  P {report.probability:.2f}{seen}", highlight=False)
    where = escape(report.case_url or report.path or report.report_id)
    console.print(f"  [link]{where}[/link]" if "://" in where else f"  {where}", soft_wrap=True, highlight=False)
    console.print(f"  {_place_text(report)}", highlight=False)
    for reason in report.reasons:
        console.print(f"  - {escape(reason.zh)}", highlight=False)
        console.print(f"    {escape(reason.en)}", highlight=False)


def _place_text(report: ReportLine) -> str:
    place = report.place
    if place is None:
        return "位置未知 · place unknown"
    made_up = "  虚拟位置 · synthetic position" if place.synthetic else ""
    moved = "" if place.moved_m is None else f", 已对图平移 · moved onto the map {place.moved_m:.1f} m"
    return (
        f"{place.lon_deg:.6f}, {place.lat_deg:.6f}  σ 自身 · own {place.sigma_own_m:.2f} m, "
        f"整趟 · pass {place.sigma_pass_m:.2f} m{moved}{made_up}"
    )


def registered_text(registered: Registered) -> str:
    """How many places were moved onto the map, and by how much."""
    told = f"位置对图 · places registered to the map: {registered.places}/{registered.of}"
    if registered.median_shift_m is None:
        return told
    return f"{told}, 中位平移 · median shift {registered.median_shift_m:.1f} m"


def _looked_text(result: PatrolResult) -> str:
    """How much was looked at, so that no cases means looked and found none."""
    looked = result.looked
    if looked is None:
        return "覆盖记录已关闭 · coverage log switched off by the site"
    if looked.standing_h > 0.0:
        minutes = f"{60.0 * looked.standing_h:.1f} min"
        return f"固定摄像头清晰观察 {minutes} · standing camera, well seen for {minutes}"
    if looked.looks == 0:
        return "没有可确定位置的地面被观察到 · no ground was looked at whose place is known"
    rate = result.reports_per_km
    zh = "" if rate is None else f"，每公里 {rate:.1f} 份报告"
    en = "" if rate is None else f", {rate:.1f} reports per km"
    return (
        f"巡查 {looked.way_km:.2f} km，其中清晰 {looked.good_km:.2f} km{zh} · "
        f"looked at {looked.way_km:.2f} km, well seen {looked.good_km:.2f} km{en}"
    )


def _pace_text(result: PatrolResult) -> str:
    rate = result.frames / result.wall_s if result.wall_s > 0 else 0.0
    return (
        f"{result.camera}: {result.frames} 帧 · pictures, {result.watched_s:.1f} s 画面 · watched, "
        f"{result.tracks} 个目标 · things; {result.wall_s:.1f} s, {rate:.1f} 帧/秒 · pictures/s"
    )
