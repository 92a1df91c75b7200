"""`kerbwatch outbox`: what waits on a box, what is wrong with it, letting go what was held; while the box runs, too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape

from detector.errors import InputError
from detector.evidence.seal import read_sealed
from detector.vocabulary import Text
from edge.outbox import Outbox
from edge.parcels import KeptReport, ReportState

app = typer.Typer(
    help="What a box has to send: list, show, let go what was held. 发件箱",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

State = Annotated[Path, typer.Argument(help="The box's state folder, `state` in box.yaml. 状态目录")]

WORDS: Final = {
    ReportState.QUEUED: Text("待上传", "waiting"),
    ReportState.SENT: Text("证据上传中", "evidence under way"),
    ReportState.STORED: Text("服务器已存", "stored at the server"),
    ReportState.CONFLICT: Text("与服务器不一致", "the server has another one"),
    ReportState.REFUSED: Text("服务器拒收", "refused by the server"),
}


class Held(StrEnum):
    """What may be let go."""

    HELD = "held"
    CONFLICT = "conflict"
    REFUSED = "refused"


@app.command("list")
def list_waiting(
    state: State,
    everything: Annotated[bool, typer.Option("--all", help="Those that are stored too. 包括已存")] = False,
) -> None:
    """List what waits, and how much in all. 列出"""
    console = Console(soft_wrap=True)
    sizes: Counter[ReportState] = Counter()
    with Outbox.open(state, alone=False) as outbox:
        for report in outbox.reports():
            sizes[report.state] += _bytes_here(report)
            if everything or report.state is not ReportState.STORED:
                console.print(_line(report), highlight=False)
        counts = outbox.counts()
    for one, words in WORDS.items():
        console.print(f"{words.both()}: {getattr(counts, one.value)} ({sizes[one] / 1e6:.1f} MB)", highlight=False)
    console.print(
        f"文件 · files: 待传 · waiting {counts.files_waiting} ({counts.bytes_waiting / 1e6:.1f} MB), "
        f"搁置 · held {counts.files_held}, 已放弃 · given up {counts.files_given_up}",
        highlight=False,
    )


@app.command()
def show(
    state: State, report: Annotated[str, typer.Argument(help="Report id, or its first characters. 报告编号")]
) -> None:
    """Everything the outbox knows of a report. 详情"""
    console = Console(soft_wrap=True)
    with Outbox.open(state, alone=False) as outbox:
        found = list(_like(outbox, report))
    for one in found:
        console.print(_line(one), highlight=False)
        body = read_sealed(one.sealed).body
        console.print(
            escape(f"  {body.captured_at:%F %T} UTC, {body.camera_id}, {body.kind}, {body.outcome}"), highlight=False
        )
        if one.case_url:
            console.print(escape(f"  {one.case_url}"), highlight=False)
        names = {path.stem: path for path in one.files}
        for item in body.evidence:
            there = names[item.sha256].exists()
            words = "在 · here" if there else "已不在本机 · no longer here"
            console.print(f"  {item.role:10} {item.size_bytes:>9} B  {item.sha256}  {words}", highlight=False)


@app.command()
def troubles(state: State) -> None:
    """What a person has to see to, one line each; exit code 1 when there is something. 需处理"""
    with Outbox.open(state, alone=False) as outbox:
        lines = outbox.troubles()
    for line in lines:
        typer.echo(line)
    if lines:
        raise typer.Exit(1)
    typer.echo("无 · nothing")


@app.command()
def release(
    state: State,
    what: Annotated[Held, typer.Option(help="Files held, or reports in conflict or refused. 放行哪些")] = Held.HELD,
) -> None:
    """Let what was kept for a person be tried again, after he saw to it. 放行"""
    with Outbox.open(state, alone=False) as outbox:
        count = outbox.release(what.value)
    typer.echo(f"已放行 · released: {count}")


def _like(outbox: Outbox, start: str) -> Iterator[KeptReport]:
    found = [report for report in outbox.reports() if str(report.report_id).startswith(start.lower())]
    if not found:
        raise InputError(f"no report here begins with {start!r}: see kerbwatch outbox list --all")
    return iter(found)


def _line(report: KeptReport) -> str:
    trouble = f" – {report.last_error}" if report.last_error else ""
    words, size_mb = WORDS[report.state].both(), _bytes_here(report) / 1e6
    return escape(f"{report.report_id} {size_mb:7.2f} MB  {words}{trouble}")


def _bytes_here(report: KeptReport) -> int:
    """Of the report's files, those that are still here; a running box may drop one at any moment."""
    total = 0
    for path in report.files:
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total
