"""The link between a window and a server: late when asked to be, silent when cut, and otherwise not there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from servers.demo.link import Link

PATIENCE_S = 5.0


class Echo(asyncio.Protocol):
    """Says everything back, and goodbye at the end."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)

    def eof_received(self) -> None:
        self._transport.write(b"goodbye")


@asynccontextmanager
async def linked() -> AsyncIterator[Link]:
    """Yield a link to an echo."""
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    link = await Link.laid(lambda: address)
    async with server, asyncio.timeout(PATIENCE_S):
        yield link
        await link.close()


@asynccontextmanager
async def connected(link: Link) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    source, sink = await asyncio.open_connection("127.0.0.1", int(link.address.rpartition(":")[2]))
    try:
        yield source, sink
    finally:
        sink.close()
        with suppress(ConnectionError):
            await sink.wait_closed()


def test_a_link_passes_everything_on_and_the_end_as_well() -> None:
    async def scene() -> None:
        async with linked() as link, connected(link) as (source, sink):
            sink.write(b"one")
            assert await source.readexactly(3) == b"one"
            sink.write_eof()
            assert await source.read() == b"goodbye"

    asyncio.run(scene())


def test_distance_costs_a_round_trip_to_open_a_line_and_one_for_each_answer() -> None:
    async def scene() -> None:
        async with linked() as link:
            link.delay_s = 0.05
            began_s = asyncio.get_running_loop().time()
            async with connected(link) as (source, sink):
                for waits in (4, 6):
                    sink.write(b"word")
                    await source.readexactly(4)
                    assert asyncio.get_running_loop().time() - began_s >= waits * link.delay_s

    asyncio.run(scene())


def test_a_cut_ends_every_line_and_opens_none_until_it_is_mended() -> None:
    async def scene() -> None:
        async with linked() as link:
            async with connected(link) as (source, sink):
                sink.write(b"one")
                await source.readexactly(3)
                link.is_cut = True
                assert await ended(source)
            async with connected(link) as (source, _):
                assert await ended(source)
            link.is_cut = False
            async with connected(link) as (source, sink):
                sink.write(b"two")
                assert await source.readexactly(3) == b"two"

    asyncio.run(scene())


@pytest.mark.parametrize("nowhere", ["http://127.0.0.1:1", ""])
def test_a_server_that_is_not_there_looks_like_a_cut(nowhere: str) -> None:
    async def scene() -> None:
        link = await Link.laid(lambda: nowhere)
        async with connected(link) as (source, _):
            assert await ended(source)
        await link.close()

    asyncio.run(scene())


async def ended(source: asyncio.StreamReader) -> bool:
    """Wait for the end of a line, which may come without a word."""
    try:
        return await source.read() == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize("pieces", [1, 50])
def test_a_late_line_keeps_the_order(pieces: int) -> None:
    async def scene() -> None:
        async with linked() as link:
            link.delay_s = 0.01
            said = b"".join(b"%04d" % number for number in range(pieces))
            async with connected(link) as (source, sink):
                for start in range(0, len(said), 4):
                    sink.write(said[start : start + 4])
                    await sink.drain()
                assert await source.readexactly(len(said)) == said

    asyncio.run(scene())
