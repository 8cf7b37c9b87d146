"""Every notebook runs, and its committed .ipynb is the executed twin of the .py beside it."""

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbformat import NotebookNode

from notebooks.execute import FOLDER, executed, read, sources

CELL_LINES_MAX = 15

each_notebook = pytest.mark.parametrize("source", sources(), ids=lambda path: path.stem)


def committed(source: Path) -> NotebookNode:
    twin: NotebookNode = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    return twin


def text_of(notebook: NotebookNode) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelManager]:
    """Run one kernel for all notebooks: to start one and to import pandas takes longer than most notebooks do."""
    manager = KernelManager()
    manager.start_kernel(extra_arguments=["--log-level=ERROR"], cwd=FOLDER)
    yield manager
    manager.shutdown_kernel(now=True)
    manager.context.destroy()


@pytest.mark.process
@each_notebook
def test_a_notebook_runs_and_what_its_prose_claims_holds(source: Path, kernel: KernelManager) -> None:
    cells = [cell for cell in executed(read(source), kernel).cells if cell.cell_type == "code"]
    complaints = [out for cell in cells for out in cell.outputs if out.get("name") == "stderr"]
    assert complaints == []


@each_notebook
def test_a_committed_notebook_has_the_source_of_its_script_and_all_outputs(source: Path) -> None:
    notebook = committed(source)
    assert text_of(notebook) == text_of(read(source)), "run `python -m notebooks.execute`"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert all(cell.outputs for cell in code)


@each_notebook
def test_a_notebook_asks_in_its_title_and_keeps_its_cells_short(source: Path) -> None:
    first, *rest = read(source).cells
    assert first.source.splitlines()[0].startswith("# ")
    assert first.source.splitlines()[0].endswith("?")
    long_cells = [cell.id for cell in rest if cell.cell_type == "code" and cell.source.count("\n") >= CELL_LINES_MAX]
    assert long_cells == []
