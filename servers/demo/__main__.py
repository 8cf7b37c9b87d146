"""Run the demo: `python -m servers.demo`, then open the address that it prints.

One message, four lanes: a page that sends each message to every server at the same moment, and shows what came of it.
"""

import os
import sys
import tempfile
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from servers.core.settings import Settings
from servers.demo.app import create_app
from servers.demo.controller import DemoController
from servers.deploy.child_process import LOOPBACK
from servers.listening_sockets import require_free
from servers.serving import HttpSettings, run, serve
from servers.standard_streams import print_ready, replace_unencodable
from servers.transports import TRANSPORTS, find

WEB = Path(__file__).parents[2] / "clients" / "web"
PUSHER_JS = Path("node_modules") / "pusher-js"
NO_PUSHER_JS = 'Its client, pusher-js, is not installed. Install Node.js with npm, then run "make demo" again.'


def main(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0 takes a free one.")] = 8765,
    tour: Annotated[bool, typer.Option(help="Begin with the guided tour.")] = False,
    web: Annotated[Path, typer.Option(help="Folder of the browser's client.", exists=True, file_okay=False)] = WEB,
    attached: Annotated[bool, typer.Option(help="Stop when standard input closes, and open no browser.")] = False,
) -> None:
    """Start every lane's server, and a page that shows them side by side."""
    try:
        require_free(LOOPBACK, port)
    except OSError as error:
        raise typer.BadParameter(str(error)) from None
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        run(present(Path(folder), web, port, "?tour" if tour else "", attached))


async def present(folder: Path, web: Path, port: int, query: str, attached: bool) -> None:
    """Serve the page until a signal arrives; the lanes' servers start as soon as its address is known."""
    lacking = () if (web / PUSHER_JS).is_dir() else (row.slug for row in TRANSPORTS if row.needs_push_service)
    remedies = dict.fromkeys(lacking, NO_PUSHER_JS)
    controller = DemoController(folder, web, remedies)

    def ready(address: str) -> None:
        controller.start(address)
        if attached:
            print_ready(address, {"pids": {"demo": os.getpid()}})
        else:
            show(f"{address}/{query}", remedies)

    app, http = create_app(controller, web, Settings()), HttpSettings()
    await serve(app, host=LOOPBACK, port=port, http=http, on_ready=ready, on_stop=controller.stop, attached=attached)


def show(address: str, remedies: Mapping[str, str]) -> None:
    """Open the page in a browser where there is a screen; print its address anyway, and which lanes are absent."""
    print(f"The demo: {address}   (Ctrl-C ends it)", flush=True)
    for slug, remedy in remedies.items():
        print(f"{find(slug).label} is absent. {remedy}", flush=True)
    if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(address)


if __name__ == "__main__":
    replace_unencodable()
    typer.run(main)
