"""Raw WebSocket: open a line once, and listen.

Teaches that the client asks for nothing: pages come by themselves, and commands share the line with them, so an answer
must say which command it belongs to.
"""

import asyncio
import itertools

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from clients.errors import ClientError, LineBroken, Refused
from clients.http_session import HttpSession
from clients.inbox import Inbox
from servers.core.wire import Ack, Join, Page, Refusal, Snapshot, SocketAnswer, SocketCommand, decode, encode

TOO_BIG = 1009
FRAME_BYTES_MAX = 16 * 1024 * 1024  # a page of a hundred of the longest texts, each character escaped, is 2.5 MB
REFUSALS = range(4400, 4500)


class Line:
    """One socket for everything; whoever calls `receive` also hears the answers to `post`."""

    def __init__(self, http: HttpSession) -> None:
        self._http = http
        self._url = f"ws{http.base_url.removeprefix('http')}/rooms/{http.room}/socket"
        self._socket: ClientConnection | None = None
        self._refs = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Ack]] = {}

    async def open(self, inbox: Inbox | None) -> Snapshot:
        await self._hang_up()
        join = Join(self._http.connection, self._http.token, str(inbox.cursor) if inbox else "")
        try:
            self._socket = await connect(
                self._url,
                compression=None,
                proxy=None,
                max_size=FRAME_BYTES_MAX,
                open_timeout=self._http.options.answer_s,
            )
        except InvalidStatus as error:
            raise Refused("forbidden", f"the upgrade was answered with {error.response.status_code}") from error
        except (OSError, InvalidHandshake, TimeoutError) as error:
            raise LineBroken(f"{self._url}: {error}") from error
        await self._say(join)
        answer = await self._hear()
        if not isinstance(answer, Snapshot):
            raise LineBroken(f"{self._url}: expected a snapshot first, got {answer}")
        return answer

    async def post(self, command: SocketCommand) -> Ack:
        ref = next(self._refs)
        answer: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        self._answers[ref] = answer
        try:
            await self._say(msgspec.structs.replace(command, ref=ref))
            async with asyncio.timeout(self._http.options.answer_s):
                return await answer
        except TimeoutError:
            raise LineBroken(f"no answer within {self._http.options.answer_s:g} s") from None
        finally:
            del self._answers[ref]

    async def receive(self, inbox: Inbox) -> Page:
        """Listen until a page comes; answers to commands go to whoever posted them."""
        while True:
            match await self._hear():
                case Page() as page:
                    return page
                case Ack() as ack if self._awaited(ack.ref):
                    self._answers[ack.ref].set_result(ack)
                case Refusal() as refusal if self._awaited(refusal.ref):
                    self._answers[refusal.ref].set_exception(Refused(refusal.error, refusal.detail))

    async def close(self) -> None:
        await self._hang_up()

    def _awaited(self, ref: int) -> bool:
        """Tell whether somebody still waits for this answer: whoever posted may have given up."""
        return ref in self._answers and not self._answers[ref].done()

    async def _say(self, command: Join | SocketCommand) -> None:
        if self._socket is None:
            raise LineBroken(f"{self._url}: not connected")
        try:
            await self._socket.send(encode(command), text=True)
        except ConnectionClosed as error:
            raise closed(error) from error

    async def _hear(self) -> SocketAnswer:
        if self._socket is None:
            raise LineBroken(f"{self._url}: not connected")
        try:
            answer: SocketAnswer = decode(await self._socket.recv(decode=False), type=SocketAnswer)
        except ConnectionClosed as error:
            raise closed(error) from error
        return answer

    async def _hang_up(self) -> None:
        socket, self._socket = self._socket, None
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(LineBroken("the line was closed before the answer came"))
        if socket is not None:
            await socket.close()


def closed(error: ConnectionClosed) -> ClientError:
    """Return the error that a closed line stands for: a refusal has a code of its own, or means too long a frame."""
    code, reason = (error.rcvd.code, error.rcvd.reason) if error.rcvd else (1006, "")
    if code == TOO_BIG:
        return Refused("too_large", "the frame was longer than the server takes")
    if code in REFUSALS:
        return Refused(reason, f"the server closed the line with {code}")
    return LineBroken(f"the line closed with {code} {reason}".rstrip())
