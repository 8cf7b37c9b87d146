"""`python -m servers` reports a wrong option before it starts anything."""

import subprocess
import sys
from pathlib import Path

import pytest

from servers.deploy.child_process import ChildFailed, started
from servers.transports import TRANSPORTS

pytestmark = pytest.mark.process


def refused(*arguments: str, **env: str) -> str:
    """Run the command, which must fail, and return its error output on one line."""
    command = [sys.executable, "-m", "servers", *arguments]
    env["COLUMNS"] = "200"
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=20, env=env)
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


def test_an_unknown_transport_is_answered_with_the_known_ones() -> None:
    output = refused("carrier_pigeon")
    assert all(transport.slug in output for transport in TRANSPORTS)


def test_several_workers_are_refused_on_the_embedded_store() -> None:
    assert "one process" in refused("short_polling", "--workers", "2")


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("store", ["redis://127.0.0.1:1/0", "postgresql://chat@127.0.0.1:1/chat"])
def test_a_store_that_is_shared_needs_a_secret_that_is_shared(store: str, workers: str) -> None:
    output = refused("short_polling", "--workers", workers, "--store", store)
    assert "CHAT_SECRET" in output
    assert "openssl" in output


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("store", ["redis://127.0.0.1:1/0", "postgresql://chat@127.0.0.1:1/chat"])
def test_an_engine_that_does_not_respond_is_reported_once(store: str, workers: str) -> None:
    output = refused("short_polling", "--workers", workers, "--store", store, CHAT_SECRET="secret")
    assert output.count("127.0.0.1:1") == 1 or output.count("Error") == 1


@pytest.mark.parametrize("store", ["chat.db", "mysql://x", "sqlite:///no/such/folder/chat.db"])
def test_an_unfit_store_is_refused(store: str) -> None:
    assert "store" in refused("short_polling", "--store", store)


def test_a_second_process_on_the_same_file_is_refused(tmp_path: Path) -> None:
    command = ["servers", "short_polling", "--port", "0", "--store", f"sqlite:///{tmp_path}/chat.db"]
    with started(command), pytest.raises(ChildFailed, match="ended with status 2"), started(command):
        pass


@pytest.mark.parametrize("option", ["--lease", "--hold", "--port"])
def test_a_duration_or_port_out_of_range_is_refused(option: str) -> None:
    assert option in refused("short_polling", option, "-1")


def test_half_the_credentials_of_a_push_service_are_refused_by_name() -> None:
    assert "PUSHER_SECRET" in refused("pusher_adapter", PUSHER_KEY="key", PUSHER_APP_ID="1")


def test_a_push_services_port_must_be_a_number() -> None:
    credentials = {"PUSHER_KEY": "key", "PUSHER_APP_ID": "1", "PUSHER_SECRET": "s", "PUSHER_HOST": "127.0.0.1"}
    assert "PUSHER_PORT" in refused("pusher_adapter", **credentials, PUSHER_PORT="many")
