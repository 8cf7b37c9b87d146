"""Pusher adapter: another server waits, the push service.

Teaches how an API that can hold no connection still pushes: it publishes every event to a push service, inside the
request that appended it (https://pusher.com/docs/channels). What crosses the wire: one publish per event, heartbeats,
channel authorizations, and reads at `GET /rooms/{room}/events`: such delivery may lose an event, so clients catch up
after subscribing and on a gap. A user who goes offline receives nothing more: the API has the service end their
connections. Leaves out the variant without heartbeats (`servers.webhook_presence`).
"""

import logging
from urllib.parse import parse_qs

from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from servers.core.chat import Chat
from servers.core.counters import Counters, Purpose
from servers.core.errors import Forbidden
from servers.core.settings import RenewedBy, Settings
from servers.core.wire import Event, Kind, Page, ServiceAddress, encode
from servers.http_endpoint import get, identify, json_response, page_response, parse_request, post, read_body
from servers.http_routes import chat_app
from servers.publisher import Publisher, PublishFailed, is_publishable, service_from_environment, socket_origin
from servers.webhook_presence import CHANNEL_PREFIX, WebhookPresence

log = logging.getLogger(__name__)


def create_app(chat: Chat, settings: Settings) -> Starlette:
    """Return the API server that publishes through the service of the PUSHER_* variables; raises ValueError."""
    address = service_from_environment()
    publisher = Publisher(address)
    presence: WebhookPresence | None = None
    if settings.presence is RenewedBy.WEBHOOK:
        address = replace(address, channel_prefix=CHANNEL_PREFIX, silence_s=settings.silence_s)
        presence = WebhookPresence(chat, publisher, lambda room, user: publisher.terminate(subscriber(room, user)))
        chat.on_sweep = presence.confirm_all

    async def publish(event: Event) -> None:
        """Publish inside the request that appended. A failure costs time, not the event: it is in the log."""
        try:
            try:
                await publisher.publish(address.channel_prefix + event.room, "page", page_data(event, chat.epoch))
                counters.published += 1
            finally:
                if event.kind is Kind.PRESENCE and event.body == "offline":
                    await publisher.terminate(subscriber(event.room, event.sender))
        except PublishFailed as failure:
            counters.publish_failures += 1
            log.warning("room %s, event %d: %s", event.room, event.seq, failure)

    async def deliver(request: Request) -> Response:
        """Respond at once with the new events, if any: catching up, not polling. Never waits."""
        identity, room, connection, after = parse_request(chat, request)
        await chat.renew_lease(identity, room, connection)
        page = await chat.read(room, after)
        return page_response(request, page)

    service = service_routes(chat, settings, address, publisher, presence)
    routes = [get("/rooms/{room}/events", Purpose.RECEIVE, deliver), *service]
    app = chat_app("pusher_adapter", chat, settings, routes)
    counters: Counters = app.state.counters
    chat.on_commit = publish
    chat.on_close = publisher.close
    app.state.check = publisher.check
    app.state.impairment = publisher.impairment
    app.state.push_origins = (socket_origin(address),)
    return app


def service_routes(
    chat: Chat, settings: Settings, address: ServiceAddress, publisher: Publisher, presence: WebhookPresence | None
) -> list[BaseRoute]:
    """Return the routes by which clients find the push service and subscribe, and by which it reports members."""

    async def authorize(request: Request) -> Response:
        """Sign a member's subscription to the channel of a room, and their sign-in, by which it can be ended."""
        identity, _ = identify(chat, request)
        fields = parse_qs((await read_body(request, settings)).decode(errors="replace"))
        form = {name: values[0] for name, values in fields.items()}
        channel = form.get("channel_name", "")
        socket_id = form.get("socket_id", "")
        prefix = address.channel_prefix
        if not channel.startswith(prefix):
            raise Forbidden(f"channel_name: expected one that starts with {prefix}, got {channel[:80]!r}")
        room = channel.removeprefix(prefix)
        await chat.require_member(identity, room)
        member = presence.member(identity, form.get("connection", ""), socket_id) if presence else None
        return json_response(publisher.authorize(channel, socket_id, subscriber(room, identity.user), member))

    async def locate(request: Request) -> Response:
        """Return where the push service is, and how its clients use it."""
        return json_response(address)

    routes: list[BaseRoute] = [
        post("/pusher/auth", Purpose.UPKEEP, authorize),
        get("/pusher/service", Purpose.UPKEEP, locate),
    ]
    if presence:
        routes.append(post("/pusher/webhook", Purpose.UPKEEP, presence.receive))
    return routes


def subscriber(room: str, user: str) -> str:
    """Return the id with which a user signs in for one room: they may leave that room and stay in another."""
    return f"{room}.{user}"


def page_data(event: Event, epoch: str) -> str:
    """Return a page of one event; if that is too long, an empty page after the event, which readers take for a gap."""
    data = encode(Page(epoch, event.seq - 1, event.seq, (event,))).decode()
    return data if is_publishable(data) else encode(Page(epoch, event.seq, event.seq, ())).decode()
