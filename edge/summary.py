"""What the user sees at the end of a patrol, in both languages."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from detector.vocabulary import vocabulary
from edge.result import PatrolResult, ReportLine

_OUTCOMES = {"violation": "违规 · violation", "unsure": "待人工判断 · unsure"}


def print_result(console: Console, result: PatrolResult) -> None:
    """Print reports, look-alikes and warnings."""
    if result.reports:
        console.print(_table(result))
    else:
        console.print("[bold]0 起问题 · 0 cases[/]")
    console.print(look_alikes_text(result), markup=False)
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


def _table(result: PatrolResult) -> Table:
    table = Table(title=f"报告 · Reports ({len(result.reports)})", title_justify="left", show_lines=True)
    for heading in ("类别 · kind", "P", "位置 · place", "σ 自身/整趟 · own/pass", "理由 · reasons", "查看 · see"):
        table.add_column(heading, overflow="fold")
    for report in result.reports:
        table.add_row(*_row(report))
    return table


def _row(report: ReportLine) -> tuple[str, ...]:
    place = report.place
    if place is None:
        where, sigmas = "位置未知 · place unknown", "-"
    else:
        where = f"{place.lon_deg:.6f}, {place.lat_deg:.6f}"
        where += "\n虚拟位置 · synthetic position" if place.synthetic else ""
        sigmas = f"{place.sigma_own_m:.2f} / {place.sigma_pass_m:.2f} m"
    kind = report.kind_text + (f" x {report.count}" if report.count > 1 else "")
    return (
        f"{kind}\n{_OUTCOMES[report.outcome]}",
        f"{report.probability:.2f}",
        where,
        sigmas,
        escape("\n".join(f"{r.zh} · {r.en}" for r in report.reasons)),
        escape(report.case_url or report.path or report.report_id),
    )


def _pace_text(result: PatrolResult) -> str:
    rate = result.frames / result.wall_s if result.wall_s > 0 else 0.0
    return (
        f"{result.camera}: {result.frames} 帧 · pictures, {result.watched_s:.1f} s 画面 · watched, "
        f"{result.tracks} 个目标 · things; {result.wall_s:.1f} s, {rate:.1f} 帧/秒 · pictures/s"
    )
