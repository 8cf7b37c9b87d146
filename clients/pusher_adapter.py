"""Pusher adapter: commands go to the API, events come from the push service.

Teaches that a push service may lose an event without an error. So the client also reads: after subscribing, on a gap,
and when a heartbeat's response names a later head than the cursor; no page waits for that response. A client that sends
no heartbeats reads after too long a silence. While the service cannot be reached, the client polls.
"""

import asyncio
import random

from clients.connection import HEARTBEATS_PER_LEASE, ChatConnection
from clients.errors import ConnectionLost
from clients.http_session import HttpSession
from clients.inbox import Inbox
from clients.pusher_socket import PusherSubscription
from servers.core.wire import Head, Page, Snapshot


class Connection(ChatConnection):
    """Two connections: HTTP for commands and for catching up, and the push service's socket for events."""

    def __init__(self, http: HttpSession) -> None:
        super().__init__(http)
        self._subscription = PusherSubscription(http)
        self._caught_up = False
        self._heartbeat: asyncio.Task[Head] | None = None
        self._heartbeat_s = 0.0
        self._next_check_s = 0.0

    async def open(self, inbox: Inbox | None) -> Snapshot:
        await self.disconnect()
        snapshot = await self.http.join()
        self._subscription.start()
        self._caught_up = False
        self._heartbeat_s = snapshot.lease_s / HEARTBEATS_PER_LEASE
        self._check_after(self._heartbeat_s)
        return snapshot

    async def receive(self, inbox: Inbox) -> Page:
        """Wait for the next page that the service pushes, and send heartbeats; read when something is missing."""
        while True:
            self._send_heartbeat_if_due()
            page = await self._receive_pushed(inbox) if self._caught_up else None
            if page is not None:
                self._restart_silence()
                return page
            if self._may_lag(inbox) or inbox.behind or not self._caught_up:
                return await self._read(inbox)

    async def _receive_pushed(self, inbox: Inbox) -> Page | None:
        """Return the next pushed page; None when a check is due, or when missing events must be read."""
        try:
            async with asyncio.timeout(self._patience_s(inbox)):
                return await self._subscription.receive()
        except TimeoutError:
            return None
        except ConnectionLost:
            self._caught_up = False
            self.phase = random.random()
            await self._subscription.restart()
            return None

    def _patience_s(self, inbox: Inbox) -> float:
        """Return how long to wait for a page: after that, a gap or a heartbeat's response is looked at."""
        if self._heartbeat is not None and self._heartbeat.done():
            return 0.0
        waits_briefly = inbox.behind or self._heartbeat is not None
        return self.http.options.gap_s if waits_briefly else self._until_check_s()

    def _send_heartbeat_if_due(self) -> None:
        if self._heartbeat is None and not self._subscription.silence_s and self._until_check_s() <= 0:
            self._check_after(self._heartbeat_s)
            self._heartbeat = asyncio.create_task(self.http.heartbeat())

    def _may_lag(self, inbox: Inbox) -> bool:
        """Return whether events may be missing: after a silence, or if a heartbeat's response names a later head."""
        if self._heartbeat is not None and self._heartbeat.done():
            answered, self._heartbeat = self._heartbeat, None
            return inbox.lags(answered.result().cursor)
        return bool(self._subscription.silence_s) and self._until_check_s() <= 0

    def _restart_silence(self) -> None:
        """Measure the silence from now on, if no heartbeats are sent."""
        if self._subscription.silence_s:
            self._check_after(self._subscription.silence_s)

    def _check_after(self, pause_s: float) -> None:
        self._next_check_s = asyncio.get_running_loop().time() + pause_s

    def _until_check_s(self) -> float:
        return max(0.0, self._next_check_s - asyncio.get_running_loop().time())

    async def _read(self, inbox: Inbox) -> Page:
        """Read the missing events: at once if subscribed, else after a poll interval, or as soon as subscribed."""
        is_subscribed = await self._subscription.ready(self.phase * self.http.options.poll_s)
        self.phase = 1.0
        page = await self.http.read(inbox.cursor)
        self._restart_silence()
        self._caught_up = is_subscribed and not page.events  # a page with events may not be the last one
        return page

    async def disconnect(self) -> None:
        """Close the socket, or stop trying to open one; give up a heartbeat that waits for its response."""
        heartbeat, self._heartbeat = self._heartbeat, None
        if heartbeat is not None:
            heartbeat.cancel()
            await asyncio.gather(heartbeat, return_exceptions=True)
        await self._subscription.close()
