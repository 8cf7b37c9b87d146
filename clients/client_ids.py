"""A message's client_id holds the time at which the message was written: `<ms since 1970>-<random>`.

Teaches how to measure latency without a further field: each recipient computes it from the id, as exactly as the clocks
of sender and recipient agree. clients/web/lane/client_ids.js does the same.
"""

import re
import secrets
import time

TIMED_ID = re.compile(r"(\d{13}\.\d)-", re.ASCII)


def new_client_id() -> str:
    """Return an id for a message that is written now."""
    return f"{time.time_ns() / 1e6:.1f}-{secrets.token_hex(4)}"


def latency_ms(client_id: str, now_ms: float) -> float | None:
    """Return how long ago a message was written, in ms; None if its id does not hold the time."""
    match = TIMED_ID.match(client_id)
    return max(0.0, now_ms - float(match[1])) if match else None
