"""Who sends a request: signed, expiring tokens, so that nobody can send as another.

Teaches that the sender of an event is taken from the token and never from the body. itsdangerous signs (HMAC);
leaves out passwords: a display name is all that a log-in asks for.
"""

import hmac
import os
import re
import secrets
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from itsdangerous import BadData, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode

from servers.core.clock import Clock
from servers.core.errors import Unauthenticated
from servers.core.wire import Account

SALT = "push-or-poll.token"
CACHED_MAX = 10_000
TOKEN_BYTES_MAX = 1024  # a name of 32 emoji makes 600; so the cache takes 20 MB at most, names included
TOKEN = re.compile(rf"[A-Za-z0-9_.-]{{1,{TOKEN_BYTES_MAX}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a valid token belongs to, and until when it is valid."""

    user: str
    name: str
    expires_at_ms: int


class Tokens:
    """Issues and verifies tokens. Verified tokens are cached: only the first request with a token costs an HMAC.

    A user's id also holds the network of the log-in, readable only with the secret. So every process that serves can
    find it out, and neither a token nor a table needs a field for it.
    """

    def __init__(self, secret: str, clock: Clock, lifetime_s: float) -> None:
        self._secret = secret.encode()
        self._serializer = URLSafeSerializer(secret, salt=SALT)
        self._clock = clock
        self._lifetime_ms = int(lifetime_s * 1000)
        self._identity_of = lru_cache(CACHED_MAX)(self._open)

    def new_user(self, network: str) -> str:
        """Return a new user's id: 12 random hex digits, and 4 that only `network_of` can read."""
        random = secrets.token_hex(6)
        return random + self._masked(self._digits(network), random)

    def network_of(self, user: str) -> str:
        """Return 4 hex digits that are equal for all users of one network, and seldom equal to those of another."""
        return self._masked(user[-4:], user[:-4])

    def issue(self, user: str, name: str) -> Account:
        expires_at_ms = self._clock.now_ms() + self._lifetime_ms
        signed = self._serializer.dumps([user, name, expires_at_ms])
        token = signed if isinstance(signed, str) else signed.decode()
        return Account(user, name, token, expires_at_ms)

    def verify(self, token: str) -> Identity:
        """Return who the token belongs to; raise Unauthenticated when it is missing, forged or expired."""
        identity = self._identity_of(token)
        if identity.expires_at_ms <= self._clock.now_ms():
            raise Unauthenticated("token: expired; log in again")
        return identity

    def _masked(self, digits: str, random: str) -> str:
        """Return 4 hex digits XOR those that follow from a random id; done twice, this returns the original digits."""
        return f"{int(digits, 16) ^ int(self._digits(random), 16):04x}"

    def _digits(self, text: str) -> str:
        """Return the first 4 hex digits of a text's HMAC."""
        return hmac.digest(self._secret, text.encode(), "sha256").hex()[:4]

    def _open(self, token: str) -> Identity:
        """Verify a token. Its spelling must be the issued one: Base64 decoding ignores padding and the last bits."""
        try:
            if not TOKEN.fullmatch(token) or not _is_canonical(token.rpartition(".")[2]):
                raise ValueError(token[:80])
            user, name, expires_at_ms = self._serializer.loads(token)
        except (BadData, ValueError, TypeError) as error:
            raise Unauthenticated("token: expected one that POST /login gave; log in again") from error
        return Identity(user, name, expires_at_ms)


def _is_canonical(encoded: str) -> bool:
    return base64_encode(base64_decode(encoded)) == encoded.encode()


def shared_secret() -> str:
    """Return CHAT_SECRET, which all processes that serve one chat must have in common; raises ValueError without."""
    if secret := os.environ.get("CHAT_SECRET"):
        return secret
    raise ValueError(
        "CHAT_SECRET: expected in the environment, since a store that several processes share needs tokens that all of "
        'them can verify; set the same for each of them, such as CHAT_SECRET="$(openssl rand -base64 32)"'
    )


def signing_secret(database: Path | None) -> str:
    """Return CHAT_SECRET, else the key in the file `<database>.secret`, made once and readable by its owner only.

    Without a path (a store in memory) the key lives as long as the process.
    Raises OSError if the file is unreadable, RuntimeError if it is empty.
    """
    if secret := os.environ.get("CHAT_SECRET"):
        return secret
    if database is None:
        return secrets.token_urlsafe(32)
    path = database.with_name(database.name + ".secret")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if key := path.read_text().strip():
            return key
        reason = "is empty, so anybody could sign with it; remove it, and a new key is made"
        raise RuntimeError(f"{path} {reason}") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32))
    return path.read_text().strip()
