"""A chat over a raw WebSocket, as short as it can be: one process, one connection for each person, no credentials.

    python -m servers.shortest.raw_websocket_chat serve 8765
    python -m servers.shortest.raw_websocket_chat talk ws://127.0.0.1:8765

Teaches that a relay takes three lines, and that the client waits for the connection before it sends. Leaves out the
sender's identity, messages that were sent before one joined or while the connection was broken, and the Origin check,
which the rest of this project has. No proxy: the server listens on this machine only.
"""

import asyncio
import sys

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, broadcast, serve


async def relay(client: ServerConnection) -> None:
    async for text in client:
        broadcast(client.server.connections, text)


async def host(port: int) -> None:
    async with serve(relay, "127.0.0.1", port) as server:
        print(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await server.serve_forever()


async def receive(connection: ClientConnection) -> None:
    async for text in connection:
        print(text, flush=True)


async def talk(url: str) -> None:
    async with connect(url, proxy=None) as connection, asyncio.TaskGroup() as tasks:
        tasks.create_task(receive(connection))
        print("listening", flush=True)
        while text := await asyncio.to_thread(sys.stdin.readline):
            await connection.send(text.rstrip())
        await connection.close()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", port]:
            asyncio.run(host(int(port)))
        case ["talk", url]:
            asyncio.run(talk(url))
        case _:
            sys.exit("expected: serve PORT, or talk URL")
