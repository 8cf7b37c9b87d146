"""Presence without heartbeats: the push service says who is on a room's channel, and the API renews their leases.

Teaches that a webhook may be repeated, late or out of order. So a member who was added is confirmed by the service's
list of members, and a member who was removed loses only the lease that their own socket holds. A webhook may also be
lost, so the lists of all rooms are read at the start, and then every third of a lease. If a member has no lease or no
valid token, their connections are terminated.

What crosses the wire: `POST /pusher/webhook`, signed, and the API's queries of `/channels` and
`/channels/{name}/users`. A member is one socket of a connection, so two windows of a user come and go by themselves.
Leaves out what browsers see (https://pusher.com/docs/channels/using_channels/presence-channels/): members with display
names.
"""

import asyncio
import logging
import re
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from servers.core.auth import Identity
from servers.core.chat import Chat
from servers.core.errors import NotJoined, TooMany, Unavailable
from servers.core.validation import check_id
from servers.http_endpoint import json_response, read_body
from servers.publisher import Publisher

CHANNEL_PREFIX = "presence-room-"
MEMBER = re.compile(r"([0-9a-f]+)\.(\d+)\.(.+)\.(\d+\.\d+)", re.ASCII)
WEBHOOK_BYTES_MAX = 1024 * 1024
QUERIED_AT_ONCE = 32  # far fewer lists than the 100 connections of the publisher's HTTP client: messages need not wait
log = logging.getLogger(__name__)


class Member(NamedTuple):
    """A socket of a user's connection, and when the token expires. On the wire: the four fields, joined by dots."""

    user: str
    expires_at_ms: str
    connection: str
    socket: str


def members_of(user_ids: Iterable[str]) -> set[Member]:
    """Return the members that ids on the wire stand for; ids of another form, from other applications, are left out."""
    matches = map(MEMBER.fullmatch, user_ids)
    return {Member(*match.groups()) for match in matches if match}


class WebhookPresence:
    """Renews and releases leases as the push service says. end: ends the connections of a user to a room's channel."""

    def __init__(self, chat: Chat, publisher: Publisher, end: Callable[[str, str], Awaitable[None]]) -> None:
        self._chat = chat
        self._publisher = publisher
        self._end = end
        self._due_s = 0.0

    def member(self, identity: Identity, connection: str, socket_id: str) -> dict[str, Any]:
        """Return the presence-channel member for one socket; raises BadRequest."""
        check_id("connection", connection, self._chat.settings)
        member = Member(identity.user, str(identity.expires_at_ms), connection, socket_id)
        return {"user_id": ".".join(member), "user_info": {"name": identity.name}}

    async def receive(self, request: Request) -> Response:
        """Handle a webhook: renew the leases of added members, release those of removed ones; raises ChatError."""
        body = await read_body(request, replace(self._chat.settings, request_bytes_max=WEBHOOK_BYTES_MAX))
        added: defaultdict[str, set[Member]] = defaultdict(set)
        for event in self._publisher.events_of(request.headers, body):
            channel = event["channel"]
            members = members_of([event.get("user_id", "")])
            if event["name"] == "member_added":
                added[channel] |= members
            elif event["name"] == "member_removed":
                for user, _, connection, socket in members:
                    room = channel.removeprefix(CHANNEL_PREFIX)
                    # A lease is released by the user's id: the name and the token's expiry are placeholders.
                    identity = Identity(user, name="", expires_at_ms=0)
                    await self._chat.leave(identity, room, connection, socket)
        for channel, members in added.items():
            await self._confirm(channel, members & await self._members(channel))
        return json_response({})

    async def confirm_all(self) -> None:
        """Renew the leases of all members, at most once in a third of a lease. A failure is logged."""
        if time.monotonic() < self._due_s:
            return
        self._due_s = time.monotonic() + self._chat.settings.renewed_lease_s / 3  # now: a renewal may begin a sweep
        try:
            waiting = await self._publisher.channels(CHANNEL_PREFIX)
            while waiting:
                channels, waiting = waiting[:QUERIED_AT_ONCE], waiting[QUERIED_AT_ONCE:]
                for channel, members in zip(channels, await asyncio.gather(*map(self._members, channels)), strict=True):
                    # Without a socket, since each lease keeps the one that holds it.
                    await self._confirm(channel, {member._replace(socket="") for member in members})
        except Unavailable as failure:
            self._due_s = 0.0
            log.warning("presence: %s", failure)

    async def _members(self, channel: str) -> set[Member]:
        return members_of(await self._publisher.members(channel))

    async def _confirm(self, channel: str, members: Iterable[Member]) -> None:
        """Renew the leases of connected members; if that fails, terminate the member's connections."""
        room = channel.removeprefix(CHANNEL_PREFIX)
        names = await self._chat.names(room)
        for user, expires_at_ms, connection, socket in members:
            identity = Identity(user, names.get(user, ""), int(expires_at_ms))
            if not await self._renew(identity, room, connection, socket):
                await self._end(room, user)

    async def _renew(self, identity: Identity, room: str, connection: str, socket: str) -> bool:
        """Renew a member's lease; return False without a name, a valid token or a lease, or beyond a limit."""
        if not identity.name or self._chat.token_left_s(identity) <= 0:
            return False
        try:
            await self._chat.renew_lease(identity, room, connection, 0.0, socket)
        except (NotJoined, TooMany):
            return False
        return True
