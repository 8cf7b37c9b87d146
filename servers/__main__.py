"""Start a chat server: `python -m servers raw_websocket --store sqlite:///chat.db`.

Prints one JSON line when it is ready: its address, its process ids by role, and its settings. The Pusher adapter starts
the local stand-in for the push service as a second process, unless the PUSHER_* variables name a service. With
`--workers`, this process serves nothing itself: it runs that many processes of the same command behind one port, and
restarts those that die. With `--api`, it holds the connections, and an API elsewhere executes the commands.
`python -m servers deploy <deployment>` runs a whole deployment, `python -m servers pusher_service` the stand-in alone.
"""

import asyncio
import logging
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option
from typer.core import TyperGroup

from servers import transports
from servers.core.auth import shared_secret
from servers.core.settings import RenewedBy, Settings
from servers.core.store import is_embedded, open_store
from servers.deploy.child_process import free_port
from servers.deploy.deployment_processes import deploy, names_service, start_stand_in, webhook_of
from servers.deploy.server import Listening, open_app, serve_chat
from servers.deploy.supervised_part import Renewal
from servers.deploy.supervisor import Supervisor
from servers.links import Link, issued_certificates
from servers.listening_sockets import reusable_socket
from servers.pusher_service.__main__ import main as pusher_service
from servers.serving import UVICORN_DEFAULTS, HttpSettings, run
from servers.standard_streams import print_ready, replace_unencodable
from servers.transports import Commands, Transport

DEFAULTS = Settings()
log = logging.getLogger(__name__)
SLUGS = ", ".join(row.slug for row in transports.TRANSPORTS)


def main(
    transport: Annotated[str, Argument(help=f"One of {SLUGS}.")],
    host: Annotated[str, Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Option(envvar="PORT", min=0, max=65535, help="Port to listen on; 0: a free one.")] = 8000,
    store: Annotated[
        str, Option(envvar="CHAT_STORE", help="URL of the log's store; without it, a temporary file.")
    ] = "",
    workers: Annotated[int, Option(min=1, help="Processes that serve; an embedded store allows one.")] = 1,
    lease: Annotated[float, Option(min=0.1, help="Seconds a user stays online after a renewal.")] = DEFAULTS.lease_s,
    presence: Annotated[
        RenewedBy, Option(help="What renews a lease where a push service delivers; equal for all servers on a store.")
    ] = DEFAULTS.presence,
    hold: Annotated[float, Option(min=0.1, help="Seconds a long poll is held at most.")] = DEFAULTS.hold_s,
    ping: Annotated[float, Option(min=0.1, help="Seconds after which an idle connection sends something.")] = (
        DEFAULTS.ping_s
    ),
    typing: Annotated[float, Option(min=0.1, help="Seconds a typing notice is true.")] = DEFAULTS.typing_s,
    log_in: Annotated[float, Option(min=0.1, help="Seconds a new socket has to join.")] = DEFAULTS.log_in_s,
    token: Annotated[float, Option(min=0.1, help="Seconds until a token expires.")] = DEFAULTS.token_s,
    commands_per_s: Annotated[float, Option(min=0.1, help="Commands of one user that are accepted a second.")] = (
        DEFAULTS.commands_per_s
    ),
    answer_to: Annotated[list[str] | None, Option(envvar="CHAT_HOSTS", help="A further Host name to accept.")] = None,
    proxies: Annotated[str, Option(envvar="FORWARDED_ALLOW_IPS", help="Proxies whose X-Forwarded-For counts.")] = (
        DEFAULTS.proxies
    ),
    origin: Annotated[list[str] | None, Option(help="An origin whose pages may call this server.")] = None,
    web: Annotated[Path | None, Option(help="Serve the browser's client of this folder: clients/web.")] = None,
    on_demand: Annotated[bool, Option("--on-demand", help="The host runs the server only during a request.")] = False,
    uvicorn_defaults: Annotated[
        bool, Option(help="Use uvicorn's own keep-alive and compression, as a variant to compare.")
    ] = False,
    compress: Annotated[bool, Option("--compress", help="Compress responses, event streams and sockets.")] = False,
    link: Annotated[Link, Option(help="Serve in the clear, through TLS, or through TLS with HTTP/2.")] = Link.PLAIN,
    api: Annotated[str, Option(envvar="CHAT_API", help="Have the API at this address execute commands.")] = "",
    share_port: Annotated[bool, Option("--share-port", hidden=True, help="Others may listen on it.")] = False,
    attached: Annotated[bool, Option(help="Stop when standard input closes (for a parent process).")] = False,
    worker_folder: Annotated[Path | None, Option(hidden=True, help="Folder of the Unix sockets of workers.")] = None,
) -> None:
    """Serve one chat over one transport."""
    http = replace(UVICORN_DEFAULTS if uvicorn_defaults else HttpSettings(), ping_interval_s=ping, link=link)
    http = replace(http, deflate=http.deflate or compress, gzip=compress)
    listening = Listening(host, port, web, attached, worker_folder, share_port)
    try:
        settings = Settings(
            lease_s=lease,
            presence=presence,
            hold_s=hold,
            ping_s=ping,
            typing_s=typing,
            log_in_s=log_in,
            token_s=token,
            commands_per_s=commands_per_s,
            on_demand=on_demand,
            hosts=tuple(answer_to or ()),
            proxies=proxies,
            origins=tuple(origin or ()),
        )
        _start(transports.find(transport), store, settings, api, http, listening, workers)
    except (ValueError, RuntimeError, OSError) as error:
        raise typer.BadParameter(str(error)) from error


def _start(
    row: Transport, store: str, settings: Settings, api: str, http: HttpSettings, listening: Listening, workers: int
) -> None:
    """Check the options, start a push service if none is named, then serve here, or supervise workers.

    Raises ValueError, RuntimeError or OSError, in words for a person.
    """
    with ExitStack() as stack:
        trusted = stack.enter_context(issued_certificates(http.link))
        url = store or f"sqlite:///{stack.enter_context(tempfile.TemporaryDirectory(prefix='chat-'))}/chat.db"
        _check_store(url, workers)
        _check_api(api, row, url)
        if settings.presence is RenewedBy.WEBHOOK and not listening.port:  # the push service must know the port
            listening = replace(listening, port=free_port())
        webhook = _checked_webhook(row, settings.presence, listening, http.link)
        pids = start_push_service(stack, webhook, http.link) if row.needs_push_service else {}
        if workers > 1 and listening.worker_folder is None:
            asyncio.run(_check_open(url))
            _supervise(workers, listening, pids)
        else:
            stated = {"store": url.partition(":")[0], "workers": workers, **asdict(settings), **http.as_dict()}
            pids = {"api": os.getpid(), **pids}
            facts = {"transport": row.slug, "pids": pids, "settings": stated, **push_service_address(pids)}
            run(serve_chat(open_app(row.slug, url, settings, api), http, listening, facts | trusted))


def _checked_webhook(row: Transport, presence: RenewedBy, listening: Listening, link: Link) -> str:
    """Return where the push service sends webhooks; empty without them. Raises ValueError if they cannot arrive."""
    webhook = webhook_of(["--presence", presence], listening.port, listening.host)
    if webhook and not row.needs_push_service:
        raise ValueError(f"--presence {presence}: {row.slug} has no push service that says who is there")
    if webhook and link is not Link.PLAIN:
        raise ValueError(f"--presence {presence}: a webhook goes in the clear; leave out --link {link}")
    return webhook


def start_push_service(stack: ExitStack, webhook: str = "", link: Link = Link.PLAIN) -> dict[str, int]:
    """Supervise a stand-in, with its webhook, unless the PUSHER_* variables name a service already; return its pid."""
    if names_service():
        return {}
    supervisor = stack.enter_context(Supervisor(log.warning, handles_signals=False))
    os.environ.update(start_stand_in(supervisor, webhook, link))
    stack.enter_context(supervisor.running_aside())
    return supervisor.pids


def push_service_address(pids: Mapping[str, int]) -> dict[str, str]:
    """Return the fact `push_service`, its address, if it is one of our processes; else no fact."""
    if "push_service" not in pids:
        return {}
    scheme = "https" if os.environ.get("PUSHER_TLS") == "1" else "http"
    return {"push_service": f"{scheme}://{os.environ.get('PUSHER_HOST')}:{os.environ.get('PUSHER_PORT')}"}


def _check_store(url: str, workers: int) -> None:
    """Raise ValueError if several processes would share an embedded store, or use different secrets."""
    if not is_embedded(url):
        shared_secret()
    elif workers > 1:
        raise ValueError(
            f"--workers {workers}: {url} is an embedded store, which serves one process only; "
            "several need --store redis://... or --store postgresql://..."
        )


def _check_api(api: str, row: Transport, url: str) -> None:
    """Raise ValueError unless an API can execute the commands of this transport, and share its store."""
    if api and (row.commands is not Commands.FRAMES or is_embedded(url)):
        raise ValueError(f"--api {api}: needs a transport whose commands are frames, and a store that the API shares")


async def _check_open(url: str) -> None:
    """Raise ValueError unless the store opens: once, rather than in each worker."""
    await (await open_store(url)).close()


def _supervise(count: int, listening: Listening, pids: Mapping[str, int]) -> None:
    """Run this same command in several processes behind one port, until a signal. Raises ChildFailed, OSError."""
    with (
        reusable_socket(listening.host, listening.port) as reserved,
        tempfile.TemporaryDirectory(prefix="workers-") as folder,
        Supervisor(log.warning) as supervisor,
    ):
        command = ["servers", *sys.argv[1:], "--worker-folder", folder]
        port = reserved.getsockname()[1]
        names = ["api", *(f"api_{number}" for number in range(2, count + 1))]
        workers = [supervisor.spawn(name, command, Renewal.NEVER, port=port) for name in names]
        facts = supervisor.await_ready(*workers).facts
        roles = {**supervisor.pids, "supervisor": os.getpid(), **pids}
        print_ready(facts["address"], {**facts, "pids": roles, **push_service_address(pids)})
        supervisor.run(listening.attached)


class TransportFirst(TyperGroup):
    """Lets `python -m servers <slug>` mean `python -m servers serve <slug>`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        first = args[0] if args else "--help"
        if first not in (*self.commands, "--help"):
            args = [SERVE, *args]
        return super().parse_args(ctx, args)


SERVE = "serve"
app = typer.Typer(cls=TransportFirst, add_completion=False, help=__doc__)
app.command(SERVE)(main)
app.command("deploy")(deploy)
app.command("pusher_service")(pusher_service)

if __name__ == "__main__":
    replace_unencodable()
    app()
