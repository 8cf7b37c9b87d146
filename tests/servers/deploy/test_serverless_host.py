"""The serverless host starts, freezes, limits, bills and ends functions as real ones do, with short durations."""

import asyncio
import re
import signal
from collections.abc import Callable
from time import perf_counter
from typing import Any

import httpx
import psutil
import pytest
from uvicorn.server import ServerState
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from servers.connection_limits import ConnectionLimits
from servers.deploy.child_process import ChildProcess, started
from servers.deploy.serverless.host import hosting
from servers.deploy.serverless.invocation import passed_on
from servers.deploy.serverless.profiles import PROFILES, Profile
from servers.serving import HttpSettings
from tests.support.deadline import DEADLINE_S
from tests.support.guest import guest
from tests.support.listener import UPGRADE, Listener
from tests.support.serverless_host import CLASSIC, FLUID, bill, function, longer_than, until

pytestmark = pytest.mark.process
LIMIT_S = 3.0
WAIT_S = 0.2


def waits(client: httpx.AsyncClient, count: int) -> "asyncio.Future[list[httpx.Response]]":
    """Send requests at the same time, each of which takes WAIT_S."""
    return asyncio.gather(*(client.get("/wait", params={"s": WAIT_S}) for _ in range(count)))


def echo(client: httpx.AsyncClient) -> str:
    """Return the address of the function's WebSocket."""
    return str(client.base_url.copy_with(scheme="ws", path="/echo"))


async def until_it_uses_nothing(client: httpx.AsyncClient, pid: int) -> dict[str, Any]:
    """Wait until an instance is stopped and two bills in a row have the same CPU time; return the last bill."""
    last_cpu_s = 0.0

    def is_idle(billed: dict[str, Any]) -> bool:
        nonlocal last_cpu_s
        before_s, last_cpu_s = last_cpu_s, billed["cpu_s"]
        return is_stopped(pid) and last_cpu_s == before_s

    return await until(client, is_idle)


def is_stopped(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_STOPPED


def test_header_fields_of_one_connection_are_not_passed_on() -> None:
    of_one_connection = [(b"Connection", b"close, X-One"), (b"connection", b"x-two"), (b"Upgrade", b"h2c")]
    named = [(b"x-one", b"1"), (b"X-Two", b"2"), (b"Expect", b"100-continue")]
    assert passed_on([*of_one_connection, *named, (b"X-Three", b" 3\t")]) == [(b"X-Three", b"3")]


async def test_only_the_first_request_waits_for_a_cold_start() -> None:
    async with function(CLASSIC) as client:
        begun_s = perf_counter()
        first = (await client.get("/about")).json()
        first_s = perf_counter() - begun_s
        second = (await client.get("/about")).json()
        billed = await bill(client)
    assert (billed["cold_starts"], billed["invocations"]) == (1, 2)
    assert billed["cold_start_s"][0] < first_s
    assert second["pid"] == first["pid"]


async def test_a_background_task_does_not_run_between_requests() -> None:
    async with function(CLASSIC) as client:
        before = (await client.get("/about")).json()
        stopped = await until_it_uses_nothing(client, before["pid"])
        later = await until(client, longer_than(0.5, stopped))
        assert is_stopped(before["pid"])
        assert later["cpu_s"] == stopped["cpu_s"], "50 ticks were due"
        after = (await client.get("/about")).json()
        assert after["pid"] == before["pid"]
        assert after["lived_s"] - before["lived_s"] > 0.5
        waited = (await client.get("/wait", params={"s": 0.1})).json()
        assert waited["pid"] == after["pid"]
        assert (await client.get("/about")).json()["ticks"] > after["ticks"], "it runs while a request is open"


async def test_a_call_beyond_the_limit_gets_the_platforms_error_and_its_instance_is_killed() -> None:
    async with function(CLASSIC, max_duration_s=LIMIT_S) as client:
        pid = (await client.get("/about")).json()["pid"]
        late = await client.get("/wait", params={"s": 10 * DEADLINE_S})
        assert late.status_code == 504
        assert late.headers["x-vercel-error"] == "FUNCTION_INVOCATION_TIMEOUT"
        assert "FUNCTION_INVOCATION_TIMEOUT" in late.text
        billed = await until(client, lambda billed: billed["instances"]["alive"] == 0)
        assert (await client.get("/about")).json()["pid"] != pid
    assert billed["timeouts"] == 1
    assert billed["invocation_s"] >= LIMIT_S


async def test_each_concurrent_call_has_an_instance_and_later_calls_are_spread_over_all() -> None:
    async with function(CLASSIC) as client:
        pids = {response.json()["pid"] for response in await waits(client, 3)}
        assert len(pids) == 3
        one_after_the_other: set[int] = set()
        async with asyncio.timeout(DEADLINE_S):
            while one_after_the_other < pids:
                one_after_the_other.add((await client.get("/about")).json()["pid"])
        assert one_after_the_other == pids
        assert set((await bill(client))["pids"]) == pids


async def test_an_instance_serves_as_many_at_once_as_the_profile_allows() -> None:
    async with function(FLUID, concurrency=3) as client:
        responses = await waits(client, 4)
        billed = await until(client, lambda billed: billed["instances"]["busy"] == 0)
    pids = sorted(response.json()["pid"] for response in responses)
    assert len(set(pids)) == 2
    assert billed["invocation_s"] >= 4 * WAIT_S
    assert 2 * WAIT_S <= billed["instance_busy_s"] < billed["invocation_s"]  # calls of one instance share its bill
    assert billed["held_gb_s"] == FLUID.memory_gb * billed["instance_busy_s"]


async def test_beyond_the_last_instance_a_request_is_refused() -> None:
    async with function(CLASSIC, instances_max=2) as client:
        responses = await waits(client, 3)
        assert sorted(response.status_code for response in responses) == [200, 200, 503]
        (refused,) = (response for response in responses if response.status_code == 503)
        assert refused.headers["x-vercel-error"] == "FUNCTION_THROTTLED"
        assert (await bill(client))["throttled"] == 1
        assert (await client.get("/about")).status_code == 200


async def test_an_idle_instance_is_ended_and_the_next_call_starts_another() -> None:
    async with function(CLASSIC, idle_s=0.1) as client:
        first = (await client.get("/about")).json()
        await until(client, lambda billed: billed["instances"]["alive"] == 0)
        second = (await client.get("/about")).json()
        billed = await bill(client)
    assert second["pid"] != first["pid"]
    assert billed["cold_starts"] == 2
    assert billed["cpu_s"] >= billed["boot_cpu_s"] > 0


async def test_a_call_whose_client_hangs_up_is_billed_to_its_end() -> None:
    async with function(CLASSIC) as client:
        await client.get("/about")
        request = asyncio.create_task(client.get("/wait?s=0.5"))
        await until(client, lambda billed: billed["instances"]["busy"] == 1)
        request.cancel()  # hangs up
        billed = await until(client, lambda billed: billed["instances"]["busy"] == 0)
    assert billed["invocation_s"] >= 0.5


async def test_upgrades_with_a_body_whose_clients_hang_up_hold_no_instance() -> None:
    async with function(FLUID, instances_max=1) as client, asyncio.timeout(DEADLINE_S):
        for _ in range(FLUID.concurrency):
            reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
            writer.write(UPGRADE.format("/echo").encode() + b"Content-Length: 5\r\n\r\nhello")
            writer.write_eof()
            assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
            writer.close()
        assert (await client.get("/about")).status_code == 200


async def test_a_function_that_dies_gets_the_platforms_error_and_is_replaced() -> None:
    async with function(CLASSIC) as client:
        dead = await client.get("/die")
        assert (dead.status_code, dead.headers["x-vercel-error"]) == (500, "FUNCTION_INVOCATION_FAILED")
        assert (await client.get("/about")).status_code == 200
        assert (await bill(client))["failures"] == 1


async def test_a_socket_beyond_the_limit_is_cut_without_a_close_frame() -> None:
    async with function(FLUID, max_duration_s=LIMIT_S) as client:
        async with connect(echo(client), proxy=None, open_timeout=DEADLINE_S) as socket:
            await socket.send("hello")
            assert await socket.recv() == "hello"
            with pytest.raises(ConnectionClosedError) as closed:
                await socket.recv()
        assert closed.value.rcvd is None  # no close frame: a browser calls it 1006
        billed = await bill(client)
        wire = (await client.get("/stats")).json()["wire"]
    assert billed["cut_sockets"] == 1
    assert billed["invocation_s"] >= LIMIT_S
    assert min(wire["websocket"]["received"], wire["websocket"]["sent"]) > 100, "the handshake counts"


async def test_a_socket_that_its_client_closes_ends_its_invocation() -> None:
    async with function(FLUID) as client:
        async with connect(echo(client), proxy=None, open_timeout=DEADLINE_S):
            assert (await bill(client))["instances"]["busy"] == 1
        await until(client, lambda billed: billed["instances"]["busy"] == 0)


async def test_a_body_arrives_whole_or_is_refused_without_a_call() -> None:
    async with function(CLASSIC) as client:
        assert (await client.post("/swallow", content=b"x" * 300_000)).json() == 300_000
        refused = await client.post("/swallow", content=b"x" * 5_000_000)
        assert (refused.status_code, refused.headers["x-vercel-error"]) == (413, "FUNCTION_PAYLOAD_TOO_LARGE")
        assert (await bill(client))["invocations"] == 1


async def test_http_bytes_are_counted_with_headers() -> None:
    request = b"GET /about HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nX-Padding: %b\r\n\r\n" % (b"x" * 1000)
    async with function(CLASSIC) as client:
        listener = Listener(int(client.base_url.port or 0), ServerState())
        before, again = [(await client.get("/stats")).json()["wire"]["http"] for _ in range(2)]
        assert before == again, "reading the counters does not count"
        response = await listener.response_to(request)
        after = (await client.get("/stats")).json()["wire"]["http"]
    assert after["received"] - before["received"] == len(request)
    assert after["sent"] - before["sent"] == len(response)


@pytest.mark.parametrize("start", [b"GET", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"])
async def test_a_head_or_body_that_comes_too_late_is_answered_408(start: bytes) -> None:
    http = HttpSettings(limits=ConnectionLimits(head_s=0.05, body_s=0.05))
    async with hosting(["tests.support.functions"], FLUID, http=http) as (address, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
        writer.write(start)
        assert (await asyncio.wait_for(reader.read(), DEADLINE_S)).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_a_head_is_answered_without_a_body_by_host_and_function_alike() -> None:
    async with function(CLASSIC) as client:
        for path in ("/host/stats", "/about", "/host/stats"):
            response = await client.head(path)
            assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize("end", [ChildProcess.close_input, lambda host: host.process.kill()], ids=["stop", "kill"])
async def test_the_end_of_a_host_ends_its_frozen_instances_too(end: Callable[[ChildProcess], None]) -> None:
    with started(["servers.deploy.serverless", "short_polling", "--instances", "1", "--port", "0"]) as host:
        async with httpx.AsyncClient(base_url=host.address, trust_env=False, timeout=DEADLINE_S) as client:
            await client.get("/health")
            (pid,) = (await bill(client))["pids"]
            await until(client, lambda billed: is_stopped(pid))
        instance = psutil.Process(pid)
        end(host)
        assert await asyncio.to_thread(host.process.wait, DEADLINE_S) in (0, -signal.SIGKILL)
        await asyncio.to_thread(instance.wait, DEADLINE_S)


async def test_a_new_version_gets_the_next_calls_and_the_old_one_finishes_its_own() -> None:
    async with (
        hosting(["tests.support.functions"], FLUID) as (address, renew),
        httpx.AsyncClient(base_url=address, trust_env=False, timeout=DEADLINE_S) as client,
    ):
        waiting = asyncio.create_task(client.get("/wait", params={"s": 0.5}))
        await until(client, lambda billed: billed["instances"]["busy"] == 1)
        renew()
        new = (await client.get("/about")).json()["pid"]
        old = (await waiting).json()["pid"]
        await until(client, lambda billed: billed["pids"] == [new])
    assert old != new


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_a_profile_states_its_date_and_its_source(profile: Profile) -> None:
    assert re.search(r"20\d\d", profile.as_of)
    assert profile.known in ("first hand", "second hand")
    assert profile.sources
    assert all(source.startswith("https://") for source in profile.sources)


def test_the_ready_line_has_the_addresses_of_host_and_push_service_and_the_limits() -> None:
    arguments = ["pusher_adapter", "--profile", "fluid-2026", "--max-duration", "7", "--instances", "1", "--port", "0"]
    command = ["servers.deploy.serverless", *arguments, "--server-options", "--lease 8"]
    with started(command) as host, guest(host.address) as ada:
        assert host.facts["settings"]["max_duration_s"] == 7
        assert set(host.facts["pids"]) == {"api", "push_service"}
        assert httpx.get(f"{host.facts['push_service']}/health", trust_env=False, timeout=DEADLINE_S).is_success
        assert ada.http.get("/health").json()["transport"] == "pusher_adapter"
        assert ada.post("join").json()["lease_s"] == 8
        stats = ada.http.get("/stats").json()
    assert (stats["transport"], stats["push_service"]) == ("pusher_adapter", host.facts["push_service"])
