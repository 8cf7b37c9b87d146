"""The settings of a chat client."""

from dataclasses import dataclass

from clients.backoff import FIRST_S, MAX_S


@dataclass(frozen=True, slots=True)
class Options:
    """Durations in seconds. poll_s: a polling client sleeps this long after each response, from a random phase.

    answer_s: timeout of a response. A connection counts as broken when a held poll is silent for the server's hold time
    and this, a stream or socket for the server's ping interval and this. gap_s: how long the client waits for a missing
    event before it reads. backoff_s and backoff_max_s: first and last limit of the random pauses between attempts to
    reconnect.
    """

    poll_s: float = 2.0
    answer_s: float = 10.0
    gap_s: float = 0.25
    backoff_s: float = FIRST_S
    backoff_max_s: float = MAX_S
