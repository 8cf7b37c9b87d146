"""The progress of a test: for the process that started this one, or for a person.

Teaches to print for the reader: a parent process reads JSON lines, so that it can read the server's counters at the
same moments; a person reads sentences in Locust's log, which its web interface shows as well.
"""

import json
import logging
import sys
from collections.abc import Callable

LOG = logging.getLogger("loadtests")
SENTENCES = {
    "warm-up": "All users have joined. Warming up for {warm_up_s:g} s, then measuring for {measured_s:g} s; the test "
    "ends by itself (--measured-s changes how long it measures).",
    "drain": "Nobody sends any more. Waiting for the last deliveries, at most {drain_s:g} s.",
    "stop": "The test is over.",
}


OnPhase = Callable[..., None]
"""Called with a phase of a test, and facts by their names, when it begins, and each second while it measures."""


def print_json(phase: str, **facts: object) -> None:
    """Print one line of JSON, for a parent process."""
    sys.stdout.write(json.dumps({"phase": phase, **facts}) + "\n")
    sys.stdout.flush()


def log_sentence(phase: str, **facts: object) -> None:
    """Log a sentence for a person, if there is one for the phase."""
    if sentence := SENTENCES.get(phase):
        LOG.info(sentence.format(**facts))
