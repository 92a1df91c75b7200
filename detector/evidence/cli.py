"""`kerbwatch verify`: says that everything holds, or names the first break. 验真"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from detector.errors import SealError
from detector.evidence.verify import verify_folder


def verify(
    path: Annotated[Path, typer.Argument(help="Folder or .zip: a patrol's --out folder, or a downloaded case.")],
    trust: Annotated[
        list[str] | None,
        typer.Option(help="Device id or public key (hex) that you trust; repeat for more. Default: any device."),
    ] = None,
) -> None:
    """Check every seal and hash: 验真.

    Exit code 0 when everything holds, 2 with the first break named. Needs no server.
    """
    result = verify_folder(path, trusted_keys=trust)
    console = Console(soft_wrap=True)
    if not result.ok:
        for found in result.breaks:
            console.print(f"[red]✗[/] {escape(str(found))}", highlight=False)
        first, more = result.breaks[0], len(result.breaks) - 1
        raise SealError(f"验真未通过 · not as sealed: {first}" + (f" (and {more} more)" if more else ""))
    counted = f"{result.reports} 份报告 · reports, {result.files} 个证据文件 · files"
    console.print(f"[green]✓[/] 验真通过 · everything holds: {counted}", highlight=False)
    for device_id in result.device_ids:
        console.print(f"  设备 · device {device_id}", highlight=False)
