"""A crowd: scripted users who join a room, type, write and read, so that one person can show a busy room.

Teaches that a script is a chat client like any other.
"""

import asyncio
import random
import tomllib
from contextlib import suppress
from pathlib import Path

import stamina

from clients.backoff import Backoff
from clients.client_ids import new_client_id
from clients.conversation import ChatSession, log_in
from clients.errors import ClientError, ConnectionLost, Refused
from servers.core.wire import Kind

_SCRIPT: dict[str, list[str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
NAMES = _SCRIPT["names"]
TEXTS = _SCRIPT["texts"]
TYPING_S = 1.2
READ_SHARE = 0.3
"""The part of the others' messages that a scripted user marks as read: receipts appear, but not too many to follow."""
GIVE_UP_S = 40.0  # longer than a lease: a crashed user's name stays taken until its lease ends


async def run_crowd(transport: str, server: str, room: str, people: int, every_s: float) -> None:
    """Run `people` users until cancelled; each writes about every `every_s` seconds. Raises a group of ClientError."""
    async with asyncio.TaskGroup() as tasks:
        for name in NAMES[:people]:
            tasks.create_task(run_user(transport, server, room, name, every_s))


async def run_user(transport: str, server: str, room: str, name: str, every_s: float) -> None:
    """Log in and chat. While the server is down or the name is taken, retries for GIVE_UP_S, then raises ClientError.

    Any other refusal of the log-in raises ClientError at once. Errors of the chat itself come in an exception group.
    """
    backoff = Backoff()

    def pause_s(error: Exception) -> float | bool:
        """Return the pause before the next log-in, or False if a retry cannot help."""
        is_name_taken = isinstance(error, Refused) and error.code == "name_taken"
        return backoff.next_s() if is_name_taken or isinstance(error, ConnectionLost) else False

    retry = stamina.retry(on=pause_s, attempts=None, timeout=GIVE_UP_S)
    async with await retry(log_in)(transport, server, room, name) as session, asyncio.TaskGroup() as tasks:
        tasks.create_task(write(session, every_s))
        tasks.create_task(read(session))


async def write(session: ChatSession, every_s: float) -> None:
    """Write a message at random intervals, each after a typing notice."""
    while True:
        await asyncio.sleep(random.expovariate(1 / every_s))
        with suppress(ClientError):
            await session.typing()
        await asyncio.sleep(TYPING_S * random.uniform(0.5, 1.5))
        with suppress(ClientError):
            await session.send(random.choice(TEXTS), new_client_id())


async def read(session: ChatSession) -> None:
    """Mark some of the others' messages as read, a moment later."""
    async for event in session.events():
        if event.kind is Kind.MESSAGE and event.sender != session.account.user and random.random() < READ_SHARE:
            await asyncio.sleep(random.uniform(0.2, 1.0))
            with suppress(ClientError):
                await session.mark_read(event.seq)
