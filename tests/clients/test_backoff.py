"""Back-off with full jitter: the clients of a server that stopped come back one by one."""

from collections import Counter
from collections.abc import Iterator
from itertools import accumulate, takewhile
from random import Random
from unittest.mock import Mock

import pytest

from clients.backoff import Backoff, PollPace

CLIENTS = 150
OUTAGE_S = 60.0
WINDOW_S = 0.5


def scripted(*shares: float) -> Random:
    """Return a source of these shares of each range, in turn."""
    left = iter(shares)
    return Mock(spec=Random, uniform=lambda low, high: low + (high - low) * next(left))


def attempts_s(seed: int) -> Iterator[float]:
    """Return when a client tries to reconnect during an outage."""
    moments_s = accumulate(iter(Backoff(random=Random(seed)).next_s, None))
    return takewhile(lambda moment_s: moment_s <= OUTAGE_S, moments_s)


def test_clients_that_lost_their_connections_together_spread_over_the_whole_back_off() -> None:
    windows = Counter(int(moment_s / WINDOW_S) for seed in range(CLIENTS) for moment_s in attempts_s(seed))
    later = [windows[window] for window in range(int(10 / WINDOW_S), int(OUTAGE_S / WINDOW_S))]
    mean = sum(later) / len(later)
    assert mean == pytest.approx(CLIENTS * WINDOW_S / 2.5, rel=0.1)  # a pause of at most 5 s lasts 2.5 s on average
    assert mean / 2 < min(later)
    assert max(later) < 2 * mean


def test_a_pause_between_polls_doubles_if_it_may_until_there_is_news_and_varies_by_the_jitter() -> None:
    pace = PollPace(first_s=2.0, max_s=5.0, jitter=0.5, random=scripted(0, 1, 0.5, 0.5, 0.5))
    pauses_s = []
    for has_news in (False, False, False, True, False):
        pauses_s.append(pace.next_s())
        pace.note(has_news)
    assert pauses_s == [1.0, 6.0, 5.0, 5.0, 2.0]
    constant = PollPace(2.0)
    constant.note(has_news=False)
    assert constant.next_s() == 2.0


def test_the_limit_doubles_up_to_a_maximum_and_starts_again_after_a_success() -> None:
    backoff = Backoff(0.1, 0.5, scripted(1, 1, 1, 1, 0.5, 1))
    assert [backoff.next_s() for _ in range(5)] == [0.1, 0.2, 0.4, 0.5, 0.25]
    backoff.reset()
    assert backoff.next_s() == 0.1
