"""Kill the server, or a worker and its store's engine, with SIGKILL while people talk: nothing acknowledged is lost."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

from results.schema import VICTIMS
from servers.transports import TRANSPORTS
from tests.drills.running import Running, talking
from tests.outages.people import Size

SIZE = Size(people=4, every_s=0.05, before_s=0.0, after_s=0.0, catch_up_s=60.0)
STORES = {"sqlite": 1.0, "redis": 0.1, "postgresql": 0.1}  # how many kills on each store, as a share of those on SQLite
FIGURES = ("messages", "deliveries", "lost", "duplicates", "out_of_order", "tracebacks", "evidence")


def plan(kills: int, batch: int = 10) -> list[dict[str, Any]]:
    """Return the batches of kills: of each store, the transports in turn."""
    slugs = [row.slug for row in TRANSPORTS]
    batches = []
    for store, share in STORES.items():
        count = round(kills * share)
        for turn, done in enumerate(range(0, count, batch)):
            transport = slugs[turn % len(slugs)]
            batches.append({"store": store, "transport": transport, "kills": min(batch, count - done), "turn": turn})
    return batches


def row(key: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out a batch, and return its row."""
    return {**key, **asyncio.run(kill_repeatedly(**key))}


async def kill_repeatedly(store: str, transport: str, kills: int, turn: int) -> dict[str, Any]:
    """Kill that many times, each time after a further message and a random pause; return the figures."""
    killed: Counter[str] = Counter()

    async def kill_in_turn(running: Running) -> None:
        rng = random.Random(turn)
        victims = list(running.victims.items())
        for number in range(kills):
            await running.progress()
            await asyncio.sleep(rng.uniform(0, 0.2))
            role, victim = victims[number % len(victims)]
            await asyncio.to_thread(victim.kill)
            killed[f"killed_{role}"] += 1
            await asyncio.to_thread(victim.start)

    async with talking(transport, store, SIZE) as running:
        found = await running.measured(kill_in_turn, SIZE)
    counts = {column.name: killed[column.name] for column in VICTIMS}
    return counts | {name: found[name] for name in FIGURES} | {"seconds": round(found["lasted_s"], 1)}
