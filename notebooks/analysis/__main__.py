"""What can be made of a run without opening a notebook: `python -m notebooks.analysis charts results/reference`."""

from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import typer

from results.plain_characters import use_plain_characters

CHARTS = ("overview", "latency", "price")

app = typer.Typer(add_completion=False)


@app.callback()
def analysis() -> None:
    """Turn a run into pictures and tables."""


@app.command()
def charts(
    run: Annotated[Path, typer.Argument(help="A folder with manifest.json, such as results/reference.")],
) -> None:
    """Draw every chart of a run into its folder, and the explorer; print their paths, one a line."""
    # pandas and matplotlib take seconds to import: not for --help
    from notebooks.analysis.figures.style import WIDTH_IN, drawn
    from notebooks.analysis.runs import BrokenRun, load

    try:
        loaded = load(run)
        draws = [import_module(f"notebooks.analysis.figures.{name}").draw for name in CHARTS]
        with ProcessPoolExecutor(mp_context=get_context("fork")) as pool:  # which have imported all of this
            for name, (png, _) in zip(CHARTS, pool.map(drawn, repeat(WIDTH_IN), draws, repeat(loaded)), strict=True):
                path = run / f"{name}.png"
                path.write_bytes(png)
                print(path)
    except BrokenRun as error:
        raise typer.BadParameter(str(error)) from error
    explore(run)


@app.command()
def explore(run: Annotated[Path, typer.Argument(help="A folder with manifest.json.")]) -> None:
    """Write the explorer with the constants of a run into its folder; print its path."""
    from notebooks.analysis.runs import manifest_of, table_of
    from results.explorer import write
    from results.schema import CELLS, CELLS_FILE, KINDS, KINDS_FILE

    try:
        manifest_of(run)
        for name, columns in ((CELLS_FILE, CELLS), (KINDS_FILE, KINDS)):
            table_of(run / name, columns)
        print(write(run))
    except ValueError as error:  # such as a BrokenRun
        raise typer.BadParameter(str(error)) from error


@app.command()
def growth(
    bench: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file that `make bench` has written.")],
) -> None:
    """Draw how costs grow with size, beside the file; print the picture's path."""
    from notebooks.analysis.figures.growth import draw
    from notebooks.analysis.figures.style import picture

    path = bench.with_suffix(".png")
    try:
        path.write_bytes(picture(draw, bench).png)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    print(path)


@app.command()
def summary(run: Annotated[Path, typer.Argument(help="A folder with manifest.json.")]) -> None:
    """Print a table for each load of a run, with intervals over the repeats."""
    from notebooks.analysis.runs import BrokenRun
    from notebooks.analysis.summary import summary as made
    from results.terminal import console

    try:
        console().print(made(run))
    except BrokenRun as error:
        raise typer.BadParameter(str(error)) from error


@app.command()
def diff(
    first: Annotated[Path, typer.Argument(help="Folder of a run.")],
    second: Annotated[Path, typer.Argument(help="Folder of another.")],
) -> None:
    """Print two runs side by side: what changed, by how much, and whether that is more than chance."""
    from notebooks.analysis.diff import diff as made
    from notebooks.analysis.runs import BrokenRun
    from results.terminal import console

    try:
        console().print(made(first, second))
    except BrokenRun as error:
        raise typer.BadParameter(str(error)) from error


@app.command()
def claims(
    run: Annotated[Path, typer.Argument(help="A folder with manifest.json and captures.json.")],
    readme: Annotated[Path | None, typer.Option(help="File that quotes the ten claims that matter most.")] = None,
) -> None:
    """Test every claim of the source document on a run; write claims.json into it, and print where."""
    from notebooks.analysis.claims import ledger

    try:
        entries = ledger.ledger(run)
        print(ledger.write(entries, run))
        if readme:
            text = ledger.put_into(readme.read_text(encoding="utf-8"), ledger.ten(entries))
            readme.write_text(text, encoding="utf-8")
            print(readme)
    except ValueError as error:  # such as a BrokenRun
        raise typer.BadParameter(str(error)) from error


if __name__ == "__main__":
    use_plain_characters()
    app()
