"""The faults of a database: each is logged, but not again for every request that fails because of it.

Teaches that a log needs a bound, as a queue does: during an outage every request fails with the same message.
"""

import logging
import time

from servers.core.errors import Unavailable

LOG_AGAIN_S = 600.0
FAULTS_MAX = 100
log = logging.getLogger(__name__)


class Faults:
    """The faults that a database has had, so that each is logged once every LOG_AGAIN_S."""

    def __init__(self) -> None:
        self._logged_s: dict[str, float] = {}

    def unavailable(self, error: BaseException, problem: str = "no response") -> Unavailable:
        """Return the error for a request that failed, and log the fault unless it was logged within LOG_AGAIN_S."""
        fault = f"store: {problem} ({type(error).__name__}: {error})"
        now_s = time.monotonic()
        if now_s - self._logged_s.get(fault, float("-inf")) >= LOG_AGAIN_S:
            if len(self._logged_s) >= FAULTS_MAX:
                self._logged_s.clear()
            self._logged_s[fault] = now_s
            log.error("%s", fault)
        return Unavailable(f"{fault}; try again")
