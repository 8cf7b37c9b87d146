"""Render the notebooks as pages: `python -m notebooks.publish` writes site/, whose index is the start page.

The explorer is beside them, as one file, and the start page shows where to begin. Each page is self-contained: its
style and pictures are embedded, and it loads nothing. The code of a cell is folded below its output; an output is shown
in the richest form that it has (`page.html`, a Jinja template). The committed .ipynb files are rendered as they are;
nothing is executed.
"""

import base64
import sys
from pathlib import Path

import mistune
import nbformat
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from notebooks.execute import FOLDER, sources
from results import explorer
from results.schema import EXPLORER_FILE

SITE = FOLDER.parent / "site"
START = "00_start_here"
PICTURES = ("overview.png", "explore.png", "demo.webp")
MARKDOWN = mistune.create_markdown(plugins=["table", "strikethrough"], escape=False)  # ours, with its tags


def page_name(stem: str) -> str:
    """Return the file name of a notebook's page."""
    return "index.html" if stem == START else f"{stem}.html"


def markdown(text: str) -> Markup:
    """Return Markdown as HTML, whose tables scroll if they are wide."""
    page = str(MARKDOWN(text))
    return Markup(page.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>"))


def embedded(picture: Path) -> str:
    """Return a picture as an address that contains it."""
    data = base64.b64encode(picture.read_bytes()).decode()
    return f"data:image/{picture.suffix.removeprefix('.')};base64,{data}"


def publish(folder: Path = SITE) -> list[Path]:
    """Write all pages into a folder; return their paths."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {"markdown": markdown, "page_name": page_name}
    template = environment.get_template("page.html")
    notebooks = {source.stem: nbformat.read(source.with_suffix(".ipynb"), as_version=4) for source in sources()}
    titles = {stem: each.cells[0].source.splitlines()[0].removeprefix("# ") for stem, each in notebooks.items()}
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    pictures = {name.partition(".")[0]: embedded(explorer.REFERENCE / name) for name in PICTURES}
    for stem, notebook in notebooks.items():
        page = template.render(stem=stem, titles=titles, cells=notebook.cells, start=stem == START, pictures=pictures)
        page = page.replace("<code>explore.html</code>", '<a href="explore.html">explore.html</a>')
        for each in titles:
            page = page.replace(f'href="{each}.ipynb"', f'href="{page_name(each)}"')
        path = folder / page_name(stem)
        path.write_text(page, encoding="utf-8")
        written.append(path)
    constants = (explorer.REFERENCE / EXPLORER_FILE).read_text(encoding="utf-8")
    (folder / explorer.PAGE).write_text(explorer.page(constants), encoding="utf-8")
    return [*written, folder / explorer.PAGE]


if __name__ == "__main__":
    sys.stdout.writelines(f"{path}\n" for path in publish())
