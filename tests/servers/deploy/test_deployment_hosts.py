"""The files for real hosts, as far as they can be tried here: entry points, commands, health checks.

And processes that are replaced while a deployment is in use. tests/outages and tests/conformance test how it serves.
"""

import asyncio
import json
import os
import re
import runpy
import shlex
import signal
import ssl
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import AsyncMock, Mock, patch

import anyio
import httpx
import pytest

from clients.errors import Refused
from clients.http_session import tls_context
from servers.core.auth import Tokens
from servers.core.errors import Unavailable
from servers.core.settings import Settings
from servers.deploy import server
from servers.deploy.child_process import READY_S, free_port, started
from servers.deploy.separate_websocket_server.remote_api import Api
from servers.transports import find
from tests.support.chat_harness import ChatHarness, deliver
from tests.support.clock import FakeClock
from tests.support.deadline import DEADLINE_S
from tests.support.engines import Engines
from tests.support.guest import until, until_logins_are_answered
from tests.support.pusher_process import push_service, service_settings

pytestmark = pytest.mark.process
FOLDER = Path(__file__).parents[3] / "servers" / "deploy"
ENTRIES = ("pusher_and_serverless", "separate_websocket_server")


@contextmanager
def listening(
    command: Sequence[str], port: int, env: Mapping[str, str], folder: Path | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command that listens on a port, as a host would, until the block ends."""
    with subprocess.Popen(command, env={**os.environ, **env}, stdout=subprocess.DEVNULL, cwd=folder) as process:
        try:
            until(lambda: answers(port) or process.poll() is not None)
            assert process.poll() is None, f"{command}: does not listen on {port}"
            yield process
        finally:
            process.kill()


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False, verify=tls_context()).is_success
    except httpx.TransportError:
        return False


async def test_the_entry_point_of_functions_serves_a_chat_without_a_lifespan(engines: Engines) -> None:
    port = free_port()
    command = ["uvicorn", "api.index:app", "--port", str(port), "--lifespan", "off", "--log-level", "warning"]
    with push_service() as service:
        env = {"CHAT_STORE": engines.fresh_url("redis"), "CHAT_SECRET": "secret", **service_settings(service.address)}
        with listening([sys.executable, "-m", *command], port, env, FOLDER / "pusher_and_serverless"):
            adapter = ChatHarness(find("pusher_adapter"), f"http://127.0.0.1:{port}")
            async with adapter.joined("Ada", "Bob") as (ada, bob):
                await deliver("hello", ada, bob)


@pytest.mark.parametrize("store", ["", "sqlite:///chat.db"])
@pytest.mark.parametrize("deployment", ENTRIES)
def test_an_entry_point_needs_a_shared_store(deployment: str, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_STORE", store)
    with pytest.raises(ValueError, match="CHAT_STORE: expected redis://"):
        runpy.run_path(str(FOLDER / deployment / "api" / "index.py"))


@pytest.mark.parametrize(
    ("slug", "env", "missing"),
    [("short_polling", {}, "CHAT_SECRET"), ("pusher_adapter", {"CHAT_SECRET": "secret"}, "PUSHER_KEY")],
)
async def test_an_application_that_cannot_be_made_leaves_no_store_open(
    slug: str, env: dict[str, str], missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Mock(close=AsyncMock())
    monkeypatch.setattr(server, "open_store", AsyncMock(return_value=store))
    with patch.dict(os.environ, env, clear=True), pytest.raises(ValueError, match=missing):
        await server.open_app(slug, "redis://x", Settings())
    store.close.assert_awaited_once()


def dockerfile(instruction: str) -> list[str]:
    """Return the JSON form of the last such instruction in the single server's Dockerfile."""
    text = (FOLDER / "single_server" / "Dockerfile").read_text()
    return list(json.loads(re.findall(rf"^\s*{instruction} (\[.*\])$", text, re.MULTILINE)[-1]))


def is_healthy(env: Mapping[str, str]) -> bool:
    """Return the result of the container's own health check, which must not use the environment's proxy."""
    env = {**os.environ, **env, "http_proxy": "http://127.0.0.1:1"}
    check = subprocess.run(as_here(dockerfile("CMD")), check=False, stderr=subprocess.DEVNULL, env=env)
    return check.returncode == 0


def as_here(command: Sequence[str]) -> list[str]:
    """Return a host's command with this Python, and on loopback only."""
    return [{"python": sys.executable, "0.0.0.0": "127.0.0.1"}.get(part, part) for part in command]


def from_procfile(deployment: str) -> list[str]:
    kind, _, command = (FOLDER / deployment / "Procfile").read_text().strip().partition(": ")
    assert kind == "web"
    return shlex.split(command)


def from_unit() -> list[str]:
    unit = (FOLDER / "single_server" / "chat.service").read_text()
    (command,) = re.findall(r"^ExecStart=\S+/python (.*)$", unit, re.MULTILINE)
    return ["python", *shlex.split(command)]


def test_every_host_of_a_single_server_runs_the_same_command() -> None:
    in_container = dockerfile("ENTRYPOINT")
    assert from_procfile("single_server") == in_container
    assert from_unit() == [part for part in in_container if part not in ("--host", "0.0.0.0")]  # a proxy is before it


async def test_a_hosts_command_serves_page_and_sockets_and_stops_on_sigterm(tmp_path: Path) -> None:
    port = free_port()
    env = {"PORT": str(port), "CHAT_STORE": f"sqlite:///{tmp_path}/chat.db", "CHAT_HOSTS": "chat.example.com other"}
    with listening(as_here(dockerfile("ENTRYPOINT")), port, env) as process:
        address = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=DEADLINE_S) as http:
            assert (await http.get("/web/chat.html", headers={"Host": "chat.example.com"})).is_success
        async with ChatHarness(find("raw_websocket"), address).joined("Ada", "Bob") as (ada, bob):
            await deliver("hello", ada, bob)
            assert await asyncio.to_thread(is_healthy, env)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, DEADLINE_S) == 0
        assert not await asyncio.to_thread(is_healthy, env)


async def test_the_separate_servers_command_serves_sockets_for_an_api_without_a_lifespan(engines: Engines) -> None:
    port, api_port = free_port(), free_port()
    env = {"CHAT_STORE": engines.fresh_url("redis"), "CHAT_SECRET": "secret"}
    api = ["uvicorn", "api.index:app", "--port", str(api_port), "--lifespan", "off", "--log-level", "warning"]
    socket_env = {**env, "PORT": str(port), "CHAT_API": f"http://127.0.0.1:{api_port}"}
    with (
        listening([sys.executable, "-m", *api], api_port, env, FOLDER / "separate_websocket_server"),
        listening(as_here(from_procfile("separate_websocket_server")), port, socket_env),
    ):
        async with ChatHarness(find("raw_websocket"), f"http://127.0.0.1:{port}").joined("Ada", "Bob") as (ada, bob):
            await deliver("hello", ada, bob)


@pytest.mark.parametrize("error", [httpx.ReadError(""), httpx.DecodingError(""), anyio.EndOfStream(), ssl.SSLError()])
async def test_a_request_to_the_api_that_fails_may_be_tried_again(error: Exception) -> None:
    api = Api("http://api.test", Tokens("secret", FakeClock(), 60))
    with patch.object(api._http, "request", side_effect=error), pytest.raises(Unavailable, match="try again"):
        await api.forward("GET", "/", b"", [])
    await api.close()


@pytest.mark.parametrize("deployment", ENTRIES)
def test_vercels_configuration_names_an_entry_point_and_a_package_that_exist(deployment: str) -> None:
    configuration = json.loads((FOLDER / deployment / "vercel.json").read_text())
    assert all((FOLDER / deployment / name).exists() for name in configuration["functions"])
    assert [f"{rule['destination']}.py" for rule in configuration["rewrites"]] == [
        f"/{name}" for name in configuration["functions"]
    ]
    installed = tomllib.loads((FOLDER / deployment / "pyproject.toml").read_text())
    (name,) = installed["project"]["dependencies"]
    ours = FOLDER / deployment / installed["tool"]["uv"]["sources"][name]["path"] / "pyproject.toml"
    assert tomllib.loads(ours.read_text())["project"]["name"] == name


def test_the_files_that_a_host_builds_exist() -> None:
    configuration = json.loads((FOLDER / "single_server" / "railway.json").read_text())
    assert (FOLDER.parents[1] / configuration["build"]["dockerfilePath"]).exists()
    assert configuration["deploy"]["healthcheckPath"] in (FOLDER / "single_server" / "render.yaml").read_text()


async def test_a_new_version_replaces_our_processes_and_not_the_vendors() -> None:
    with started(["servers", "deploy", "pusher-and-serverless", "--port", "0"]) as running:
        async with httpx.AsyncClient(base_url=running.address, trust_env=False, timeout=READY_S) as http:
            await http.get("/health")
            before = (await http.get("/host/stats")).json()["pids"]
            os.kill(running.facts["pids"]["supervisor"], signal.SIGHUP)
            now = await asyncio.to_thread(running.next_line, READY_S)
            async with asyncio.timeout(2 * READY_S):  # a request may reach the host before the signal does
                while set(before) & set((await http.get("/host/stats")).json()["pids"]):
                    await http.get("/health")
    assert now["happened"] == "api has its new version"
    assert now["pids"] == running.facts["pids"]


async def test_connections_outlive_a_killed_api_and_pass_on_the_refusals_of_its_successor() -> None:
    with started(["servers", "deploy", "separate-websocket-server", "--port", "0"]) as running:
        await until_logins_are_answered(running.address)
        async with ChatHarness(find("raw_websocket"), running.address).joined("Ada", "Bob") as (ada, bob):
            os.kill(running.facts["pids"]["api"], signal.SIGKILL)
            await deliver("while the API comes back", ada, bob)
            assert ada.connected and bob.connected
            with pytest.raises(Refused) as refusal:
                await ada.send("x" * 4097)  # one byte more than the API's limit
            assert refusal.value.code == "too_large"
