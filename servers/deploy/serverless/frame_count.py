"""Count the messages on a WebSocket that is relayed, with websockets' own parser, which does no I/O."""

from collections.abc import Generator
from contextlib import suppress

from websockets.exceptions import ProtocolError
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

MESSAGE_STARTS = (Opcode.TEXT, Opcode.BINARY)


class FrameCount:
    """messages: how many text or binary messages of a client have begun in the bytes so far."""

    def __init__(self) -> None:
        self.messages = 0
        self._reader = StreamReader()
        self._parser = self._parse()
        next(self._parser)

    def feed(self, data: bytes) -> None:
        """Read along, until something comes that is no frame of a client: the function will refuse that."""
        self._reader.feed_data(data)
        with suppress(ProtocolError, StopIteration):
            next(self._parser)

    def _parse(self) -> Generator[None]:
        while True:
            frame = yield from Frame.parse(self._reader.read_exact, mask=True)
            self.messages += frame.opcode in MESSAGE_STARTS
