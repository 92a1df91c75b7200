"""The front door loads only what is asked for, and says errors without a traceback."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import kerbwatch

ROOT = Path(__file__).resolve().parent.parent
OURS = {"detector", "edge", "server", "models"}


def run(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kerbwatch", *args]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_no_package_of_ours_is_imported_at_the_top() -> None:
    tree = ast.parse((ROOT / "kerbwatch.py").read_text(encoding="utf-8"))
    modules = [n.module or "" for n in tree.body if isinstance(n, ast.ImportFrom)]
    modules += [a.name for n in tree.body if isinstance(n, ast.Import) for a in n.names]
    assert not {m.split(".")[0] for m in modules} & OURS


def test_help_lists_every_command_and_loads_none() -> None:
    code = (
        "import sys, kerbwatch\n"
        "try: kerbwatch.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'cv2', 'onnxruntime', 'torch', 'fastapi', 'sqlalchemy', 'av'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    for name in kerbwatch.ENTRIES:
        assert name in done.stdout


@pytest.mark.parametrize("name", sorted(kerbwatch.ENTRIES))
def test_every_command_has_help(name: str) -> None:
    done = run(name, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage: kerbwatch" in done.stdout


def test_patrol_help_loads_no_trainer_and_no_server() -> None:
    code = (
        "import sys, kerbwatch\n"
        "try: kerbwatch.main(['patrol', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'ultralytics', 'fastapi', 'sqlalchemy'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_an_error_is_one_line_and_debug_shows_the_traceback(tmp_path: Path) -> None:
    missing = str(tmp_path / "nowhere")
    done = run("site", "check", missing)
    assert done.returncode == 2
    assert missing in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in run("site", "check", missing, "--debug").stderr


def test_unknown_command_is_named() -> None:
    done = run("patroll")
    assert done.returncode == 2
    assert "patroll" in done.stderr
