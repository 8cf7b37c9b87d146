"""What one connection may make a server keep, and for how long: the limits of every listener, in one place.

Teaches that everything a peer can make longer or more needs a bound: heads, bodies, pauses, queues, descriptors.
Leaves out limits per user and room: those are the chat's (`servers.core.settings`).
"""

import asyncio
import errno
import logging
import resource
from dataclasses import dataclass
from typing import Any

OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Sizes in bytes, durations in seconds.

    head_bytes_max: a longer request line with its header fields gets status 431; also the longest stretch of a
    body that brings no content, such as trailers. head_s: a head must be complete so long after its first byte, and
    body_s: a body so long after its head; else 408. stall_s: a connection that takes nothing of its response for so
    long is dropped. pipelined_max: requests that may wait for the response before theirs. frames_max: WebSocket
    messages that may wait to be read, and fragments of one message. A connection without a request, also one that has
    never had any, ends after HttpSettings.keep_alive_s.
    """

    head_bytes_max: int = 16 * 1024
    head_s: float = 10.0
    body_s: float = 30.0
    stall_s: float = 30.0
    pipelined_max: int = 16
    frames_max: int = 1024


class DescriptorLimit:
    """Logs once that no further connection can be accepted: a line for each attempt would fill the log."""

    def __init__(self) -> None:
        self._limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._is_logged = False

    def note_accepted(self, descriptor: int) -> None:
        """Note a new connection: the lowest free number is given first, so the last one means that all are in use.

        uvloop does not report connections that it could not accept.
        """
        if descriptor >= self._limit - 1:
            self._log()

    def handle_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Handle what a task or callback of the event loop raised: asyncio reports every refused connection here."""
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in OUT_OF_DESCRIPTORS:
            self._log()
        else:
            loop.default_exception_handler(context)

    def _log(self) -> None:
        if not self._is_logged:
            log.error("all %d file descriptors are in use: new connections wait or are cut; see ulimit -n", self._limit)
        self._is_logged = True
