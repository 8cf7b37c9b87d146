"""Execute the notebooks: `python -m notebooks.execute` makes each .ipynb from the .py beside it.

The .py is the source and the .ipynb its executed twin, paired by jupytext (see pyproject.toml). A second execution
gives the same bytes: no timings, cell ids by position, and nothing about the machine that ran it.
"""

import sys
from pathlib import Path

import jupytext
import nbformat
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parent
CELL_TIMEOUT_S = 120
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def sources() -> list[Path]:
    """Return the notebooks' sources, in reading order."""
    return sorted(FOLDER.glob("[0-9]*.py"))


def read(source: Path) -> NotebookNode:
    """Return the notebook that a py:percent source describes, its cells numbered so that ids do not change."""
    notebook: NotebookNode = jupytext.read(source, fmt="py:percent")
    for number, cell in enumerate(notebook.cells, 1):
        cell["id"] = f"cell-{number:02}"
    notebook.metadata = NotebookNode(kernelspec=KERNEL)
    return notebook


def executed(notebook: NotebookNode, kernel: KernelManager | None = None) -> NotebookNode:
    """Run all cells and return the notebook; raises CellExecutionError where one fails.

    kernel: one that runs already and is emptied of variables first; without it the notebook has a fresh one.
    """
    if kernel:
        notebook.cells.insert(0, nbformat.v4.new_code_cell("%reset -f"))
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT_S,
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(FOLDER)}},
        km=kernel,
    )
    try:
        client.execute()
    finally:
        if kernel and client.kc:
            client.kc.stop_channels()
    notebook.metadata.pop("language_info", None)  # names the version of Python that ran it
    return notebook


if __name__ == "__main__":
    for path in sources():
        target = path.with_suffix(".ipynb")
        nbformat.write(executed(read(path)), target)
        sys.stdout.write(f"{target}\n")
