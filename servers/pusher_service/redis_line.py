"""One connection to Redis on which commands, their answers, and what others publish all keep their order.

Teaches what RESP3 is good for (https://redis.io/docs/latest/develop/reference/protocol-spec): a connection that
subscribes may still ask, and Redis writes the answers and the published messages to it in the order in which they
happened. With a connection each, whoever asks "who is here?" cannot tell which of the notices that arrive meanwhile the
answer already counts in. What is asked while a batch is on its way leaves with the next batch, without waiting for the
answers before.

Leaves out reconnecting: what was published meanwhile is gone, so a line that is lost stays lost, and its owner, who
must start over, opens another. What waits for an answer is bounded by who asks: everybody asks one thing at a time.
"""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, cast

from hiredis import PushNotification
from redis.asyncio import Connection, ConnectionPool
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

Word = str | bytes | int
Told = Callable[[bytes, bytes], None]
Then = Callable[[Any], None]


class ConnectionLost(ConnectionError):
    """The connection to Redis is gone, or Redis does not answer; what was under way may have happened."""


class Awaited(NamedTuple):
    """A question under way: `then` is called with its answer before anything that arrives later is looked at."""

    answer: asyncio.Future[Any]
    then: Then | None


class RedisLine:
    """An open line. `told` is called with the channel and the text of each published message, and must not wait."""

    def __init__(self, connection: Connection, told: Told, answer_s: float) -> None:
        self._connection = connection
        self._told = told
        self._answer_s = answer_s
        self._unsent: list[bytes] = []
        self._something_to_send = asyncio.Event()
        self._awaited: deque[Awaited] = deque()
        self._lost = False

    def ask(self, *command: Word, then: Then | None = None) -> asyncio.Future[Any]:
        """Send a command; the answer, if anybody awaits it, raises ConnectionLost."""
        awaited = Awaited(asyncio.get_running_loop().create_future(), then)
        if self._lost:
            _settle(awaited, ConnectionLost("the line to Redis is lost"))
        else:
            self.tell(*command)
            self._awaited.append(awaited)
        return awaited.answer

    def tell(self, *command: Word) -> None:
        """Send a command that Redis does not answer: to subscribe or to unsubscribe. Never waits."""
        self._unsent += self._connection.pack_command(*command)
        self._something_to_send.set()

    async def promptly(self, *command: Word) -> Any:
        """Ask, and count Redis as lost if it takes longer than the answer time."""
        try:
            async with asyncio.timeout(self._answer_s):
                return await self.ask(*command)
        except TimeoutError:
            raise ConnectionLost(f"Redis has not answered for {self._answer_s:g} s") from None

    async def read(self) -> None:
        """Hand out what arrives, until the line is lost; raises ConnectionLost."""
        while True:
            try:
                arrived = await self._connection.read_response(push_request=True, timeout=math.inf)
            except ResponseError as refusal:  # read only, out of memory, not allowed: as good as lost to who asks
                arrived = ConnectionLost(f"Redis refused: {refusal}")
            except (RedisError, OSError) as error:
                raise ConnectionLost(f"Redis: {error}") from error
            if isinstance(arrived, PushNotification):
                if arrived[0] == b"message":
                    self._told(cast(bytes, arrived[1]), cast(bytes, arrived[2]))
            else:
                _settle(self._awaited.popleft(), arrived)

    async def write(self) -> None:
        """Send what is asked, all that has come together at once; raises ConnectionLost."""
        while True:
            await self._something_to_send.wait()
            self._something_to_send.clear()
            batch, self._unsent = b"".join(self._unsent), []
            if not self._connection.is_connected:  # the library would open another connection
                raise ConnectionLost("Redis closed the connection")
            try:
                await self._connection.send_packed_command(batch, check_health=False)
            except (RedisError, OSError) as error:
                raise ConnectionLost(f"Redis: {error}") from error

    def give_up(self) -> None:
        """Answer whoever still waits that the line is lost."""
        self._lost = True
        for awaited in self._awaited:
            _settle(awaited, ConnectionLost("the line to Redis was lost before it answered"))
        self._awaited.clear()


@asynccontextmanager
async def opened(url: str, told: Told, answer_s: float) -> AsyncIterator[RedisLine]:
    """Open a line until the block ends; raises ConnectionLost. Its `read` and `write` must run for it to work."""
    # No timeout for a socket: the library's would be asyncio.wait_for, which may swallow a cancellation (Python 3.11).
    pool = ConnectionPool.from_url(url, protocol=3, socket_timeout=None, retry=Retry(NoBackoff(), 0))
    connection: Connection = pool.make_connection()  # type: ignore[no-untyped-call]
    try:
        async with asyncio.timeout(answer_s):
            await connection.connect()  # type: ignore[no-untyped-call]
    except (RedisError, OSError) as error:  # a TimeoutError is an OSError
        raise ConnectionLost(f"cannot connect to Redis: {error}") from error
    line = RedisLine(connection, told, answer_s)
    try:
        yield line
    finally:
        line.give_up()
        await connection.disconnect(nowait=True)


def database_of(url: str) -> int:
    """Return the number of the database that a URL names; raises ValueError for what is not the URL of a Redis."""
    return int(parse_url(url).get("db", 0))


def _settle(awaited: Awaited, outcome: Any) -> None:
    """Hand an answer, or the exception that stands for it, to whoever asked."""
    refused = isinstance(outcome, Exception)
    if awaited.then is not None and not refused:
        awaited.then(outcome)
    if awaited.answer.cancelled():
        return
    if refused:
        awaited.answer.set_exception(outcome)
        awaited.answer.exception()  # marks it as seen: not everybody who asks waits for the answer
    else:
        awaited.answer.set_result(outcome)
