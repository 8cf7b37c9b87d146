"""Webhooks: the service reports changes of the channels to the API, by signed HTTP requests.

Teaches how an API that holds no connection learns who is online. A user who reloads a page leaves and returns within a
moment. So a departure is reported GRACE_S later, and not at all if the user has returned. What crosses the wire: `POST
{"time_ms", "events"}` with X-Pusher-Key and X-Pusher-Signature, one at a time, repeated for RETRY_S until the response
is a 2xx (https://pusher.com/docs/channels/server_api/webhooks/).
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from sys import getsizeof

import anyio
import httpx
import stamina

from servers.addresses import may_use_proxy, without_passwords
from servers.pusher_service.authorization import Credentials, hex_hmac
from servers.pusher_service.frames import as_json
from servers.pusher_service.limits import Counters

GRACE_S = 3.0
RETRY_S = 300.0
RETRY_PAUSE_MAX_S = 30.0
RESPONSE_S = 10.0
PAUSE_S = 0.05  # the pause between two looks for events: the events of one pause share a request
BYTES_MAX = 16 * 1024 * 1024
"""How much may wait for an API that does not respond. If there is more, the oldest event is dropped, and logged."""
EVENT_BYTES = 1000  # about how much memory an event takes beside its data
BATCH_MAX = 100
BATCH_BYTES_MAX = 128 * 1024  # at most six times as much as JSON: APIs accept bodies of 1 MiB
DEPARTURES = {"channel_occupied": "channel_vacated", "member_added": "member_removed"}
"""The departure that a return cancels."""
DELAYED = frozenset(DEPARTURES.values())

BROKEN = (httpx.HTTPError, anyio.EndOfStream, OSError)
"""With httpcore 1.0.9, a broken TLS connection may raise an error of anyio or ssl; the latter is an OSError."""
Event = dict[str, str]
log = logging.getLogger(__name__)


class WebhookEvents:
    """The events that have not been sent, in order. `clock` is monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ready: deque[Event] = deque()
        self._bytes = 0
        self._delayed: dict[tuple[str, str, str], tuple[float, Event]] = {}  # ordered by due time

    def note(self, event: Event) -> None:
        """Add an event; a departure waits, and a return before it is due removes it."""
        self._add_due()
        name = event["name"]
        place = (event["channel"], event.get("user_id", ""))
        if name in DELAYED:
            self._delayed[name, *place] = self._clock() + GRACE_S, event
            return
        departure = DEPARTURES.get(name, "")
        if not self._delayed.pop((departure, *place), None):
            self._add(event)

    def take(self) -> list[Event]:
        """Remove and return the next events to send: BATCH_MAX at most, and fewer if they are long."""
        self._add_due()
        batch: list[Event] = []
        while self._ready and len(batch) < BATCH_MAX and sum(map(_size, batch)) < BATCH_BYTES_MAX:
            batch.append(self._remove())
        return batch

    def _add_due(self) -> None:
        now_s = self._clock()
        while self._delayed:
            key, (due_s, event) = next(iter(self._delayed.items()))
            if due_s > now_s:
                break
            del self._delayed[key]
            self._add(event)

    def _add(self, event: Event) -> None:
        self._ready.append(event)
        self._bytes += _size(event)
        while self._bytes > BYTES_MAX:
            self._remove()
            log.warning("webhook: %d events wait already; the oldest is dropped", len(self._ready))

    def _remove(self) -> Event:
        event = self._ready.popleft()
        self._bytes -= _size(event)
        return event


def _size(event: Event) -> int:
    return EVENT_BYTES + getsizeof(event.get("data", ""))


async def send_webhooks(events: WebhookEvents, url: str, credentials: Credentials, counters: Counters) -> None:
    """Send events to the API at `url` until cancelled. A batch that cannot be delivered for RETRY_S is dropped.

    Each call counts, as the vendor counts it.
    """
    async with httpx.AsyncClient(timeout=RESPONSE_S, trust_env=may_use_proxy(url)) as http:
        while True:
            batch = events.take()
            if not batch:
                await asyncio.sleep(PAUSE_S)
                continue
            body = as_json({"time_ms": int(time.time() * 1000), "events": batch})
            headers = {
                "Content-Type": "application/json",
                "X-Pusher-Key": credentials.key,
                "X-Pusher-Signature": hex_hmac(credentials.secret, body),
            }
            retries = stamina.retry_context(on=BROKEN, attempts=None, timeout=RETRY_S, wait_max=RETRY_PAUSE_MAX_S)
            try:
                async for attempt in retries:
                    with attempt:
                        counters.webhook_calls += 1
                        async with asyncio.timeout(RESPONSE_S):  # httpx's limit begins anew with each part
                            (await http.post(url, content=body, headers=headers)).raise_for_status()
            except BROKEN as error:
                reason = without_passwords(f"{url}: {error!r}")
                log.warning("webhook: %d events were not delivered to %s", len(batch), reason)
