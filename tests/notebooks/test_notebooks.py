"""The notebooks: committed without results, and every cell runs on the sample."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from traitlets.config import Config

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MOST_LINES = 12
CELL_TIMEOUT_S = 300


def _named(name: str) -> Path:
    return ROOT / "notebooks" / f"{name}.ipynb"


def _read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


class Runner:
    """Executes a notebook in a kernel of the running interpreter, in its folder, as its reader would."""

    def __init__(self, folder: Path, sockets: Path) -> None:
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "IPYTHONDIR": str(folder / "ipython"),
        }
        connection = {"transport": "ipc", "ip": str(sockets / "s"), "connection_file": str(sockets / "kernel.json")}
        # No folder to look for kernels in: what is left is the one of this interpreter.
        self._config = Config({"KernelManager": connection, "KernelSpecManager": {"kernel_dirs": []}})

    def __call__(self, name: str, **environment: str) -> nbformat.NotebookNode:
        """The notebook of that name, executed with more environment variables."""
        return self.execute(_read(_named(name)), **environment)

    def execute(self, notebook: nbformat.NotebookNode, **environment: str) -> nbformat.NotebookNode:
        """The notebook with its outputs; the first error in a cell raises ``CellExecutionError``."""
        place = {"metadata": {"path": str(ROOT / "notebooks")}}
        client = NotebookClient(
            notebook, timeout=CELL_TIMEOUT_S, kernel_name="python3", resources=place, config=self._config
        )
        client.execute(env={**self._environment, **environment})
        return notebook


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Runner]:
    # Sockets in files reach nobody but this user, while the kernel warns of TCP. A file socket's path holds about 100
    # characters, so it cannot lie in pytest's own folder.
    with tempfile.TemporaryDirectory(prefix="kw-") as sockets:
        yield Runner(tmp_path, Path(sockets))


def _outputs(notebook: nbformat.NotebookNode, kind: str) -> list[nbformat.NotebookNode]:
    return [out for cell in notebook.cells for out in cell.get("outputs", []) if out.output_type == kind]


def _said(notebook: nbformat.NotebookNode, stream: str) -> str:
    return "".join(out.text for out in _outputs(notebook, "stream") if out.name == stream)


def _pictures(notebook: nbformat.NotebookNode) -> int:
    return sum("image/png" in out.data for out in _outputs(notebook, "display_data"))


def _tables(notebook: nbformat.NotebookNode) -> str:
    return "\n".join(out.data["text/plain"] for out in _outputs(notebook, "execute_result"))


def test_three_of_them() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "01_look_at_the_data",
        "02_train_and_evaluate",
        "03_where_the_model_fails",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_without_results(path: Path) -> None:
    notebook = _read(path)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.id for cell in code if cell.outputs or cell.execution_count is not None] == []
    assert set(notebook.metadata) == {"kernelspec", "language_info"}, "nothing of the machine that edited it"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_readable(path: Path) -> None:
    notebook = _read(path)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert len([line for line in cell.source.splitlines() if line]) <= MOST_LINES, f"{cell.id} is long"
        assert not re.search(r"""["'`(\s]/(?!/)[A-Za-z]\w*/""", cell.source), f"an absolute path in {cell.id}"
        if cell.cell_type == "markdown":
            assert re.search("[一-鿿]", cell.source), f"no Chinese in {cell.id}"
            assert re.search("[A-Za-z]{3} ", cell.source + " "), f"no English in {cell.id}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_data_folder_is_a_parameter(path: Path) -> None:
    (cell,) = (cell for cell in _read(path).cells if "parameters" in cell.metadata.get("tags", []))
    assert 'os.environ.get("KERBWATCH_DATA_ROOT", "../datasets/sample")' in cell.source


def test_the_kernel_is_this_interpreter(run: Runner) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import sys; sys.executable")])
    assert sys.executable in _tables(run.execute(notebook))


def test_look_at_the_data(run: Runner) -> None:
    done = run("01_look_at_the_data")
    assert _said(done, "stderr") == ""
    assert _pictures(done) == 5
    tables = _tables(done)
    assert "stall 25" in tables, "boxes of the training chips"
    assert "10 / 10" in tables, "signboard reviewed in every facade"
    assert "0 / 5" in tables, "nobody looked for signboards from above"


@pytest.mark.train
def test_train_and_evaluate(run: Runner, tmp_path: Path) -> None:
    from tests.models.networks import random_start_weights

    weights = random_start_weights(tmp_path / "start.pt")
    done = run("02_train_and_evaluate", KERBWATCH_WEIGHTS=str(weights), KERBWATCH_WORK=str(tmp_path / "work"))
    assert _said(done, "stderr") == ""
    said = _said(done, "stdout")
    assert "sample 0.1.0: ok, 5 cues" in said
    assert "the file was changed" in said, "the tampered bundle is refused"
    assert "which is not trusted" in said, "the unknown signer is refused"
    assert "signboard │ facade_ads    │ test  │ 6" in _tables(done)


def test_where_the_model_fails(run: Runner) -> None:
    done = run("03_where_the_model_fails")
    assert _said(done, "stderr") == ""
    assert _pictures(done) == 4
    (row,) = re.findall(r"street-n\s*│ signboard │" + r" (\d+) +│" * 4, _tables(done))
    found, misplaced, missed, _ = map(int, row)
    assert found + misplaced + missed == 19, "every labelled board of the six test blocks is in one of the kinds"
    assert found > 0
