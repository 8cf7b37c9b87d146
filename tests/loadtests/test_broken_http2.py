"""GOAWAY, RST_STREAM and a flood of SETTINGS while people send and read: whatever was acknowledged arrives, once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from loadtests.harness.cores import Cores
from loadtests.harness.distance import ClientAddresses
from loadtests.harness.measurement import measure
from loadtests.harness.restarts import RunningServers
from loadtests.plan.workload import H2, Workload
from loadtests.scenarios import Planned
from loadtests.targets.target import OurServers
from servers.core.wire import Kind
from servers.deploy.child_process import OnTick
from servers.transports import Transport, find
from tests.support.breaking_proxy import Act, BreakingProxy, breaking
from tests.support.chat_harness import ChatHarness, deliver, events, serving

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("certificates"), pytest.mark.xdist_group("measuring")]

LOAD = Workload(
    users=4, room_size=2, rate_per_s=4.0, measured_s=2.0, poll_interval_s=0.25, link=H2, connections_break=1
)


@pytest.mark.parametrize("act", ["reset", "goaway", "flood"])
@pytest.mark.parametrize("slug", ["short_polling", "long_polling", "server_sent_events"])
async def test_a_clients_messages_arrive_once_over_http2_that_breaks(slug: str, act: Act) -> None:
    transport = find(slug)
    with serving(transport) as server, breaking(server.address, act) as proxy:
        texts = [f"{act} {number}" for number in range(9)]
        async with ChatHarness(transport, proxy.address).joined("Ada", "Bob") as (ada, bob):
            for text in texts:
                await ada.send(text)
            for client in (ada, bob):
                assert [event.body for event in await events(client, len(texts), Kind.MESSAGE)] == texts
            await deliver("the end", ada, ada, bob)  # which a message that was stored twice would precede
    assert proxy.broken["send"] and proxy.broken["events"]


@dataclass(frozen=True, slots=True)
class BehindBreakingProxy(OurServers):
    """Our servers, in the clear, behind a proxy that speaks TLS and HTTP/2, and breaks. proxies: those that started."""

    act: Act
    proxies: list[BreakingProxy] = field(default_factory=list)

    @contextmanager
    def serving(
        self, transport: Transport, workload: Workload, cores: Cores, folder: Path, on_tick: OnTick
    ) -> Iterator[tuple[RunningServers, ClientAddresses]]:
        plain = replace(workload, link="plain")
        with (
            # a dataclass with slots is another class than the one that super() knows
            OurServers.serving(self, transport, plain, cores, folder, on_tick) as (servers, addresses),
            breaking(addresses.api, self.act) as proxy,
        ):
            self.proxies.append(proxy)
            yield servers, ClientAddresses(proxy.address)


@pytest.mark.parametrize(
    ("slug", "act"),
    [
        ("long_polling", "reset"),
        ("server_sent_events", "goaway"),
        pytest.param("long_polling", "goaway", marks=pytest.mark.drill),
        pytest.param("server_sent_events", "reset", marks=pytest.mark.drill),
    ],
)
def test_a_load_users_messages_arrive_once_over_http2_that_breaks(slug: str, act: Act) -> None:
    target = BehindBreakingProxy(act=act)
    cell = measure(Planned(find(slug), "test", LOAD), Cores(None, None), lambda _: None, target)
    assert cell.verdict.adds_up, cell.verdict.reason
    assert cell.figures["delivered"] == cell.figures["expected"] == 2 * cell.number("messages") > 0
    assert target.proxies[0].broken["send"] and target.proxies[0].broken["events"]
