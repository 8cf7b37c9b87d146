"""The commands that serve: a wrong option is refused by name; and connections that end while bytes are counted."""

import asyncio
import gc
import json
import logging
import socket
import sys
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import cast
from unittest.mock import patch

import httpx
import pytest
from typer import Typer
from typer.testing import CliRunner

from servers.__main__ import app
from servers.demo.__main__ import main as demo
from servers.deploy.child_process import ChildProcess, free_port, python_module
from servers.deploy.deployments import DEPLOYMENTS
from servers.deploy.serverless.__main__ import main as host
from servers.deploy.serverless.profiles import PROFILES
from servers.links import FOLDER_VARIABLE
from servers.pusher_service.__main__ import main as push_service
from servers.serving import is_worth_logging
from servers.standard_streams import print_ready
from servers.transports import TRANSPORTS
from servers.wire_bytes import MeteredTransport, Traffic, WireBytes, metered
from tests.support.deadline import DEADLINE_S
from tests.support.pusher_process import ENV

pytestmark = pytest.mark.process
SERVER = ["servers", "raw_websocket"]


@pytest.mark.parametrize(("main", "more"), [(demo, []), (push_service, []), (None, ["short_polling"])])
def test_a_port_in_use_is_named_with_the_option_for_another(main: Callable[..., None] | None, more: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        output = refused([*more, "--port", str(port)], main, **ENV)
    assert f"port {port} of 127.0.0.1 is in use; name another one with --port" in output


def test_the_ready_line_is_json_or_text(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    address, facts = "http://127.0.0.1:8000", {"transport": "raw_websocket"}
    print_ready(address, facts, "Open it.")
    assert json.loads(capsys.readouterr().out) == {"address": address, **facts}
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_ready(address, facts, "Open it.")
    assert capsys.readouterr().out.splitlines() == [f"Listening on {address}   (Ctrl-C ends it)", "Open it."]


def test_a_server_whose_parent_ends_before_it_is_ready_ends_without_a_traceback(tmp_path: Path) -> None:
    port = free_port()
    log = tmp_path / "log"
    with ChildProcess(python_module(*SERVER, "--port", str(port), "--attached"), log=log) as server:
        server.output.close()
        while server.process.poll() is None:
            with suppress(httpx.TransportError):
                httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False)
                break
        server.close_input()
        assert server.process.wait(DEADLINE_S) == 0
    assert log.read_text() == ""


@pytest.mark.parametrize("error", [asyncio.CancelledError(), ValueError()])
def test_only_a_cancelled_request_is_not_logged(error: BaseException) -> None:
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "in ASGI", None, (type(error), error, None))
    assert is_worth_logging(record) is isinstance(error, ValueError)


async def test_what_is_written_to_a_closing_connection_is_dropped_and_not_counted() -> None:
    traffic = Traffic()
    ends = socket.socketpair()
    with ends[0], ends[1]:
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ends[0])
        metered = MeteredTransport(transport, traffic)
        metered.write(b"sent")
        transport.close()
        metered.write(b"not sent")
        assert ends[1].recv(100) == b"sent"
        assert await asyncio.to_thread(ends[1].recv, 100) == b""
    assert traffic == Traffic(sent=len(b"sent"))


async def test_a_lost_connection_leaves_no_timer_that_refers_to_it() -> None:
    class Closing(asyncio.Protocol):
        """Closes its transport when the connection is lost, as uvicorn's protocols do."""

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def connection_lost(self, exc: Exception | None) -> None:
            self.transport.close()
            lost.set()

    lost = asyncio.Event()
    ends = socket.socketpair()
    with ends[0], ends[1]:
        make = metered(Closing, WireBytes(), Traffic())
        transport, protocol = await asyncio.get_running_loop().create_connection(make, sock=ends[0])
        cast(Closing, protocol).transport.close()
        await lost.wait()
    kept = weakref.ref(transport)
    del transport, protocol
    gc.collect()
    assert kept() is None


UNSET = {"CHAT_SECRET": None, FOLDER_VARIABLE: None}  # other tests may have set the folder of the certificates


def refused(arguments: list[str], main: Callable[..., None] | None = None, /, **env: str) -> str:
    """Run a command, the servers' by default, that must fail and start no process; return its errors on one line."""
    program = app
    if main:
        program = Typer()
        program.command()(main)
    starting = patch("subprocess.Popen", side_effect=AssertionError("starts a process"))
    with starting, patch("signal.signal"):  # the handlers stay those of the test run
        done = CliRunner().invoke(program, arguments, env={**UNSET, **env, "COLUMNS": "200"})
    assert (done.exit_code, type(done.exception)) == (2, SystemExit), done
    return " ".join(done.stderr.split())


SERVICE = {"PUSHER_KEY": "key", "PUSHER_APP_ID": "1", "PUSHER_SECRET": "s", "PUSHER_HOST": "127.0.0.1"}
API, FUNCTIONS = ("--api", "http://127.0.0.1:1"), ("deploy", "pusher-and-serverless")
REFUSED: dict[str, tuple[list[str], dict[str, str], list[str]]] = {
    "an unknown transport": (["carrier_pigeon"], {}, [transport.slug for transport in TRANSPORTS]),
    "workers on the embedded store": (["short_polling", "--workers", "2"], {}, ["one process"]),
    "a file without a scheme": (["short_polling", "--store", "chat.db"], {}, ["store"]),
    "a database in words": (["short_polling", "--store", "redis://h/x"], {"CHAT_SECRET": "s"}, ["host:port/database"]),
    "a password with a sharp": (["short_polling", "--store", "redis://a:p#w@h"], {"CHAT_SECRET": "s"}, ["host:port"]),
    "a folder that is missing": (["short_polling", "--store", "sqlite:///no/such/folder/chat.db"], {}, ["store"]),
    "a negative lease": (["short_polling", "--lease", "-1"], {}, ["--lease"]),
    "a negative hold": (["short_polling", "--hold", "-1"], {}, ["--hold"]),
    "a negative port": (["short_polling", "--port", "-1"], {}, ["--port"]),
    "an empty host": (["short_polling", "--port", "0", "--host", ""], {}, ["host ''"]),
    "a host that is a URL": (["short_polling"], {"CHAT_HOSTS": "https://chat.example"}, ["'https://chat.example'"]),
    "an origin without a scheme": (["short_polling", "--origin", "chat.example"], {}, ["https://chat.example"]),
    "half the credentials": (["pusher_adapter"], {"PUSHER_KEY": "key", "PUSHER_APP_ID": "1"}, ["PUSHER_SECRET"]),
    "a push service without a key": (["pusher_adapter"], {"PUSHER_HOST": "soketi"}, ["PUSHER_APP_ID, PUSHER_KEY"]),
    "an unknown deployment": (["deploy", "on-the-moon"], {}, [deployment.name for deployment in DEPLOYMENTS]),
    "functions on the embedded store": ([*FUNCTIONS, "--store", "sqlite"], {}, ["functions are many"]),
    "a deployment without a secret": (["deploy", "single-server", "--store", "redis://x"], {}, ["CHAT_SECRET"]),
    "functions on a file": ([*FUNCTIONS, "--store", "sqlite:///chat.db"], {}, ["functions are many"]),
    "an API elsewhere on a file": (["raw_websocket", *API, "--store", "sqlite:///chat.db"], {}, ["--api"]),
    "an API elsewhere for polls": (["short_polling", *API, "--store", "redis://x"], {"CHAT_SECRET": "s"}, ["--api"]),
    "a push service's TLS in words": (["pusher_adapter"], {**SERVICE, "PUSHER_TLS": "yes"}, ["PUSHER_TLS"]),
    "a push service's host with a port": (["pusher_adapter"], {**SERVICE, "PUSHER_HOST": "h:1"}, ["PUSHER_HOST"]),
    "a push service's port in words": (["pusher_adapter"], {**SERVICE, "PUSHER_PORT": "many"}, ["PUSHER_PORT"]),
}


@pytest.mark.parametrize(("arguments", "env", "named"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_served_is_refused_by_name(arguments: list[str], env: dict[str, str], named: list[str]) -> None:
    output = refused(arguments, **env)
    assert all(word in output for word in named)


def test_the_push_service_and_the_serverless_host_name_what_is_wrong_too() -> None:
    assert "PUSHER_KEY, PUSHER_SECRET" in refused([], push_service, PUSHER_APP_ID="7")
    assert "'http://h:x/'" in refused(["--webhook", "http://h:x/"], push_service, **SERVICE)
    assert "'http://h/'" in refused(["--webhook", "http://name:password@h/"], push_service, **SERVICE)
    with patch.dict(sys.modules, trustme=None):
        assert "setup links" in refused(["--link", "tls"], push_service, **SERVICE)
    output = refused(["short_polling", "--profile", "azure", "--instances", "1"], host)
    assert all(profile.name in output for profile in PROFILES)
    assert "--instances 1" in refused(["short_polling", "--store", "sqlite:///chat.db"], host)
    assert "CHAT_SECRET" in refused(["short_polling", "--store", "redis://x"], host)


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("store", ["redis://127.0.0.1:1/0", "postgresql://chat@127.0.0.1:1/chat"])
def test_a_shared_store_needs_a_shared_secret_and_an_engine_that_responds(store: str, workers: str) -> None:
    command = ["short_polling", "--workers", workers, "--store", store]
    output = refused(command)
    assert "CHAT_SECRET" in output and "openssl" in output
    _, _, usage = refused(command, CHAT_SECRET="secret").partition("Usage:")  # before it, a store may log its fault
    scheme, _, _ = store.partition(":")
    assert all(word in usage for word in ("Invalid value: store:", f"{scheme}://127.0.0.1", "Connect"))
