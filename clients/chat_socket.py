"""The client's end of a chat server's WebSocket: the counterpart of `clients.http_session`, with frames for requests.

What crosses the wire: a `join` first, answered by a snapshot; then commands, each with a number, and pages between
their answers. A close code tells whether to come back: 4400 to 4499 are refusals, anything else is a broken line.
"""

import asyncio
import itertools
from typing import Self

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from clients.errors import ClientError, ConnectionLost, Refused, refused
from clients.http_session import TOO_MANY_REQUESTS
from servers.core.wire import Ack, Join, Page, Refusal, Snapshot, SocketAnswer, SocketCommand, decode, encode

TOO_BIG = 1009
FRAME_BYTES_MAX = 16 * 1024 * 1024  # a page of a hundred of the longest texts, each character escaped, is 2.5 MB
REFUSALS = range(4400, 4500)


class ChatSocket:
    """An open line. Every method raises Refused or ConnectionLost; answers are heard by whoever listens for pages."""

    def __init__(self, socket: ClientConnection, answer_s: float) -> None:
        self._socket = socket
        self._answer_s = answer_s
        self._refs = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Ack]] = {}

    @classmethod
    async def connect(cls, url: str, answer_s: float) -> Self:
        """Open the line; waits, at most `answer_s` seconds."""
        try:
            socket = await connect(url, compression=None, proxy=None, max_size=FRAME_BYTES_MAX, open_timeout=answer_s)
        except InvalidStatus as error:
            status = error.response.status_code
            if status >= 500 or status == TOO_MANY_REQUESTS:
                raise ConnectionLost(f"{url}: the upgrade was answered with {status}") from error
            raise Refused("forbidden", f"the upgrade was answered with {status}") from error
        except (OSError, InvalidHandshake, TimeoutError) as error:
            raise ConnectionLost(f"{url}: {error}") from error
        return cls(socket, answer_s)

    async def join(self, join: Join) -> Snapshot:
        """Say who wants to join, and from where on; waits for the snapshot."""
        await self._say(join)
        answer = await self._hear()
        if not isinstance(answer, Snapshot):
            raise ConnectionLost(f"expected a snapshot first, got {answer}")
        return answer

    async def ask(self, command: SocketCommand) -> Ack:
        """Have a command carried out; waits for the answer, which comes only while somebody calls `hear_page`."""
        ref = next(self._refs)
        answer: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        self._answers[ref] = answer
        try:
            await self._say(msgspec.structs.replace(command, ref=ref))
            async with asyncio.timeout(self._answer_s):
                return await answer
        except TimeoutError:
            raise ConnectionLost(f"no answer within {self._answer_s:g} s") from None
        finally:
            del self._answers[ref]

    async def hear_page(self) -> Page:
        """Wait for the next page; answers on the way go to whoever asked."""
        while True:
            match await self._hear():
                case Page() as page:
                    return page
                case Ack() as ack if self._awaited(ack.ref):
                    self._answers[ack.ref].set_result(ack)
                case Refusal() as refusal if self._awaited(refusal.ref):
                    self._answers[refusal.ref].set_exception(refused(refusal))

    async def close(self) -> None:
        """Say goodbye; whoever still waits for an answer is told that the line was closed."""
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(ConnectionLost("the line was closed before the answer came"))
        await self._socket.close()

    def _awaited(self, ref: int) -> bool:
        """Tell whether somebody still waits for this answer: whoever asked may have given up."""
        return ref in self._answers and not self._answers[ref].done()

    async def _say(self, command: Join | SocketCommand) -> None:
        try:
            await self._socket.send(encode(command), text=True)
        except ConnectionClosed as error:
            raise closed(error) from error

    async def _hear(self) -> SocketAnswer:
        try:
            answer: SocketAnswer = decode(await self._socket.recv(decode=False), type=SocketAnswer)
        except ConnectionClosed as error:
            raise closed(error) from error
        return answer


def closed(error: ConnectionClosed) -> ClientError:
    """Return the error that a closed line stands for: a refusal has a code of its own, or means too long a frame."""
    code, reason = (error.rcvd.code, error.rcvd.reason) if error.rcvd else (1006, "")
    if code == TOO_BIG:
        return Refused("too_large", "the frame was longer than the server takes")
    if code in REFUSALS:
        return Refused(reason, f"the server closed the line with {code}")
    return ConnectionLost(f"the line closed with {code} {reason}".rstrip())
