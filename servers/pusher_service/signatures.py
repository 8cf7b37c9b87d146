"""Who may publish, and who may subscribe: the two signatures of a Pusher-compatible service, as pure functions.

Teaches how three parties trust each other with one shared secret. The API signs its HTTP calls; and for each private
channel it gives the browser a signature over the socket's id, so that the service admits a client without a request to
the API. What crosses the wire: hex HMAC-SHA256 digests and the public key. Leaves out replay protection within the time
window (the vendor has none either).
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

AUTH_VERSION = "1.0"
TIMESTAMP_WINDOW_S = 600


@dataclass(frozen=True, slots=True)
class Credentials:
    """One application: its id (digits) in API paths, its public key, and the secret both servers share."""

    app_id: str
    key: str
    secret: str = field(repr=False)


class BadSignature(Exception):
    """A call is not proven to come from a holder of the secret; the message states what is wrong with it."""


def hex_hmac(secret: str, text: str) -> str:
    """Return the lower-case hex HMAC-SHA256 of `text`."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def channel_auth(credentials: Credentials, socket_id: str, channel: str, channel_data: str | None = None) -> str:
    """Return the `key:signature` that admits one socket to one channel, with `channel_data` for presence channels."""
    text = ":".join([socket_id, channel] if channel_data is None else [socket_id, channel, channel_data])
    return f"{credentials.key}:{hex_hmac(credentials.secret, text)}"


def user_auth(credentials: Credentials, socket_id: str, user_data: str) -> str:
    """Return the `key:signature` with which one socket may sign in as a user."""
    return f"{credentials.key}:{hex_hmac(credentials.secret, f'{socket_id}::user::{user_data}')}"


def is_same(expected: str, got: str) -> bool:
    """Compare in constant time, so that the time it takes does not reveal how many digits were right."""
    return hmac.compare_digest(expected.encode(), got.encode())


def string_to_sign(method: str, path: str, params: Sequence[tuple[str, str]]) -> str:
    """Return what an API call signs: its method, path and parameters, sorted and not URL-escaped."""
    named = sorted((name.lower(), value) for name, value in params if name.lower() != "auth_signature")
    return "\n".join([method, path, "&".join(f"{name}={value}" for name, value in named)])


def verify_call(
    credentials: Credentials, method: str, path: str, params: Sequence[tuple[str, str]], body: bytes, now_s: float
) -> None:
    """Check an API call; `params` are decoded query parameters, `now_s` is Unix time. Raises BadSignature."""
    given = {name.lower(): value for name, value in params}
    if len(given) != len(params):
        raise BadSignature("every query parameter may be given once")
    if given.get("auth_key") != credentials.key:
        raise BadSignature(f"unknown auth_key {given.get('auth_key')!r}")
    if given.get("auth_version") != AUTH_VERSION:
        raise BadSignature(f"expected auth_version {AUTH_VERSION}, got {given.get('auth_version')!r}")
    expected = hex_hmac(credentials.secret, string_to_sign(method, path, params))
    if not is_same(expected, given.get("auth_signature", "")):
        what_to_do = "check the secret, and that the parameters are the signed ones"
        raise BadSignature(f"auth_signature does not match: {what_to_do}")
    _verify_age(given.get("auth_timestamp", ""), now_s)
    _verify_body(given.get("body_md5"), body)


def _verify_age(timestamp: str, now_s: float) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise BadSignature(f"expected auth_timestamp in whole seconds, got {timestamp[:40]!r}")
    if abs(now_s - int(timestamp)) > TIMESTAMP_WINDOW_S:
        raise BadSignature(f"auth_timestamp is not within {TIMESTAMP_WINDOW_S} s of the server's time {now_s:.0f}")


def _verify_body(claimed_md5: str | None, body: bytes) -> None:
    """The digest is signed, so the signature covers the body; libraries send it with an empty body too."""
    if claimed_md5 is None:
        if body:
            raise BadSignature("a call with a body must sign its body_md5")
    elif not is_same(hashlib.md5(body, usedforsecurity=False).hexdigest(), claimed_md5):
        raise BadSignature("body_md5 does not match the body")
