"""Kill the server, and its store's engine in turn, with SIGKILL while people talk; nothing acknowledged may be lost."""

import asyncio
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from time import monotonic
from typing import Any

from servers.transports import TRANSPORTS
from tests.drills.running import talking

EVERY_S, PAUSE_S = 0.05, 0.5
STORES = {"sqlite": 1.0, "redis": 0.1, "postgresql": 0.1}
"""How many kills on each store, as a share of those on SQLite."""

FIGURES = ("messages", "deliveries", "lost", "duplicates", "out_of_order")


def plan(kills: int, batch: int = 10) -> list[dict[str, Any]]:
    """Return the batches of kills: of each store, the transports in turn."""
    slugs = [row.slug for row in TRANSPORTS]
    batches = []
    for store, share in STORES.items():
        left, turn = round(kills * share), 0
        while left > 0:
            batches.append(
                {"store": store, "transport": slugs[turn % len(slugs)], "kills": min(batch, left), "turn": turn}
            )
            left, turn = left - batch, turn + 1
    return batches


def rows(todo: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Carry out batches, and yield the row of each."""
    for key in todo:
        yield {**key, **asyncio.run(kill_repeatedly(**key))}


async def kill_repeatedly(store: str, transport: str, kills: int, turn: int) -> dict[str, Any]:
    """Kill so many times, each after a further acknowledgement and a random pause; return the figures."""
    chance = random.Random(turn)
    async with talking(transport, store, EVERY_S) as running:
        began_s = monotonic()
        victims = list(running.victims.values())
        for number in range(kills):
            await running.progress()
            await asyncio.sleep(chance.uniform(0, PAUSE_S))
            victim = victims[number % len(victims)]
            await asyncio.to_thread(victim.kill)
            await asyncio.to_thread(victim.start)
        outcome = asdict(await running.finish(began_s, monotonic()))
        seconds, found = round(monotonic() - began_s, 1), running.tracebacks
        figures = {name: outcome[name] for name in FIGURES}
        return {
            **figures,
            "tracebacks": len(found),
            "seconds": seconds,
            "evidence": found[:3],
        }
