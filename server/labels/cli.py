"""`kerbwatch label`: from reviewed cases to training labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from detector.errors import InputError
from server.db.engine import open_sqlite, usable
from server.labels.export import Choice, export
from server.settings import make_settings
from server.storage import EvidenceStore

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _label() -> None:
    """Turn reviewed cases into training labels. 标注导出"""


@app.command("export")
def export_command(
    data: Annotated[Path, typer.Option(help="Data folder of the server (`serve --data`); it may be running.")],
    out: Annotated[Path, typer.Option(help="New or empty folder for the data set.")],
    only_reviewed: Annotated[
        bool, typer.Option("--only-reviewed", help="Leave out pictures on which some box still waits for a person.")
    ] = False,
    skip_unblurred: Annotated[
        bool, typer.Option("--skip-unblurred", help="Leave unblurred pictures out and count them, instead of refusing.")
    ] = False,
) -> None:
    """Write a YOLO data set of everything people confirmed or rejected. 导出已审核的标注（YOLO 格式）

    Permitted things stay positives, wrong detections become hard negatives, and reviewed_cues.csv says per picture
    for which cues "no box" really means "none there".
    """
    settings = make_settings(data=data)
    if not settings.database_path.is_file():
        raise InputError(
            f"{data} holds no {settings.database_path.name}: give the folder that `kerbwatch serve` writes"
        )
    database = open_sqlite(settings.database_path)
    choice = Choice(only_reviewed=only_reviewed, skip_unblurred=skip_unblurred)
    try:
        with usable(settings.database_path):
            done = export(database, EvidenceStore(data / "evidence"), out, choice)
    except OSError as error:
        raise InputError(f"{error.filename or out} cannot be used: {error.strerror}") from error
    finally:
        database.close()
    typer.echo(
        f"{out}: {done.pictures} pictures, {done.boxes} boxes, {done.hard_negatives} hard negatives, "
        f"{done.places} places ({done.validation} pictures for validation)"
    )
    if done.skipped_unblurred:
        typer.echo(f"left out: {done.skipped_unblurred} pictures that are not blurred")
    if done.skipped_waiting:
        typer.echo(f"left out: {done.skipped_waiting} pictures with a box that nobody has judged yet")
