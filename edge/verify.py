"""`kerbwatch verify`: says that everything holds, or names the first break. 验真"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from detector.errors import SealError
from detector.evidence.verify import verify_folder, verify_tree
from edge.outbox_tree import OutboxTree, is_outbox


def verify(
    path: Annotated[Path, typer.Argument(help="A patrol's --out folder, a downloaded case, or a state folder.")],
    trust: Annotated[
        list[str] | None,
        typer.Option(help="Device id or public key (hex) that you trust; repeat for more. Default: any device."),
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="A folder without its manifest does not hold. 必须有清单")
    ] = False,
) -> None:
    """Check every seal and hash: 验真.

    Exit code 0 when everything holds, 2 with the first break named. Needs no server.
    """
    if is_outbox(path):
        result = verify_tree(OutboxTree(path), trusted_keys=trust, whole=whole)
    else:
        result = verify_folder(path, trusted_keys=trust, whole=whole)
    console = Console(soft_wrap=True)
    if not result.ok:
        for found in result.breaks:
            console.print(f"[red]✗[/] {escape(str(found))}", highlight=False)
        first, more = result.breaks[0], len(result.breaks) - 1
        raise SealError(f"验真未通过 · not as sealed: {first}" + (f" (and {more} more)" if more else ""))
    counted = f"{result.reports} 份报告 · reports, {result.files} 个证据文件 · files"
    console.print(f"[green]✓[/] 验真通过 · everything holds: {counted}", highlight=False)
    if result.originals or result.originals_elsewhere:
        elsewhere = f"{result.originals_elsewhere} 份不在此处（在终端上，或到期已删除）"
        elsewhere += f" · {result.originals_elsewhere} not here: on the box, or deleted when their time was over"
        console.print(f"  {result.originals} 份未打码原件 · originals; {elsewhere}", highlight=False)
    if result.dropped:
        console.print(
            f"  {result.dropped} 个证据文件已为腾出空间删除 · evidence files dropped to make room", highlight=False
        )
    if not result.whole:
        console.print(
            "  [yellow]没有清单：若整份报告被取走，看不出来 · no manifest: a report taken away whole would not show[/]",
            highlight=False,
        )
    for device_id in result.device_ids:
        console.print(f"  设备 · device {device_id}", highlight=False)
