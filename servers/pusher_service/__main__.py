"""Run the push service: `python -m servers pusher_service --port 8300`, or `python -m servers.pusher_service`.

Teaches what a customer of a push service receives: an app id, a key and a secret. They come from the environment, since
every user of the machine can read a command's arguments. On a terminal without them, new ones are made and printed.
"""

import os
import secrets
import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from servers.addresses import Origin, without_passwords
from servers.links import Link, issued_certificates
from servers.pusher_service.app import create_app
from servers.pusher_service.authorization import Credentials
from servers.pusher_service.limits import Limits
from servers.serving import HttpSettings, run, serve
from servers.standard_streams import print_ready, replace_unencodable

VARIABLES = ("PUSHER_APP_ID", "PUSHER_KEY", "PUSHER_SECRET")


def credentials_from(environ: Mapping[str, str]) -> Credentials:
    """Read the credentials; raises typer.BadParameter, naming the variables that are missing."""
    missing = [name for name in VARIABLES if not environ.get(name)]
    if missing:
        raise typer.BadParameter(f"set {', '.join(missing)} in the environment: the service and its API share them")
    app_id, key, secret = (environ[name] for name in VARIABLES)
    if not (app_id.isascii() and app_id.isdigit()):
        raise typer.BadParameter(f"expected PUSHER_APP_ID to be digits, as the official libraries do, got {app_id!r}")
    return Credentials(app_id, key, secret)


def main(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 0,
    webhook: Annotated[str, typer.Option(help="URL that is told what happens on the channels.")] = "",
    connections: Annotated[
        int, typer.Option(envvar="PUSHER_CONNECTIONS", min=1, help="The plan's connections.")
    ] = Limits().connections_max,
    messages_a_day: Annotated[
        int, typer.Option(envvar="PUSHER_MESSAGES_A_DAY", min=0, help="The plan's messages a day; 0: no limit.")
    ] = 0,
    link: Annotated[Link, typer.Option(help="Serve in the clear, or through TLS.")] = Link.PLAIN,
    attached: Annotated[bool, typer.Option("--attached", help="Stop when standard input closes.")] = False,
    activity_timeout_s: Annotated[int, typer.Option(min=1, help="Silence after which a client is pinged.")] = 120,
    pong_wait_s: Annotated[float, typer.Option(min=0.1, help="How long a pinged client has to answer.")] = 30.0,
) -> None:
    """Serve a stand-in for Pusher Channels, for the application that the environment names."""
    known = {name: os.environ[name] for name in VARIABLES if os.environ.get(name)}
    made: dict[str, str] = {}
    if sys.stdout.isatty() and not known:
        made = {"PUSHER_APP_ID": "1", "PUSHER_KEY": secrets.token_hex(8), "PUSHER_SECRET": secrets.token_hex(16)}
    credentials = credentials_from(known | made)
    try:
        if webhook:
            Origin.parse("/".join(webhook.split("/")[:3]))  # its scheme, host and port
    except ValueError:
        expected = "expected a URL such as https://chat.example/webhook, without a login"
        raise typer.BadParameter(f"--webhook: {expected}, got {without_passwords(webhook)[:80]!r}") from None
    limits = Limits(activity_timeout_s, pong_wait_s, messages_a_day=messages_a_day, connections_max=connections)

    app = create_app(credentials, limits, webhook)
    variables = [f"{name}={value}" for name, value in made.items()]
    next_step = "\n  ".join(["Its application, for the API's environment:", *variables]) if made else ""

    def ready(address: str) -> None:
        print_ready(address, {"pid": os.getpid()}, next_step)

    try:
        with issued_certificates(link):
            http = HttpSettings(link=link)
            run(serve(app, host=host, port=port, http=http, on_ready=ready, on_stop=app.state.stop, attached=attached))
    except (OSError, RuntimeError) as error:
        raise typer.BadParameter(str(error)) from None


if __name__ == "__main__":
    replace_unencodable()
    typer.run(main)
