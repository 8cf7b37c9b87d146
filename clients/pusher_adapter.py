"""Pusher adapter: commands go to the API, events come from the push service.

Teaches that a push service may lose an event without an error: the client reads after subscribing, reads on a gap, and
learns from the response to each heartbeat where the log ends.
"""

import asyncio

from clients.connection import ChatConnection
from clients.http_session import HttpSession
from clients.inbox import Inbox
from clients.pusher_frames import ServiceAddress
from clients.pusher_socket import PusherSocket
from servers.core.wire import Page, Snapshot, decode

HEARTBEATS_PER_LEASE = 3


class Connection(ChatConnection):
    """Two connections: HTTP for commands and for catching up, and the push service's socket for events."""

    def __init__(self, http: HttpSession) -> None:
        super().__init__(http)
        self._socket: PusherSocket | None = None
        self._caught_up = False
        self._heartbeat_s = 0.0
        self._next_heartbeat_s = 0.0

    async def open(self, inbox: Inbox | None) -> Snapshot:
        await self._close_socket()
        snapshot = await self.http.join()
        address = await self.http.get("/pusher/service", ServiceAddress)
        self._socket = await PusherSocket.connect(address, self.http.options.answer_s)
        channel = f"private-room-{self.http.room}"
        form = {"socket_id": self._socket.socket_id, "channel_name": channel}
        signed = await self.http.post_form("/pusher/auth", form, dict[str, str])
        await self._socket.subscribe(channel, signed["auth"])
        self._caught_up = False
        self._heartbeat_s = snapshot.lease_s / HEARTBEATS_PER_LEASE
        self._next_heartbeat_s = asyncio.get_running_loop().time() + self._heartbeat_s
        return snapshot

    async def receive(self, inbox: Inbox) -> Page:
        """Wait for the next page that the service pushes, and send heartbeats; read when something is missing."""
        while True:
            if self._until_heartbeat_s() <= 0:
                self._caught_up &= not await self._is_behind_after_heartbeat(inbox)
            page = await self._receive_pushed(inbox) if self._caught_up else None
            if page is not None:
                return page
            if inbox.behind or not self._caught_up:
                page = await self.http.read(inbox.cursor)
                self._caught_up = not page.events  # a full page may not have been the last
                return page

    async def close(self) -> None:
        await self._close_socket()
        await super().close()

    async def _receive_pushed(self, inbox: Inbox) -> Page | None:
        """Return the next pushed page; None when it is time for a heartbeat, or to read what is missing."""
        assert self._socket is not None
        timeout_s = self.http.options.gap_s if inbox.behind else self._until_heartbeat_s()
        try:
            async with asyncio.timeout(timeout_s):
                while (frame := await self._socket.receive()).event != "page":
                    pass
        except TimeoutError:
            return None
        return decode(frame.data, type=Page)

    async def _is_behind_after_heartbeat(self, inbox: Inbox) -> bool:
        """Renew the lease; return whether the log's head, which the response has, lies ahead of the inbox."""
        self._next_heartbeat_s = asyncio.get_running_loop().time() + self._heartbeat_s
        return inbox.lags((await self.http.heartbeat()).cursor)

    def _until_heartbeat_s(self) -> float:
        return max(0.0, self._next_heartbeat_s - asyncio.get_running_loop().time())

    async def _close_socket(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()
