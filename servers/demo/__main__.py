"""Run the demo: `python -m servers.demo`, then open the address that it prints.

One message, four lanes: a page that sends each message to every server at the same moment, and shows what came of it.
"""

import os
import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from servers.core.settings import Settings
from servers.demo.app import create_app
from servers.demo.link import HOST
from servers.demo.stage import Stage
from servers.serving import HttpSettings, announce, run, serve

WEB = Path(__file__).parents[2] / "clients" / "web"
PUSHER_JS = WEB / "node_modules" / "pusher-js"


def main(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0 takes a free one.")] = 8765,
    tour: Annotated[bool, typer.Option(help="Begin with the guided tour.")] = False,
    attached: Annotated[bool, typer.Option(help="Stop when standard input closes, and open no browser.")] = False,
) -> None:
    """Start every lane's server, and a page that shows them side by side."""
    if not PUSHER_JS.is_dir():
        raise typer.BadParameter(f"the npm packages of {WEB} are missing; run: make setup")
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        run(present(Path(folder), port, "?tour" if tour else "", attached))


async def present(folder: Path, port: int, query: str, attached: bool) -> None:
    """Serve the page until a signal arrives; the lanes' servers start as soon as its address is known."""
    stage = Stage(folder, WEB)

    def ready(address: str) -> None:
        stage.begin(address)
        if attached:
            announce(address, {"pids": {"demo": os.getpid()}})
        else:
            show(f"{address}/{query}")

    app = create_app(stage, WEB, Settings())
    await serve(app, host=HOST, port=port, http=HttpSettings(), on_ready=ready, on_stop=stage.stop, attached=attached)


def show(address: str) -> None:
    """Open the page in a browser where there is a screen, and print its address anyway."""
    print(f"One message, four lanes: {address}   (Ctrl-C ends it)", flush=True)
    if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(address)


if __name__ == "__main__":
    typer.run(main)
