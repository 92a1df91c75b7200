"""The keeper's look into the outbox, beside a running box, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest

import kerbwatch
from detector.errors import InputError
from edge.outbox import Outbox
from edge.parcels import ReportState
from tests.edge.reports import builder, key_of, picture

Capture = pytest.CaptureFixture[str]


def put(box: Outbox, ordinal: int) -> str:
    return str(box.put(key_of(ordinal), builder(ordinal, box.device_id, [picture(ordinal)])))


def run(*args: object) -> int:
    try:
        kerbwatch.main(["outbox", *map(str, args)])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_list_and_show_beside_a_running_box(state: Path, capsys: Capture) -> None:
    with Outbox.open(state) as box:
        waiting, stored = put(box, 0), put(box, 1)
        for report in box.reports():
            if str(report.report_id) == stored:
                box.mark_stored(report.report_id, "https://a.example/cases/7")
        assert run("list", state) == 0
        listed = capsys.readouterr().out
        assert waiting in listed
        assert stored not in listed
        assert "待上传 · waiting: 1 (0.0 MB)" in listed
        assert "服务器已存 · stored at the server: 1" in listed
        assert "文件 · files: 待传 · waiting 2" in listed
        assert run("list", state, "--all") == 0
        assert stored in capsys.readouterr().out
        assert run("show", state, stored[:8]) == 0
        shown = capsys.readouterr().out
    assert "https://a.example/cases/7" in shown
    assert "still_full" in shown
    assert "在 · here" in shown


def test_troubles_and_letting_go(state: Path, capsys: Capture) -> None:
    with Outbox.open(state) as box:
        put(box, 0)
        assert run("troubles", state) == 0
        assert capsys.readouterr().out == "无 · nothing\n"
        (report,) = box.reports()
        box.hold_file(report.files[0].stem, "too large [for] the server")
        box.mark_kept(report.report_id, ReportState.CONFLICT, "another body")
        assert run("troubles", state) == 1
        told = capsys.readouterr().out
        assert "held: too large [for] the server" in told
        assert "conflict: another body" in told
        assert run("release", state) == 0
        assert run("release", state, "--what", "conflict") == 0
        assert capsys.readouterr().out.count("已放行 · released: 1") == 2
        assert box.troubles() == []  # the running box sees it at once
        assert box.next_unsent() is not None


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("list",), "holds no outbox: name the box's state folder"),
        (("show", "ffff"), "holds no outbox"),
    ],
)
def test_where_there_is_no_outbox_none_is_made(
    state: Path, capsys: Capture, command: tuple[str, ...], told: str
) -> None:
    state.mkdir()
    assert run(command[0], state, *command[1:]) == 2
    assert told in capsys.readouterr().err
    assert list(state.iterdir()) == []


def test_a_report_that_is_not_there(state: Path, capsys: Capture) -> None:
    Outbox.open(state).close()
    assert run("show", state, "ffff") == 2
    assert "no report here begins with 'ffff'" in capsys.readouterr().err


def test_only_the_box_itself_puts_reports(state: Path) -> None:
    with (
        Outbox.open(state),
        Outbox.open(state, alone=False) as beside,
        pytest.raises(InputError, match="only the box itself puts reports"),
    ):
        put(beside, 0)
