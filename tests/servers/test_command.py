"""`python -m servers` and its kin report a wrong option before they start anything."""

from collections.abc import Callable
from unittest.mock import patch

import pytest
from typer import Typer
from typer.testing import CliRunner

from servers.__main__ import app
from servers.deploy.deployments import DEPLOYMENTS
from servers.deploy.serverless.__main__ import main as host
from servers.deploy.serverless.profiles import PROFILES
from servers.pusher_service.__main__ import main as push_service
from servers.transports import TRANSPORTS

pytestmark = pytest.mark.process


def refused(arguments: list[str], main: Callable[..., None] | None = None, /, **env: str) -> str:
    """Run a command (that of the servers, if none is given), which must fail; return its error output on one line."""
    program = app
    if main:
        program = Typer()
        program.command()(main)
    with patch("signal.signal"):  # the handlers stay those of the test run
        done = CliRunner().invoke(program, arguments, env={"CHAT_SECRET": None, **env, "COLUMNS": "200"})
    assert (done.exit_code, type(done.exception)) == (2, SystemExit), done
    return " ".join(done.stderr.split())


SERVICE = {"PUSHER_KEY": "key", "PUSHER_APP_ID": "1", "PUSHER_SECRET": "s", "PUSHER_HOST": "127.0.0.1"}
API, FUNCTIONS = ("--api", "http://127.0.0.1:1"), ("deploy", "pusher-and-serverless")
REFUSED: dict[str, tuple[list[str], dict[str, str], list[str]]] = {
    "an unknown transport": (["carrier_pigeon"], {}, [transport.slug for transport in TRANSPORTS]),
    "workers on the embedded store": (["short_polling", "--workers", "2"], {}, ["one process"]),
    "a file without a scheme": (["short_polling", "--store", "chat.db"], {}, ["store"]),
    "a database in words": (["short_polling", "--store", "redis://h/x"], {"CHAT_SECRET": "s"}, ["host:port/database"]),
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
    "functions on a file": ([*FUNCTIONS, "--store", "sqlite:///chat.db"], {}, ["functions are many"]),
    "an API elsewhere on a file": (["raw_websocket", *API, "--store", "sqlite:///chat.db"], {}, ["--api"]),
    "an API elsewhere for polls": (["short_polling", *API, "--store", "redis://x"], {"CHAT_SECRET": "s"}, ["--api"]),
    "a push service's TLS in words": (["pusher_adapter"], {**SERVICE, "PUSHER_TLS": "yes"}, ["PUSHER_TLS"]),
    "a push service's port in words": (["pusher_adapter"], {**SERVICE, "PUSHER_PORT": "many"}, ["PUSHER_PORT"]),
}


@pytest.mark.parametrize(("arguments", "env", "named"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_served_is_refused_by_name(arguments: list[str], env: dict[str, str], named: list[str]) -> None:
    output = refused(arguments, **env)
    assert all(word in output for word in named)


def test_the_push_service_and_the_host_of_functions_name_what_is_wrong_too() -> None:
    assert "PUSHER_KEY, PUSHER_SECRET" in refused([], push_service, PUSHER_APP_ID="7")
    assert "'http://h:x'" in refused(["--webhook", "http://h:x/"], push_service, **SERVICE)
    output = refused(["short_polling", "--profile", "azure", "--instances", "1"], host)
    assert all(profile.name in output for profile in PROFILES)
    assert "--instances 1" in refused(["short_polling", "--store", "sqlite:///chat.db"], host)


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("store", ["redis://127.0.0.1:1/0", "postgresql://chat@127.0.0.1:1/chat"])
def test_a_shared_store_needs_a_shared_secret_and_an_engine_that_responds(store: str, workers: str) -> None:
    command = ["short_polling", "--workers", workers, "--store", store]
    output = refused(command)
    assert "CHAT_SECRET" in output and "openssl" in output
    _, _, usage = refused(command, CHAT_SECRET="secret").partition("Usage:")  # before it, a store may log its fault
    assert usage.count("127.0.0.1:1") == 1 or usage.count("Error") == 1
