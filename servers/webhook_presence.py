"""Presence by the push service's own means: it says who is on a room's channel, and the API renews their leases.

Teaches to take a webhook for a hint, and to ask for the truth. It may be repeated, late or out of order: so it only
says where to look, and the service's list of members says who is there. And it may never come, for instance if the API
was down for longer than the service repeats it: so the lists of all rooms are read at the start, and then every third
of a lease, before leases are swept. Whoever is there but has no lease is ended there, and joins again.

What crosses the wire: `POST /pusher/webhook` with X-Pusher-Key and X-Pusher-Signature, and the API's own queries of
`/channels` and `/channels/{name}/users`. A member is one socket of a connection, so two windows of a user come and go
by themselves, and a webhook also tells of a socket that replaces one that has just gone. Leaves out what browsers see
(https://pusher.com/docs/channels/using_channels/presence-channels/): the members, each with a display name.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from servers.core.auth import Identity
from servers.core.chat import Chat
from servers.core.errors import NotJoined, TooMany, Unavailable
from servers.core.limits import check_id
from servers.http_endpoint import json_response, read_body
from servers.publisher import Publisher

CHANNEL_PREFIX = "presence-room-"
WEBHOOK_BYTES_MAX = 1024 * 1024
Member = tuple[str, str]
"""A user and a connection of theirs. On the wire: `<user>.<connection>.<socket id>`; a socket id is two numbers."""
log = logging.getLogger(__name__)


class WebhookPresence:
    """Renews and releases leases as the push service says. end: ends the connections of a user to a room's channel."""

    def __init__(self, chat: Chat, publisher: Publisher, end: Callable[[str, str], Awaitable[None]]) -> None:
        self._chat = chat
        self._publisher = publisher
        self._end = end
        self._due_s = 0.0

    def member(self, identity: Identity, connection: str, socket_id: str) -> dict[str, Any]:
        """Return as whom a socket of a connection joins the channel; raises BadRequest."""
        check_id("connection", connection, self._chat.settings)
        return {"user_id": f"{identity.user}.{connection}.{socket_id}", "user_info": {"name": identity.name}}

    async def take(self, request: Request) -> Response:
        """Compare the members that a webhook names with those who are there; raises ChatError, and it is repeated."""
        body = await read_body(request, replace(self._chat.settings, request_bytes_max=WEBHOOK_BYTES_MAX))
        noted: defaultdict[str, set[Member]] = defaultdict(set)
        for event in self._publisher.events_of(request.headers, body):
            if event["name"] in ("member_added", "member_removed") and event["channel"].startswith(CHANNEL_PREFIX):
                noted[event["channel"]].add(_member_of(event["user_id"]))
        for channel, members in noted.items():
            await self._compare(channel, members, await self._members(channel))
        return json_response({})

    async def confirm_all(self) -> None:
        """Renew the leases of all who are there, if a third of a lease has passed since. A failure is logged."""
        if time.monotonic() < self._due_s:
            return
        try:
            channels = await self._publisher.channels(CHANNEL_PREFIX)
            for channel, members in zip(channels, await asyncio.gather(*map(self._members, channels)), strict=True):
                await self._compare(channel, members, members)
            self._due_s = time.monotonic() + self._chat.settings.renewed_lease_s / 3
        except Unavailable as failure:
            log.warning("presence: %s", failure)

    async def _members(self, channel: str) -> set[Member]:
        return set(map(_member_of, await self._publisher.members(channel)))

    async def _compare(self, channel: str, noted: Iterable[Member], present: set[Member]) -> None:
        """Renew the leases of the noted members who are there, and release those of the others."""
        room = channel.removeprefix(CHANNEL_PREFIX)
        names = await self._chat.names(room)
        for user, connection in noted:
            identity = Identity(user, names.get(user, ""), 0)
            if (user, connection) in present:
                if not (identity.name and await self._renew(identity, room, connection)):
                    await self._end(room, user)
            elif identity.name:
                await self._chat.leave(identity, room, connection)

    async def _renew(self, identity: Identity, room: str, connection: str) -> bool:
        """Renew a lease; return whether there was one."""
        try:
            await self._chat.renew_lease(identity, room, connection, recent_s=0.0)
        except (NotJoined, TooMany):
            return False
        return True


def _member_of(user_id: str) -> Member:
    user, _, rest = user_id.partition(".")
    return user, rest.rsplit(".", 2)[0]
