"""The id that a sender gives a message holds when it was written: `<ms since 1970>-<random>`.

Teaches to measure without a field for it: so every recipient can compute the latency, as far as their clocks agree.
clients/web/lane/client_ids.js is the same.
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
    timed = TIMED_ID.match(client_id)
    return max(0.0, now_ms - float(timed[1])) if timed else None
