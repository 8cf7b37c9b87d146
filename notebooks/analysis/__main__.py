"""Draw the charts of a run: `python -m notebooks.analysis charts results/reference` prints their paths, one a line."""

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

CHARTS = ("overview", "latency", "price")

app = typer.Typer(add_completion=False)


@app.callback()
def analysis() -> None:
    """Turn a run into pictures."""


@app.command()
def charts(
    run: Annotated[Path, typer.Argument(help="A folder with manifest.json, such as results/reference.")],
) -> None:
    """Draw every chart of a run into its folder."""
    # pandas and matplotlib take seconds to import: not for --help
    from notebooks.analysis.figures.style import picture
    from notebooks.analysis.runs import BrokenRun, load

    try:
        loaded = load(run)
        for name in CHARTS:
            draw = import_module(f"notebooks.analysis.figures.{name}").draw
            print(picture(draw, loaded).save(run / f"{name}.png"))
    except BrokenRun as error:
        raise typer.BadParameter(str(error)) from error


if __name__ == "__main__":
    app()
