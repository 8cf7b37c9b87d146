"""The instances of a function: how they fail to start, and how they and their host end."""

import asyncio
import os
import random
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import AsyncMock

import pytest
from websockets.asyncio.client import connect

from servers.deploy.child_process import ChildFailed
from servers.deploy.serverless import __main__ as command
from servers.deploy.serverless import invocation
from servers.deploy.serverless.edge_client import Refused
from servers.deploy.serverless.fleet import Fleet
from servers.deploy.serverless.instance import Instance
from servers.deploy.serverless.meter import Meter
from tests.support.serverless_host import CLASSIC, FLUID, function, until

pytestmark = pytest.mark.process


async def test_an_instance_that_does_not_start_is_reported_without_its_stores_password() -> None:
    instance = Instance(["servers.missing", "--store", "redis://chat:secret@host/0"], {})
    for reason in ("expected a ready line, got b''", "did not start"):
        with pytest.raises(ChildFailed, match=f"redis://host/0: {reason}") as failed:
            await instance.ready()
        assert "secret" not in str(failed.value)


async def test_an_instance_that_cannot_be_created_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    create = AsyncMock(side_effect=OSError("no descriptors"))
    monkeypatch.setattr(asyncio, "create_subprocess_exec", create)
    instance = Instance(["servers"], {})
    for reason in ("no descriptors", "did not start"):
        with pytest.raises(ChildFailed, match=reason):
            await instance.ready()
    create.assert_awaited_once()


async def test_a_closed_fleet_ends_the_instance_that_is_being_created_and_starts_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    creating, closed = asyncio.Event(), asyncio.Event()
    created: list[Process] = []
    create = asyncio.create_subprocess_exec

    async def create_later(*arguments: str, **options: Any) -> Process:
        creating.set()
        await closed.wait()
        created.append(await create(*arguments, **options))
        return created[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", create_later)
    fleet = Fleet(lambda: Instance(["tests.support.functions"], {}), CLASSIC, Meter(), random.Random(1))
    early = asyncio.create_task(fleet.acquired().__aenter__())
    await creating.wait()
    await fleet.close()
    closed.set()
    with pytest.raises(ChildFailed):
        await early
    with pytest.raises(Refused, match="FUNCTION_THROTTLED"):
        await fleet.acquired().__aenter__()
    assert [process.returncode is not None for process in created] == [True]


async def test_an_instance_that_is_late_to_respond_to_a_goodbye_has_not_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invocation, "CLOSE_S", 0.1)
    async with function(FLUID) as client:
        pid = (await client.get("/about")).json()["pid"]
        async with connect(str(client.base_url.copy_with(scheme="ws", path="/echo")), proxy=None):
            os.kill(pid, signal.SIGSTOP)
        billed = await until(client, lambda billed: billed["instances"]["busy"] == 0)
    assert (billed["failures"], billed["instances"]["alive"]) == (0, 1)


async def test_a_host_whose_input_has_ended_reads_it_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(writing)
    is_read: list[bool] = []

    @asynccontextmanager
    async def hosting(*_: Any, **__: Any) -> AsyncIterator[tuple[str, Callable[[], None]]]:
        yield "", lambda: None
        is_read.append(asyncio.get_running_loop().remove_reader(reading))

    monkeypatch.setattr(command, "hosting", hosting)
    monkeypatch.setattr(command, "STDIN", reading)
    await command._host([], CLASSIC, 0, "short_polling", {}, attached=True)
    os.close(reading)
    assert is_read == [False]
