"""The shortest honest chat over a raw WebSocket: one process, one line for each person, no credentials.

    python -m servers.shortest.raw_websocket_chat serve 8765
    python -m servers.shortest.raw_websocket_chat talk ws://127.0.0.1:8765

Teaches that a relay is three lines, and the line is open before anything is said on it. Leaves out who is speaking,
what was said before one came or while the line was broken, and whose page is asking: what the rest of this project
is made of.
"""

import asyncio
import sys

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, broadcast, serve


async def relay(person: ServerConnection) -> None:
    async for text in person:
        broadcast(person.server.connections, text)


async def host(port: int) -> None:
    async with serve(relay, "127.0.0.1", port) as server:
        print(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await server.serve_forever()


async def listen(line: ClientConnection) -> None:
    async for text in line:
        print(text, flush=True)


async def talk(url: str) -> None:
    async with connect(url) as line, asyncio.TaskGroup() as tasks:
        tasks.create_task(listen(line))
        print("listening", flush=True)
        while words := await asyncio.to_thread(sys.stdin.readline):
            await line.send(words.rstrip())
        await line.close()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", port]:
            asyncio.run(host(int(port)))
        case ["talk", url]:
            asyncio.run(talk(url))
        case _:
            sys.exit("expected: serve PORT, or talk URL")
