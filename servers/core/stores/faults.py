"""The faults of a database: each is logged, but not once for every request that meets it.

Teaches to bound a log as one bounds a queue: during an outage every request fails, with the same words.
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

    def unavailable(self, error: BaseException, what: str = "no response") -> Unavailable:
        """Return the error for a request that met a fault, and log the fault if that is due."""
        fault, now_s = f"store: {what} ({type(error).__name__}: {error})", time.monotonic()
        if now_s - self._logged_s.get(fault, float("-inf")) >= LOG_AGAIN_S:
            if len(self._logged_s) >= FAULTS_MAX:
                self._logged_s.clear()
            self._logged_s[fault] = now_s
            log.error("%s", fault)
        return Unavailable(f"{fault}; try again")
