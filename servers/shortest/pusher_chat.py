"""A chat through Pusher, as short as it can be: an API that publishes, a push service that holds the connections.

    python -m servers.shortest.pusher_chat serve 8000
    python -m servers.shortest.pusher_chat talk http://127.0.0.1:8000

The environment names the application (PUSHER_APP_ID, PUSHER_KEY, PUSHER_SECRET) and the service: PUSHER_CLUSTER, or
PUSHER_HOST and PUSHER_PORT of a stand-in. Teaches that sending and receiving use different connections, and that
nothing arrives before the service has confirmed the subscription. Leaves out private channels.
"""

import asyncio
import json
import os
import socket
import sys

import httpx
import uvicorn
from anyio.to_thread import run_sync
from pusher import Pusher
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from websockets.asyncio.client import ClientConnection, connect

# No proxy of the environment reaches this machine: the API, and a stand-in for the service.
os.environ["no_proxy"] = f"127.0.0.1,localhost,{os.environ.get('no_proxy') or os.environ.get('NO_PROXY', '')}"
CHANNEL, EVENT = "chat-room", "new-message"


def publisher() -> Pusher:
    app_id, key, secret = (os.environ[name] for name in ("PUSHER_APP_ID", "PUSHER_KEY", "PUSHER_SECRET"))
    if host := os.environ.get("PUSHER_HOST"):
        return Pusher(app_id, key, secret, ssl=False, host=host, port=int(os.environ["PUSHER_PORT"]))
    return Pusher(app_id, key, secret, cluster=os.environ["PUSHER_CLUSTER"])


def service_url() -> str:
    if host := os.environ.get("PUSHER_HOST"):
        return f"ws://{host}:{os.environ['PUSHER_PORT']}/app/{os.environ['PUSHER_KEY']}?protocol=7"
    return f"wss://ws-{os.environ['PUSHER_CLUSTER']}.pusher.com/app/{os.environ['PUSHER_KEY']}?protocol=7"


def host(port: int) -> None:
    pusher = publisher()

    async def publish(request: Request) -> Response:
        await run_sync(pusher.trigger, CHANNEL, EVENT, {"text": (await request.body()).decode(errors="replace")})
        return Response(status_code=204)

    app = Starlette(
        routes=[Route("/", publish, methods=["POST"])], exception_handlers={ClientDisconnect: lambda *_: Response()}
    )
    with socket.create_server(("127.0.0.1", port)) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


async def receive(connection: ClientConnection) -> None:
    async for frame in connection:
        match json.loads(frame):
            case {"event": "pusher_internal:subscription_succeeded"}:
                print("listening", flush=True)
            case {"event": "pusher:ping"}:
                await connection.send(json.dumps({"event": "pusher:pong"}))
            case {"event": event, "data": data} if event == EVENT:
                print(json.loads(data)["text"], flush=True)


async def talk(url: str) -> None:
    async with connect(service_url()) as connection, httpx.AsyncClient() as api, asyncio.TaskGroup() as tasks:
        tasks.create_task(receive(connection))
        await connection.send(json.dumps({"event": "pusher:subscribe", "data": {"channel": CHANNEL}}))
        while text := await asyncio.to_thread(sys.stdin.readline):
            (await api.post(url, content=text.rstrip())).raise_for_status()
        await connection.close()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", port]:
            host(int(port))
        case ["talk", url]:
            asyncio.run(talk(url))
        case _:
            sys.exit("expected: serve PORT, or talk URL")
