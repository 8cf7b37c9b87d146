"""A subscription to a room's channel: made in the background, and made again when the connection is lost.

Teaches that a client need not wait for it: until the subscription is ready, it polls. What crosses the wire: `GET
/pusher/service` and `POST /pusher/auth` to the API, then the frames of `clients.pusher_frames` to the push service.
"""

import asyncio
from contextlib import suppress

from clients.backoff import Backoff
from clients.errors import ConnectionLost
from clients.http_session import HttpSession
from clients.pusher_socket import PusherSocket
from servers.core.wire import Page, ServiceAddress, SignedSubscription, decode


class PusherSubscription:
    """One socket to the push service, subscribed to the room of an HTTP session.

    silence_s: after how much silence its client reads; 0, as long as nothing else is known, if it sends heartbeats.
    """

    def __init__(self, http: HttpSession) -> None:
        self.silence_s = 0.0
        self._http = http
        self._backoff = Backoff(http.options.backoff_s, http.options.backoff_max_s)
        self._attempt: asyncio.Task[PusherSocket] | None = None

    def start(self, pause_s: float = 0.0) -> None:
        """Begin to subscribe after a pause. Does not wait."""
        self._attempt = asyncio.create_task(self._subscribe(pause_s))

    async def ready(self, within_s: float) -> bool:
        """Wait until it is subscribed, `within_s` at most; return whether it is. Raises Refused."""
        assert self._attempt is not None
        if not self._attempt.done():
            await asyncio.wait([self._attempt], timeout=within_s)
        return self._attempt.done() and bool(self._attempt.result())

    async def receive(self) -> Page:
        """Wait for the next page that is pushed. May be cancelled without losing one. Raises ConnectionLost."""
        assert self._attempt is not None
        socket = self._attempt.result()
        while (frame := await socket.receive()).event != "page":
            pass
        self._backoff.reset()
        return decode(frame.data, type=Page)

    async def restart(self) -> None:
        """Close the socket, and begin to subscribe again after a pause."""
        await self.close()
        self.start(self._backoff.next_s())

    async def close(self) -> None:
        """Close the socket, or stop trying to open one."""
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.cancel()
            (result,) = await asyncio.gather(attempt, return_exceptions=True)
            if isinstance(result, PusherSocket):
                await result.close()

    async def _subscribe(self, pause_s: float) -> PusherSocket:
        """Subscribe after a pause, and again after others until it succeeds. Raises Refused."""
        while True:
            await asyncio.sleep(pause_s)
            with suppress(ConnectionLost, TimeoutError):
                async with asyncio.timeout(self._http.options.response_s):
                    return await self._connect()
            pause_s = self._backoff.next_s()

    async def _connect(self) -> PusherSocket:
        address = await self._http.get("/pusher/service", ServiceAddress)
        self.silence_s = address.silence_s
        socket = await PusherSocket.connect(address, self._http.options.response_s)
        try:
            channel = address.channel_prefix + self._http.room
            form = {"socket_id": socket.socket_id, "channel_name": channel, "connection": self._http.connection}
            signed = await self._http.post_form("/pusher/auth", form, SignedSubscription)
            await socket.subscribe(channel, signed.auth, signed.channel_data)
            await socket.sign_in(signed.user)
        except BaseException:
            await socket.close()
            raise
        return socket
