"""Every notebook runs, its committed .ipynb is the .py executed, and its page needs no other file."""

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbformat import NotebookNode

from notebooks.analysis.exercises import EXERCISES
from notebooks.execute import FOLDER, executed, read, sources
from notebooks.publish import publish

CELL_LINES_MAX = 15

each_notebook = pytest.mark.parametrize("source", sources(), ids=lambda path: path.stem)


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
def test_a_notebook_runs_and_its_assertions_hold(source: Path, kernel: KernelManager) -> None:
    cells = [cell for cell in executed(read(source), kernel).cells if cell.cell_type == "code"]
    complaints = [out for cell in cells for out in cell.outputs if out.get("name") == "stderr"]
    assert complaints == []


@each_notebook
def test_a_committed_notebook_is_its_script_executed(source: Path) -> None:
    notebook: NotebookNode = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    assert text_of(notebook) == text_of(read(source)), "run `python -m notebooks.execute`"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert all(cell.outputs for cell in code)


@each_notebook
def test_a_notebook_asks_a_question_and_has_short_cells(source: Path) -> None:
    first, *rest = read(source).cells
    assert re.match(r"# .*\?$", first.source, re.MULTILINE)
    assert [cell.id for cell in rest if cell.cell_type == "code" and cell.source.count("\n") >= CELL_LINES_MAX] == []


FETCHED = re.compile(r'<(?:script|link|img|iframe|source)\b[^>]*?(?:src|srcset|href)="(?!data:)', re.IGNORECASE)
LOCAL_LINK = re.compile(r'href="([^":#]+)(?:#[^"]*)?"')


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    written = publish(tmp_path_factory.mktemp("site") / "a" / "b")
    return {path.name: path.read_text(encoding="utf-8") for path in written}


def test_there_is_a_page_for_each_notebook_that_fetches_nothing_and_links_lead_somewhere(pages: dict[str, str]) -> None:
    first, *_, last = pages
    assert (len(pages), first, last) == (len(sources()) + 1, "index.html", "explore.html")
    assert [name for name, page in pages.items() if FETCHED.search(page) or "@import" in page or "url(" in page] == []
    assert {link for page in pages.values() for link in LOCAL_LINK.findall(page)} <= set(pages)


def test_every_page_knows_its_place_fits_phones_has_a_dark_mode_and_describes_its_charts(pages: dict[str, str]) -> None:
    *of_notebooks, _ = pages.values()
    for page in of_notebooks:
        assert page.count('aria-current="page"') == 1
        assert "width=device-width" in page
        assert "prefers-color-scheme: dark" in page
        described = re.findall(r'<picture>\s*<source[^>]*>\s*<img alt="\w[^"]{20,}"', page)
        assert len(described) == page.count("<picture>")


def test_the_start_page_folds_the_answer_of_each_exercise(pages: dict[str, str]) -> None:
    assert pages["index.html"].count("<details><summary>In the reference</summary>") == len(EXERCISES)
    assert [name for name, page in pages.items() if "&lt;details" in page] == []


def test_the_start_page_lists_all_others_in_the_order_of_their_numbers() -> None:
    start, *others = sources()
    listed = re.findall(r"^# \d+\. \[.*\]\((.+)\.ipynb\)", start.read_text(encoding="utf-8"), re.MULTILINE)
    assert listed == [path.stem for path in others]
