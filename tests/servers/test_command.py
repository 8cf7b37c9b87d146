"""`python -m servers` reports a wrong option before it starts anything."""

import subprocess
import sys
from pathlib import Path

import pytest

from servers.deploy.child_process import ChildFailed, started
from servers.deploy.deployments import DEPLOYMENTS
from servers.transports import TRANSPORTS

pytestmark = pytest.mark.process


def refused(*arguments: str, module: str = "servers", **env: str) -> str:
    """Run a command, which must fail, and return its error output on one line."""
    command = [sys.executable, "-m", module, *arguments]
    env["COLUMNS"] = "200"
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=20, env=env)
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


SERVICE = {"PUSHER_KEY": "key", "PUSHER_APP_ID": "1", "PUSHER_SECRET": "s", "PUSHER_HOST": "127.0.0.1"}
API, FUNCTIONS = ("--api", "http://127.0.0.1:1"), ("deploy", "pusher-and-serverless")
REFUSED: dict[str, tuple[list[str], dict[str, str], list[str]]] = {
    "an unknown transport": (["carrier_pigeon"], {}, [transport.slug for transport in TRANSPORTS]),
    "workers on the embedded store": (["short_polling", "--workers", "2"], {}, ["one process"]),
    "a file without a scheme": (["short_polling", "--store", "chat.db"], {}, ["store"]),
    "an unknown scheme": (["short_polling", "--store", "mysql://x"], {}, ["store"]),
    "a folder that is missing": (["short_polling", "--store", "sqlite:///no/such/folder/chat.db"], {}, ["store"]),
    "a negative lease": (["short_polling", "--lease", "-1"], {}, ["--lease"]),
    "a negative hold": (["short_polling", "--hold", "-1"], {}, ["--hold"]),
    "a negative port": (["short_polling", "--port", "-1"], {}, ["--port"]),
    "half the credentials": (["pusher_adapter"], {"PUSHER_KEY": "key", "PUSHER_APP_ID": "1"}, ["PUSHER_SECRET"]),
    "an unknown deployment": (["deploy", "on-the-moon"], {}, [deployment.name for deployment in DEPLOYMENTS]),
    "functions on the embedded store": ([*FUNCTIONS, "--store", "sqlite"], {}, ["functions are many"]),
    "functions on a file": ([*FUNCTIONS, "--store", "sqlite:///chat.db"], {}, ["functions are many"]),
    "an API elsewhere on a file": (["raw_websocket", *API, "--store", "sqlite:///chat.db"], {}, ["--api"]),
    "an API elsewhere for polls": (["short_polling", *API, "--store", "redis://x"], {"CHAT_SECRET": "s"}, ["--api"]),
    "a push service's port in words": (["pusher_adapter"], {**SERVICE, "PUSHER_PORT": "many"}, ["PUSHER_PORT"]),
}


@pytest.mark.parametrize(("arguments", "env", "named"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_served_is_refused_by_name(arguments: list[str], env: dict[str, str], named: list[str]) -> None:
    output = refused(*arguments, **env)
    assert all(word in output for word in named)


def test_missing_credentials_of_the_push_service_are_named() -> None:
    assert "PUSHER_KEY, PUSHER_SECRET" in refused(module="servers.pusher_service", PUSHER_APP_ID="7")


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("store", ["redis://127.0.0.1:1/0", "postgresql://chat@127.0.0.1:1/chat"])
def test_a_shared_store_needs_a_shared_secret_and_an_engine_that_responds(store: str, workers: str) -> None:
    command = ["short_polling", "--workers", workers, "--store", store]
    output = refused(*command)
    assert "CHAT_SECRET" in output and "openssl" in output
    _, _, usage = refused(*command, CHAT_SECRET="secret").partition("Usage:")  # before it, a store may log its fault
    assert usage.count("127.0.0.1:1") == 1 or usage.count("Error") == 1


def test_a_second_process_on_the_same_file_is_refused(tmp_path: Path) -> None:
    command = ["servers", "short_polling", "--port", "0", "--store", f"sqlite:///{tmp_path}/chat.db"]
    with started(command), pytest.raises(ChildFailed, match="ended with status 2"), started(command):
        pass
