"""Pusher adapter: commands to the API, news from the push service.

Teaches that a push service may lose an event without saying so: the client reads after subscribing, reads on a gap, and
hears with each heartbeat where the log ends.
"""

import asyncio

from clients.http_session import HttpSession
from clients.inbox import Inbox
from clients.pusher_frames import ServiceAddress
from clients.pusher_socket import PusherSocket
from servers.core.wire import Ack, Page, Snapshot, SocketCommand, decode

HEARTBEATS_PER_LEASE = 3


class Connection:
    """Two lines: HTTP for what the client says and for catching up, a push service's socket for what it hears."""

    def __init__(self, http: HttpSession) -> None:
        self._http = http
        self._socket: PusherSocket | None = None
        self._caught_up = False
        self._heartbeat_s = 0.0
        self._next_heartbeat_s = 0.0

    async def open(self, inbox: Inbox | None) -> Snapshot:
        await self._hang_up()
        snapshot = await self._http.join()
        address = await self._http.get("/pusher/service", ServiceAddress)
        self._socket = await PusherSocket.connect(address, self._http.options.answer_s)
        channel = f"private-room-{self._http.room}"
        form = {"socket_id": self._socket.socket_id, "channel_name": channel}
        signed = await self._http.post_form("/pusher/auth", form, dict[str, str])
        await self._socket.subscribe(channel, signed["auth"])
        self._caught_up = False
        self._heartbeat_s = snapshot.lease_s / HEARTBEATS_PER_LEASE
        self._next_heartbeat_s = asyncio.get_running_loop().time() + self._heartbeat_s
        return snapshot

    async def post(self, command: SocketCommand) -> Ack:
        return await self._http.post(command)

    async def receive(self, inbox: Inbox) -> Page:
        """Listen and beat; read when something is missing."""
        while True:
            if self._until_heartbeat_s() <= 0:
                self._caught_up &= not await self._beat_and_lag(inbox)
            page = await self._listen(inbox) if self._caught_up else None
            if page is not None:
                return page
            if inbox.behind or not self._caught_up:
                page = await self._http.read(inbox.cursor)
                self._caught_up = not page.events  # a full page may not have been the last
                return page

    async def close(self) -> None:
        await self._hang_up()
        await self._http.leave()

    async def _listen(self, inbox: Inbox) -> Page | None:
        """Return the next page the service pushes; None when it is time to beat, or to read what is missing."""
        assert self._socket is not None
        patience_s = self._http.options.gap_s if inbox.behind else self._until_heartbeat_s()
        try:
            async with asyncio.timeout(patience_s):
                while (frame := await self._socket.hear()).event != "page":
                    pass
        except TimeoutError:
            return None
        return decode(frame.data, type=Page)

    async def _beat_and_lag(self, inbox: Inbox) -> bool:
        """Show a sign of life; tell whether the log's head, as heard in answer, is ahead of the inbox."""
        self._next_heartbeat_s = asyncio.get_running_loop().time() + self._heartbeat_s
        return inbox.lags((await self._http.heartbeat()).cursor)

    def _until_heartbeat_s(self) -> float:
        return max(0.0, self._next_heartbeat_s - asyncio.get_running_loop().time())

    async def _hang_up(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()
