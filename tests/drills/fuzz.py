"""Send every listener inputs that hypothesis draws from the routes' types; none may cost more than a refusal."""

import math
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from servers.transports import TRANSPORTS, Commands
from tests.drills import inputs
from tests.drills.inputs import equally
from tests.drills.running import Server, tree
from tests.drills.sessions import ChatSession, DemoSession, PusherSession, Result, Session
from tests.support.pusher_process import ENV

AT_ONCE, RUN = 50, 200
"""How many inputs an example of hypothesis has, and how many examples a run of it: it remembers those of one run."""

PART = 50_000
"""How many inputs a listener is sent before it starts anew."""

EXAMPLES = 3
UNLIMITED = ("--commands-per-s", "1000000", "--hold", "0.1", "--ping", "0.1")


@dataclass(frozen=True, slots=True)
class Listener:
    """command: what runs it. groups: of which each example takes one, such as requests or frames."""

    name: str
    command: tuple[str, ...]
    session: type[Session]
    groups: tuple[list[inputs.Inputs], ...]


CHATS = [
    Listener(
        row.slug,
        ("servers", row.slug, *UNLIMITED),
        ChatSession,
        (inputs.CHAT, inputs.CHAT_FRAMES) if row.commands is Commands.FRAMES else (inputs.CHAT,),
    )
    for row in TRANSPORTS
]
HOST = ("servers.deploy.serverless", "short_polling", "--instances", "1", "--server-options", " ".join(UNLIMITED))
LISTENERS = {
    listener.name: listener
    for listener in (
        *CHATS,
        Listener("push_service", ("servers.pusher_service",), PusherSession, (inputs.PUSHER_FRAMES, inputs.PUSHER_API)),
        Listener("demo", ("servers.demo",), DemoSession, (inputs.DEMO,)),
        Listener("serverless_host", HOST, ChatSession, (inputs.CHAT,)),
    )
}


def plan(count: int) -> list[dict[str, Any]]:
    """Return which listener is sent how many inputs."""
    each = math.ceil(count / len(LISTENERS))
    parts = math.ceil(each / PART)
    sizes = [{"part": part, "inputs": math.ceil(each / parts)} for part in range(parts)]
    return [{"listener": name, **size} for size in sizes for name in LISTENERS]


def rows(todo: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Carry out parts, and yield the row of each."""
    for key in todo:
        yield {**key, **attack(**key)}


def attack(listener: str, part: int, inputs: int) -> dict[str, Any]:
    """Start a listener, send it so many inputs, drawn from seeds of the part, and return what came of them."""
    chosen, began_s = LISTENERS[listener], monotonic()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(chosen.command, Path(folder) / "log", ENV if listener == "push_service" else {})
        try:
            fuzzer = Fuzzer(chosen, server, part * PART)
            fuzzer.feed(inputs // 2)
            half_bytes = memory_bytes(server.pid)
            fuzzer.feed(inputs)
            end_bytes = memory_bytes(server.pid)
        finally:
            server.stop()
        tracebacks = server.tracebacks
    counts = {str(result): fuzzer.results[result] for result in Result}
    memory = {"memory_half_bytes": half_bytes, "memory_end_bytes": end_bytes}
    evidence = {"failures": fuzzer.failures, "log": [text[:2000] for text in tracebacks[:EXAMPLES]]}
    seconds = round(monotonic() - began_s, 1)
    return {**counts, "tracebacks": len(tracebacks), **memory, "seconds": seconds, "evidence": evidence}


class Fuzzer:
    """Feeds a listener. results: how many inputs came to what. failures: the first few that failed."""

    def __init__(self, listener: Listener, server: Server, first_seed: int) -> None:
        self.results: Counter[Result] = Counter()
        self.failures: list[str] = []
        self._first_seed = first_seed
        self._session = listener.session(server.child.address)
        lists = [st.lists(equally(group), min_size=AT_ONCE, max_size=AT_ONCE) for group in listener.groups]
        self._examples = equally(lists)

    def feed(self, until: int) -> None:
        """Send examples until so many inputs have been sent in all."""
        while (left := until - self.results.total()) > 0:
            options = settings(
                max_examples=min(RUN, math.ceil(left / AT_ONCE)),
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            seed(self._first_seed + self.results.total())(options(given(self._examples)(self._send)))()
        self._session.close()

    def _send(self, example: list[inputs.Input]) -> None:
        self._session.begin()
        for each in example:
            result = self._session.send(each)
            self.results[result] += 1
            if result is Result.FAILED and len(self.failures) < EXAMPLES:
                self.failures.append(repr(each))


def memory_bytes(pid: int) -> int:
    """Return the resident memory of a process and all that it has started."""
    return sum(process.memory_info().rss for process in tree(pid))
