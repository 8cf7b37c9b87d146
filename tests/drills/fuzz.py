"""Send every listener inputs that hypothesis draws from the routes' types: it must answer or refuse each."""

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from servers.transports import TRANSPORTS, Commands
from tests.drills import inputs
from tests.drills.running import EVIDENCE_MAX, Server, tracebacks_in, tree
from tests.drills.sessions import ChatSession, DemoSession, PusherSession, Result, Session
from tests.support.pusher_process import ENV

AT_ONCE = 50  # how many inputs an example of hypothesis has
RUN = 200  # how many examples a run of hypothesis has: it keeps those of one run in memory
PART = 400_000  # how many inputs a listener is sent before it is started again: half of them fill its bounded caches
UNLIMITED = ("--commands-per-s", "1000000", "--hold", "0.1", "--ping", "0.1")
HOST = ("servers.deploy.serverless", "short_polling", "--instances", "1", "--concurrency", "100")
"""One process, which is never so busy that the host refuses a call with 503: an input that was cut off may go on."""


class Listener(NamedTuple):
    """command: what runs it. groups: the inputs of an example are all of one group, such as requests or frames."""

    command: tuple[str, ...]
    session: type[Session]
    groups: tuple[list[inputs.Inputs], ...]


LISTENERS = {
    **{
        row.slug: Listener(
            ("servers", row.slug, *UNLIMITED),
            ChatSession,
            (inputs.CHAT, inputs.CHAT_FRAMES) if row.commands is Commands.FRAMES else (inputs.CHAT,),
        )
        for row in TRANSPORTS
    },
    "push_service": Listener(("servers.pusher_service",), PusherSession, (inputs.PUSHER_FRAMES, inputs.PUSHER_API)),
    "demo": Listener(("servers.demo",), DemoSession, (inputs.DEMO,)),
    "serverless_host": Listener((*HOST, "--server-options", " ".join(UNLIMITED)), ChatSession, (inputs.CHAT,)),
}


def plan(count: int) -> list[dict[str, Any]]:
    """Return the parts: a listener, and how many inputs it is sent."""
    each = math.ceil(count / len(LISTENERS))
    parts = math.ceil(each / PART)
    sizes = [{"part": part, "inputs": math.ceil(each / parts)} for part in range(parts)]
    return [{"listener": name, **size} for size in sizes for name in LISTENERS]


def row(key: Mapping[str, Any]) -> dict[str, Any]:
    """Start a listener, send it the inputs of a part, drawn from seeds of its own, and return the part's row."""
    listener = LISTENERS[key["listener"]]
    began_s = monotonic()
    memory: dict[str, int] = {}
    with TemporaryDirectory() as folder:
        server = Server(listener.command, Path(folder), ENV if listener.session is PusherSession else None)
        try:
            fuzzer = Fuzzer(listener, server.child.address, first_seed=key["part"] * PART)
            for name, until in (("half", key["inputs"] // 2), ("end", key["inputs"])):
                fuzzer.feed(until)
                memory[f"memory_{name}_bytes"] = sum(process.memory_info().rss for process in tree(server.pid))
        finally:
            server.stop()
        found = tracebacks_in(Path(folder))
    counts = {str(result): fuzzer.results[result] for result in Result}
    evidence = {"failures": fuzzer.failures, "log": found["evidence"]}
    return {**key, **counts, **found, **memory, "seconds": round(monotonic() - began_s, 1), "evidence": evidence}


class Fuzzer:
    """Sends inputs to a listener. results: how many inputs had which result. failures: the first few that failed."""

    def __init__(self, listener: Listener, address: str, first_seed: int) -> None:
        self.results: Counter[Result] = Counter()
        self.failures: list[str] = []
        self._first_seed = first_seed
        self._session = listener.session(address)
        lists = [st.lists(inputs.equally(group), min_size=AT_ONCE, max_size=AT_ONCE) for group in listener.groups]
        self._examples = inputs.equally(lists)

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
            send = options(given(self._examples)(self._send))
            seed(self._first_seed + self.results.total())(send)()
        self._session.close()

    def _send(self, example: list[inputs.Input]) -> None:
        self._session.begin()
        for each in example:
            result = self._session.send(each)
            self.results[result] += 1
            if result is Result.FAILED and len(self.failures) < EVIDENCE_MAX:
                self.failures.append(repr(each))
