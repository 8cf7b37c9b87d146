"""Back-off with full jitter: the clients of a server that stopped come back one by one."""

from random import Random
from unittest.mock import Mock

from clients.backoff import Backoff, PollPace


def scripted(*shares: float) -> Random:
    """Return a source of these shares of each range, in turn."""
    left = iter(shares)
    return Mock(spec=Random, uniform=lambda low, high: low + (high - low) * next(left))


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


def test_a_pause_is_random_up_to_a_limit_that_doubles_and_starts_again_after_a_success() -> None:
    backoff = Backoff(0.1, 0.5, scripted(1, 1, 1, 1, 0.5, 1))
    assert [backoff.next_s() for _ in range(5)] == [0.1, 0.2, 0.4, 0.5, 0.25]
    backoff.reset()
    assert backoff.next_s() == 0.1
