"""The frames between clients and a push service: Pusher Channels, protocol 7, as much as a chat needs. No I/O.

What crosses the wire: `pusher:connection_established`, one signed `pusher:subscribe`, then events, and now and then a
`pusher:ping`. Source: https://pusher.com/docs/channels/library_auth_reference/pusher-websockets-protocol/.
"""

from typing import Any, Self

from msgspec import DecodeError, Struct
from msgspec.json import decode

from clients.errors import ClientError, ConnectionLost, Refused

PERMANENT_CODES = range(4000, 4100)
"""Codes after which a client must not connect again: for example an unknown key, or a plan that is used up."""
TERMINATED_CODE = 4009
"""Closes the connection of a signed-in user at the API's request: by its records, the user is not in the room."""
SERVER_FAULTS = range(500, 600)
"""Statuses of the API: a `pusher:subscription_error` repeats the status with which the API refused to sign."""


class Frame(Struct, frozen=True, omit_defaults=True):
    """One envelope. `data` of a channel's event is a string that holds JSON."""

    event: str
    data: Any = None

    @classmethod
    def subscribe(cls, channel: str, auth: str, channel_data: str) -> Self:
        """Return a request to subscribe. channel_data: the member to appear as, on a presence channel."""
        member = {"channel_data": channel_data} if channel_data else {}
        return cls("pusher:subscribe", {"channel": channel, "auth": auth, **member})

    def refusal(self) -> ClientError:
        """Return the error that a refusal stands for: `pusher:error` has a code, `pusher:subscription_error` a status.

        A refusal without a code is permanent: the signature was wrong, and the next one would be wrong too.
        """
        fields = self.fields()
        reason = fields.get("message") or fields.get("error") or f"unexpected {self.event}"
        if fields.get("status") in SERVER_FAULTS:
            return ConnectionLost(f"push service: {reason}")
        return error_of_code(fields.get("code") or PERMANENT_CODES[0], str(reason))

    def fields(self) -> dict[str, Any]:
        """Return the fields of `data`: services send an object, an object as JSON, or plain text (as `message`)."""
        data = self.data
        if isinstance(data, str):
            try:
                data = decode(data)
            except DecodeError:
                data = {"message": data}
        return data if isinstance(data, dict) else {}


def error_of_code(code: int | None, reason: str) -> ClientError:
    """Return the error that a code of the service stands for; codes from 4100 on ask the client to connect again."""
    if code in PERMANENT_CODES:
        return Refused("push_service", f"the push service refused: {reason}")
    return ConnectionLost(f"push service: {reason}")
