"""Render the notebooks as pages: `python -m notebooks.publish` writes site/, whose index is the start page.

Each page is self-contained: its style and pictures are embedded, and it loads nothing. The code of a cell is folded
below its output. The committed .ipynb files are rendered as they are; nothing is executed.
"""

import html
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

import mistune
import nbformat
from nbformat import NotebookNode

from notebooks.execute import FOLDER, sources

SITE = FOLDER.parent / "site"
PAGE = FOLDER / "page.html"
INDEX = "index.html"
START = "00_start_here"
MARKDOWN = mistune.create_markdown(plugins=["table", "strikethrough"], escape=True)


def page_name(stem: str) -> str:
    """Return the file name of a notebook's page."""
    return INDEX if stem == START else f"{stem}.html"


def rendered(stem: str, notebook: NotebookNode, titles: dict[str, str]) -> str:
    """Return a notebook as a whole page. titles: of all pages, by stem, in reading order."""
    marks = {stem: ' aria-current="page"'}
    links = [
        f'<li><a href="{page_name(each)}"{marks.get(each, "")}>{html.escape(title)}</a></li>'
        for each, title in titles.items()
    ]
    body = "\n".join(part for cell in notebook.cells for part in _cell(cell))
    for each in titles:
        body = body.replace(f'href="{each}.ipynb"', f'href="{page_name(each)}"')
    page = Template(PAGE.read_text(encoding="utf-8"))
    return page.substitute(title=html.escape(titles[stem]), links="\n".join(links), body=body)


def title_of(notebook: NotebookNode) -> str:
    """Return a notebook's first heading."""
    return str(notebook.cells[0].source).splitlines()[0].removeprefix("# ")


def _cell(cell: NotebookNode) -> Iterator[str]:
    """Yield a cell's text, or its outputs and then its code."""
    if cell.cell_type == "markdown":
        yield _markdown(cell.source)
        return
    for output in cell.outputs:
        yield _output(output)
    yield f"<details><summary>how</summary><pre>{html.escape(cell.source)}</pre></details>"


def _output(output: NotebookNode) -> str:
    """Return an output in the richest form that it has."""
    if output.output_type == "stream":
        return f"<pre>{html.escape(output.text)}</pre>"
    data: dict[str, Any] = output.data
    if "image/png" in data:
        png = data["image/png"].strip()
        finding = html.escape(output.metadata["image/png"]["alt"])
        return f'<p class="wide"><img alt="{finding}" src="data:image/png;base64,{png}"></p>'
    if "text/markdown" in data:
        return _markdown(data["text/markdown"])
    if "text/html" in data:
        return f'<div class="wide">{data["text/html"]}</div>'
    return f"<pre>{html.escape(data['text/plain'])}</pre>"


def _markdown(text: str) -> str:
    page = str(MARKDOWN(text))
    return page.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")


def publish(folder: Path = SITE) -> list[Path]:
    """Write all pages into a folder; return their paths."""
    notebooks = {source.stem: nbformat.read(source.with_suffix(".ipynb"), as_version=4) for source in sources()}
    titles = {stem: title_of(notebook) for stem, notebook in notebooks.items()}
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for stem, notebook in notebooks.items():
        path = folder / page_name(stem)
        path.write_text(rendered(stem, notebook, titles), encoding="utf-8")
        written.append(path)
    return written


def main() -> None:
    for path in publish():
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
