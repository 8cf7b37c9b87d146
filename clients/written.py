"""When a message was written travels in the id that its sender gives it: `<ms since 1970>-<random>`.

So whoever sees it can tell how long that took, as far as the clocks of the two agree. The twin of
clients/web/lane/written.js.
"""

import re
import secrets
import time

WRITTEN = re.compile(r"(\d{13}\.\d)-", re.ASCII)


def new_id() -> str:
    """Return an id for a message that is written now."""
    return f"{time.time_ns() / 1e6:.1f}-{secrets.token_hex(4)}"


def took_ms(client_id: str, now_ms: float) -> float | None:
    """Return how long ago a message was written, in ms; None if its id does not say."""
    written = WRITTEN.match(client_id)
    return max(0.0, now_ms - float(written[1])) if written else None
