"""A crowd: scripted users who join a room, type, write and read, so that one person can show a busy one.

Teaches that a script is a chat client like any other.
"""

import asyncio
import random
from contextlib import suppress

import stamina

from clients.chat_client import Options
from clients.conversation import ChatSession, log_in
from clients.errors import ClientError, ConnectionLost
from clients.written import new_id
from servers.core.wire import Kind

NAMES = ("Emil", "Fay", "Gus", "Hana", "Ivo", "Juno", "Kai", "Lea", "Milo", "Nora")
LINES = (
    "Has anybody seen the new chart?",
    "Yes, and it surprised me.",
    "Give me a minute.",
    "Same here.",
    "I would not have bet on that.",
    "Who is bringing the cake?",
    "On my way.",
    "Can we do that tomorrow?",
    "Done, have a look.",
    "That explains a lot.",
)
TYPING_S = 1.2
PATIENCE_S = 30.0


async def gather(transport: str, server: str, room: str, people: int, every_s: float) -> None:
    """Have so many users talk, each about once in `every_s` seconds, until cancelled. Raises ClientError."""
    async with asyncio.TaskGroup() as tasks:
        for name in NAMES[:people]:
            tasks.create_task(attend(transport, server, room, name, every_s))


async def attend(transport: str, server: str, room: str, name: str, every_s: float) -> None:
    """Be one of them: a server that goes away for a while is waited for."""
    async with await arrive(transport, server, room, name) as talk, asyncio.TaskGroup() as tasks:
        tasks.create_task(speak(talk, every_s))
        tasks.create_task(read(talk))


@stamina.retry(on=ConnectionLost, attempts=None, timeout=PATIENCE_S)
async def arrive(transport: str, server: str, room: str, name: str) -> ChatSession:
    """Log in; a server that is not there yet is waited for. Raises ClientError."""
    return await log_in(transport, server, room, name, options=Options())


async def speak(talk: ChatSession, every_s: float) -> None:
    """Write now and then, and be seen to type before."""
    while True:
        await asyncio.sleep(random.expovariate(1 / every_s))
        with suppress(ClientError):
            await talk.typing()
            await asyncio.sleep(TYPING_S * random.uniform(0.5, 1.5))
            await talk.send(random.choice(LINES), new_id())


async def read(talk: ChatSession) -> None:
    """Read what the others write, a moment later."""
    async for event in talk.events():
        if event.kind is Kind.MESSAGE and event.sender != talk.account.user and random.random() < 0.3:
            await asyncio.sleep(random.uniform(0.2, 1.0))
            with suppress(ClientError):
                await talk.mark_read(event.seq)
