"""GOAWAY, RST_STREAM and a flood of SETTINGS while people send and read: whatever was acknowledged arrives, once."""

from collections import Counter
from collections.abc import Iterator

import pytest

from servers.core.wire import Kind
from servers.transports import find
from tests.support.breaking_proxy import Act, breaking
from tests.support.chat_harness import ChatHarness, deliver, events, serving

pytestmark = pytest.mark.process

REQUESTS_TO_BREAK = ("send", "events")
"""The proxy breaks the responses to these requests: the server has executed them, but the client does not learn it."""

BREAK_EVERY = 3  # of the parts of those responses
BREAKS_MAX = 10  # of each kind of request: a client that returns causes further events, which would be broken, too


class SomeParts:
    """Does one act to some parts of responses; broken: how often, by what was requested."""

    def __init__(self, act: Act) -> None:
        self.act = act
        self.broken: Counter[str] = Counter()
        self._parts: Counter[str] = Counter()

    def __call__(self, path: str) -> Act | None:
        request = path.partition("?")[0].rpartition("/")[2]
        self._parts[request] += 1
        is_next = request in REQUESTS_TO_BREAK and self._parts[request] % BREAK_EVERY == 0
        if not is_next or self.broken[request] == BREAKS_MAX:
            return None
        self.broken[request] += 1
        return self.act


@pytest.fixture(scope="module", params=["short_polling", "long_polling", "server_sent_events"])
def harness(request: pytest.FixtureRequest, certificates: None) -> Iterator[ChatHarness]:
    transport = find(request.param)
    with serving(transport) as server:
        yield ChatHarness(transport, server.address)


@pytest.mark.parametrize("act", ["reset", "goaway", "flood"])
async def test_a_clients_messages_arrive_once_over_http2_that_breaks(harness: ChatHarness, act: Act) -> None:
    acts = SomeParts(act)
    with breaking(harness.address, acts) as address:
        texts = [f"{act} {number}" for number in range(9)]
        async with ChatHarness(harness.transport, address).joined("Ada", "Bob") as (ada, bob):
            for text in texts:
                await ada.send(text)
            for client in (ada, bob):
                assert [event.body for event in await events(client, len(texts), Kind.MESSAGE)] == texts
            await deliver("the end", ada, ada, bob)  # which a message that was stored twice would precede
    assert acts.broken["send"] and acts.broken["events"]
