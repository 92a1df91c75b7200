"""`kerbwatch originals`: the keeper's look at the unblurred originals on a box. 原件"""

from __future__ import annotations

import getpass
import os
import shutil
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape

from detector.errors import InputError, SealError
from edge.durable import explain
from edge.true_time import Told
from edge.vault.check import check_vault
from edge.vault.keys import KeyFile
from edge.vault.limits import KeptOriginal, VaultLimits
from edge.vault.retention import Retention
from edge.vault.vault import VAULT_DIR, Vault

app = typer.Typer(
    help="Unblurred originals on a box: encrypted, looked at on record, deleted in time. 原件",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

State = Annotated[Path, typer.Argument(help="The box's state folder, `state` in box.yaml. 状态目录")]
Key = Annotated[Path | None, typer.Option("--key", help="The vault's key file, if it lies elsewhere. 密钥文件")]
Report = Annotated[str, typer.Argument(help="Report id, or its first characters. 报告编号")]
_MARKS: Final = {"kept": "[green]●[/]", "deleted": "[dim]○[/]", "lost": "[red]✗[/]"}
_WORDS: Final = {"kept": "保存 · kept", "deleted": "已删除 · deleted", "lost": "丢失 · lost"}


@app.command("list")
def list_originals(state: State, key: Key = None) -> None:
    """List the originals: report, what, when, and how long each is kept. 列出"""
    console = Console(soft_wrap=True)
    with _beside(state, key) as vault:
        kept = vault.originals()
        for item in kept:
            console.print(_line(item), highlight=False)
        count, size_bytes = vault.counts()
    console.print(f"{count} 份原件 · originals, {size_bytes / 1e6:.1f} MB, {len(kept) - count} 份已无 · gone")


@app.command()
def show(state: State, report: Report, key: Key = None) -> None:
    """Everything the vault knows of a report's originals, and who looked at them. 详情"""
    console = Console(soft_wrap=True)
    with _beside(state, key) as vault:
        for item in _of_report(vault, report):
            header = item.header
            console.print(_line(item), highlight=False)
            console.print(f"  SHA-256 {header.sha256}, {header.media_type}, {header.size_bytes} B", highlight=False)
            console.print(
                f"  {header.begins_at:%F %T} – {header.ends_at:%F %T} UTC, {header.frame_id}", highlight=False
            )
            if not item.readable and item.state == "kept":
                console.print("  [red]密钥不在 · its key is not there[/]")
            for line, _ in vault.accesses():
                if (line.report_id, line.sha256) == (str(header.report_id), header.sha256):
                    console.print(escape(f"  {line.at[:19]} {line.who}: {line.did}: {line.why}"), highlight=False)


@app.command("open")
def open_original(
    state: State,
    report: Report,
    out: Annotated[Path, typer.Argument(help="New file for the original, in clear. 输出文件")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the access log for ever. 理由（记入日志）")],
    role: Annotated[str, typer.Option(help="frame or clip. 图片或视频")] = "frame",
    key: Key = None,
) -> None:
    """Decrypt one original into a file, on record. 打开（留痕）"""
    if os.path.lexists(out):
        raise InputError(f"{out} is there already: name a new file")
    with _beside(state, key) as vault:
        header = next((item.header for item in _of_report(vault, report) if item.header.role == role), None)
        if header is None:
            raise InputError(f"report {report} has no original of role {role!r}: see kerbwatch originals show")
        with vault.open_original(header.report_id, header.sha256, who=_who(), why=reason) as reader:
            try:
                fd = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise explain(error, out, header.size_bytes) from error
            try:
                with open(fd, "wb") as file:  # noqa: PTH123 (a descriptor, not a path)
                    shutil.copyfileobj(reader, file)
            except SealError:
                out.unlink()
                raise
    Console(soft_wrap=True).print(
        f"[green]✓[/] {escape(str(out))}: 未打码原件，用后请删除 · an unblurred original, delete it after use",
        highlight=False,
    )


@app.command()
def rotate(state: State, key: Key = None) -> None:
    """Change the master key: every original's key is wrapped anew, the old key destroyed. 更换密钥"""
    with _alone(state, key) as vault:
        fresh = vault.rotate(who=_who())
        count, _ = vault.counts()
    Console(soft_wrap=True).print(
        f"[green]✓[/] 新密钥 · new key {fresh}: {count} 份原件已重新封装，旧密钥已销毁 · "
        f"{count} originals rewrapped, the old key is destroyed",
        highlight=False,
    )


@app.command()
def expire(
    state: State,
    days: Annotated[int, typer.Option(min=1, help="As originals_days in box.yaml. 保存天数")] = 15,
    key: Key = None,
) -> None:
    """Delete what is over by this machine's clock; the box does so by itself. 清除到期原件"""
    with _alone(state, key, VaultLimits(days=days)) as vault:
        gone = Retention(vault, _ThisClock(), patience_s=0.0).expire()
        count, _ = vault.counts()
    Console(soft_wrap=True).print(f"删除 {gone} 份，余 {count} 份 · {gone} deleted, {count} left")


@app.command()
def verify(state: State, key: Key = None) -> None:
    """Decrypt every original and hold it to its report's hash; check the access log. 验真"""
    console = Console(soft_wrap=True)
    with _beside(state, key) as vault:
        found = check_vault(vault)
    for line in found.breaks:
        console.print(f"[red]✗[/] {escape(line)}", highlight=False)
    for why, count in sorted(found.ended.items()):
        console.print(f"[dim]○[/] {count} 份已删除 · deleted: {escape(why)}", highlight=False)
    if found.breaks:
        more = f" (and {len(found.breaks) - 1} more)" if len(found.breaks) > 1 else ""
        raise SealError(f"验真未通过 · not as kept: {found.breaks[0]}{more}")
    console.print(
        f"[green]✓[/] 验真通过 · everything holds: {found.whole} 份原件 · originals, "
        f"{found.accesses} 条查看记录 · lines of the access log",
        highlight=False,
    )


@dataclass(frozen=True, slots=True)
class _ThisClock:
    """This machine's clock, on the word of the person who runs the command."""

    told_by: Told = "system"
    steps: int = 0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def at(self, monotonic_s: float) -> datetime:
        return datetime.fromtimestamp(time.time() - time.monotonic() + monotonic_s, UTC)

    def heard_gnss(self, utc: datetime, monotonic_s: float) -> None:
        del utc, monotonic_s

    def heard_server(self, offset_s: float, error_s: float) -> None:
        del offset_s, error_s


def _who() -> str:
    """The account, and behind sudo the one who called it."""
    called = os.environ.get("SUDO_USER")
    try:
        account = getpass.getuser()
    except (KeyError, OSError):
        account = f"uid {os.getuid()}"
    return f"{called} ({account})" if called and called != account else account


@contextmanager
def _beside(state: Path, key: Path | None) -> Generator[Vault]:
    """The vault for reading, next to a box that runs."""
    _must_be_there(state, key)
    with Vault.open(state, None if key is None else KeyFile(key), alone=False) as vault:
        yield vault


@contextmanager
def _alone(state: Path, key: Path | None, limits: VaultLimits | None = None) -> Generator[Vault]:
    _must_be_there(state, key)
    with Vault.open(state, None if key is None else KeyFile(key), limits) as vault:
        yield vault


def _must_be_there(state: Path, key: Path | None) -> None:
    # A key file that is not there would be made, and a typing error would leave one about.
    if key is not None and not key.is_file():
        raise InputError(f"there is no key file {key}")
    if not (state / VAULT_DIR).is_dir():
        raise InputError(f"{state} holds no {VAULT_DIR}/: give the folder that box.yaml calls state")


def _of_report(vault: Vault, report: str) -> list[KeptOriginal]:
    found = [item for item in vault.originals() if str(item.header.report_id).startswith(report.lower())]
    ids: set[uuid.UUID] = {item.header.report_id for item in found}
    if len(ids) != 1:
        what = "no report" if not ids else f"{len(ids)} reports"
        raise InputError(f"{what} with originals here begin with {report!r}: see kerbwatch originals list")
    return found


def _line(item: KeptOriginal) -> str:
    header = item.header
    if item.state != "kept":
        until = escape(item.ended_because)
    elif item.kept_until is None:
        until = "期限待定 · days not counted yet"
    else:
        until = f"至 · until {datetime.fromtimestamp(item.kept_until, UTC):%F}"
    because = ", 服务器要求保留 · the server wants it kept" if item.kept_because == "server" else ""
    wanted = ", 有人调取 · asked for" if item.wanted else ""
    released = ", 已提交 · released" if item.released_at is not None else ""
    return (
        f"{_MARKS[item.state]} {header.report_id} {header.role:5} {header.begins_at:%F %T}Z "
        f"{header.size_bytes / 1e6:6.2f} MB  {_WORDS[item.state]}, {until}{because}{wanted}{released}"
    )
