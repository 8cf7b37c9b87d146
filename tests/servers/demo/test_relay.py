"""The demo's relay: late when asked to be, silent when cut, and otherwise not noticed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from servers.demo.relay import Relay

pytestmark = pytest.mark.anyio
DEADLINE_S = 5.0
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send everything back, and a last word at the end."""
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
        writer.write(b"goodbye")
    writer.close()


@asynccontextmanager
async def relayed() -> AsyncIterator[Relay]:
    """Yield a relay to an echo."""
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, asyncio.timeout(DEADLINE_S), Relay(lambda: address) as relay:
        yield relay


@asynccontextmanager
async def connected(relay: Relay) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def ended(reader: asyncio.StreamReader) -> bool:
    """Wait for the end of a connection, which may be a reset."""
    try:
        return await reader.read() == b""
    except ConnectionError:
        return True


async def test_a_relay_passes_everything_on_and_the_end_as_well() -> None:
    async with relayed() as relay, connected(relay) as (reader, writer):
        writer.write(b"one")
        assert await reader.readexactly(3) == b"one"
        writer.write_eof()
        assert await reader.read() == b"goodbye"


async def test_distance_costs_a_round_trip_to_connect_and_one_for_each_response() -> None:
    async with relayed() as relay:
        relay.delay_s = 0.05
        began_s = asyncio.get_running_loop().time()
        async with connected(relay) as (reader, writer):
            for transits in (4, 6):
                writer.write(b"word")
                await reader.readexactly(4)
                assert asyncio.get_running_loop().time() - began_s >= transits * relay.delay_s


async def test_a_cut_ends_every_connection_and_refuses_others_until_it_is_over() -> None:
    async with relayed() as relay:
        async with connected(relay) as (reader, writer):
            writer.write(b"one")
            await reader.readexactly(3)
            relay.is_cut = True
            assert await ended(reader)
        async with connected(relay) as (reader, _):
            assert await ended(reader)
        relay.is_cut = False
        async with connected(relay) as (reader, writer):
            writer.write(b"two")
            assert await reader.readexactly(3) == b"two"


@pytest.mark.parametrize("nowhere", ["http://127.0.0.1:1", ""])
async def test_a_server_that_is_not_there_looks_like_a_cut(nowhere: str) -> None:
    async with Relay(lambda: nowhere) as relay, connected(relay) as (reader, _):
        assert await ended(reader)


@pytest.mark.parametrize("pieces", [1, 50])
async def test_delayed_pieces_keep_their_order(pieces: int) -> None:
    sent = [b"%04d" % number for number in range(pieces)]
    async with relayed() as relay:
        relay.delay_s = 0.01
        async with connected(relay) as (reader, writer):
            for piece in sent:
                writer.write(piece)
                await writer.drain()
            assert await reader.readexactly(4 * pieces) == b"".join(sent)
