"""The formulas of the project: what theory predicts for each transport, to compare with measurements.

The letters of the derivations: d is the one-way transit time, RTT = 2 d a round trip, T the pause of a poller between
a response and its next request, lambda the events per second that one client should see, N the number of clients, h
the longest time that a long poll is held. Arrivals are Poisson: a periodic sender would be in step with the polls.
Leaves out bytes and CPU, which depend on libraries; only the frame header of a WebSocket is known.
"""

from collections.abc import Sequence
from math import exp, expm1, sqrt

Pause = tuple[float, float]
"""The length of a poller's pause, in seconds, and its share of all pauses."""


def uniform_wait_cdf(wait_s: float, interval_s: float) -> float:
    """Return the share of events that a poller sees within `wait_s`: Uniform(0, T).

    A Poisson event falls anywhere between two polls with equal probability, and waits for the next: the wait is
    uniform on (0, T), whatever the rate. (With a round trip, T is `poll_wait_s`.)
    """
    return min(max(wait_s / interval_s, 0.0), 1.0)


def uniform_wait_quantile_s(share: float, interval_s: float) -> float:
    """Return the wait below which this share of the events stays: share x T, so the median is T/2, p95 is 0.95 T."""
    return share * interval_s


def uniform_wait_mean_s(interval_s: float) -> float:
    """Return the mean wait of short polling, T/2."""
    return interval_s / 2


def short_polling_requests_per_s(clients: int, interval_s: float, round_trip_s: float) -> float:
    """Return N/(T + RTT), not N/T: a client that sleeps *after* each response polls once per sleep and round trip."""
    return clients / (interval_s + round_trip_s)


def empty_share(rate_per_s: float, period_s: float) -> float:
    """Return the share of polls that bring nothing: no Poisson event in a period, exp(-lambda T)."""
    return exp(-rate_per_s * period_s)


def occupied_share(mean: float) -> float:
    """Return the probability that a Poisson count of this mean is not zero: 1 - exp(-mean), exact for small means."""
    return -expm1(-mean)


def back_off_pauses(rate_per_s: float, interval_s: float, limit_s: float, round_trip_s: float) -> list[Pause]:
    """Return the pauses of a poller that backs off, each with its share of all pauses.

    The pause T is doubled after each empty response, up to a limit, and a new event resets it to T. A pause w is
    followed by an empty response with probability q(w) = exp(-lambda (w + RTT)). So for each pause of T there are q(T)
    of 2 T, q(T) q(2 T) of 4 T, and so on. The longest pause may follow itself: its number is multiplied by 1/(1 - q).
    """
    pauses = []
    count = 1.0
    pause_s = interval_s
    while pause_s < limit_s:
        pauses.append((pause_s, count))
        count *= empty_share(rate_per_s, pause_s + round_trip_s)
        pause_s = min(2 * pause_s, limit_s)
    if not rate_per_s:
        return [(pause_s, 1.0)]
    pauses.append((pause_s, count / occupied_share(rate_per_s * (pause_s + round_trip_s))))
    total = sum(count for _, count in pauses)
    return [(pause_s, count / total) for pause_s, count in pauses]


def back_off_requests_per_s(pauses: Sequence[Pause], round_trip_s: float) -> float:
    """Return the requests per second of one poller: 1/(mean pause + RTT)."""
    return 1 / (sum(share * pause_s for pause_s, share in pauses) + round_trip_s)


def back_off_wait_quantile_s(share: float, pauses: Sequence[Pause], transit_s: float = 0.0) -> float:
    """Return the wait below which this share of the events stays, in pauses lengthened by two transits.

    The longer a pause, the more likely an event falls into it, at any moment of it. So the density of the wait x is the
    share of the pauses above x, divided by their mean. Jitter of up to half the pause does not move the median of a
    poller with one pause.
    """
    lengths = [(poll_wait_s(pause_s, transit_s), part) for pause_s, part in pauses]
    mean_s = sum(part * length_s for length_s, part in lengths)
    below, begin_s, longer = 0.0, 0.0, 1.0
    for length_s, part in lengths[:-1]:
        reached = below + longer * (length_s - begin_s) / mean_s
        if share <= reached:
            break
        below, begin_s, longer = reached, length_s, longer - part
    return begin_s + (share - below) * mean_s / longer


def long_polling_requests_per_s(rate_per_s: float, round_trip_s: float, hold_s: float) -> float:
    """Return the requests per second of one long-polling client.

    One cycle is a held request and the round trip until the next one is armed. Events wait on the cursor, so with
    probability 1 - exp(-lambda RTT) an event is there on arming and nothing is held; else the request is held for
    min(Exp(lambda), h), on average (1 - exp(-lambda h)) / lambda. Rare events: about the larger of lambda and 1/h, and
    never below 1/(h + RTT); frequent events: 1/RTT at most, several events in each response. The textbook's
    1/(1/lambda + RTT) differs by the events that come while re-arming, and agrees when lambda RTT is small.
    """
    held_s = occupied_share(rate_per_s * hold_s) / rate_per_s if rate_per_s else hold_s
    return 1 / (round_trip_s + exp(-rate_per_s * round_trip_s) * held_s)


def rearm_wait_quantile_s(share: float, requests_per_s: float, round_trip_s: float) -> float:
    """Return the wait for the next long poll below which this share of the events stays.

    For a round trip after each response, a client has no request at the server: for a share requests_per_s x RTT of the
    time. That share of the Poisson events comes then, at any moment of the round trip, and waits for the rest of it.
    (RFC 6202 section 2.2)
    """
    waiting = requests_per_s * round_trip_s
    return round_trip_s * (share - (1 - waiting)) / waiting if share > 1 - waiting else 0.0


def push_latency_s(transit_s: float, publish_s: float = 0.0) -> float:
    """Return the time from sender to receiver over open connections: 2 d, and the transit to a push service."""
    return 2 * transit_s + publish_s


def heartbeat_requests_per_s(lease_s: float) -> float:
    """Return the heartbeats of one Pusher client: one every third of its presence lease, so that two may be lost."""
    return 3 / lease_s


def silence_reads_per_s(rate_per_s: float, silence_s: float) -> float:
    """Return the reads per second of one client that reads after each `silence_s` without an event.

    With T = silence_s it is lambda / (exp(lambda T) - 1): the number of such silences before an event is geometric.
    Without events it is 1/T.
    """
    return rate_per_s / expm1(min(rate_per_s * silence_s, 700.0)) if rate_per_s else 1 / silence_s  # e^710 overflows


def poll_wait_s(interval_s: float, transit_s: float) -> float:
    """Return the longest wait for a poll, T + 2 d: the pause, and the transits of a response and the next request."""
    return interval_s + 2 * transit_s


def count_error(count: float, off: float, *, periodic: int, together: int) -> float:
    """Return the standard error of a count of requests that these formulas predict.

    Each of the `periodic` clients makes requests at a fixed interval from a random phase, so it may make one more or
    one less: the variance is at most 1/4. Other requests (periodic is 0) follow random events: the variance of their
    number is its mean, times `together`, since that many clients of a room follow the same events. off: the relative
    error of the count that remains, since the round trip of a read is taken to be that of a send.
    """
    variance = periodic / 4 if periodic else count * together
    return sqrt(variance + (count * off) ** 2)


def share_error(share: float, trials: float) -> float:
    """Return the standard error of a share of independent trials; at least one is taken to differ from the others."""
    likely = min(max(share, 1 / trials), 1 - 1 / trials) if trials > 1 else 0.5
    return sqrt(likely * (1 - likely) / trials)


def seen_while_true(alive_s: float, interval_s: float) -> float:
    """Return the share of notices that a poller sees while they are true: min(1, E/T), for one that lives E seconds.

    The wait for the next poll is uniform on (0, T), so it stays below E with that probability.
    """
    return min(1.0, alive_s / interval_s)


def function_seconds(held: float, requests_per_s: float, response_s: float) -> float:
    """Return the function-seconds of one user's hour: 3,600 x (share of it held + requests per second x response time).

    A function is billed for as long as its response takes, whether it computes or waits. A long poll or an open
    connection is billed for the whole time that a user is online.
    """
    return 3600 * (held + requests_per_s * response_s)


def billed_instance_seconds(held: float, concurrency: int) -> float:
    """Return the seconds of instances that one user's hour takes where instances are billed: 3,600 x held / c.

    c is the concurrency: how many invocations share an instance at best. Where each invocation is billed alone, c is 1.
    """
    return 3600 * held / concurrency


def header_bits_per_s(header_bytes: float, clients: int, polls_per_s: float) -> float:
    """Return the traffic of headers alone, in bits per second: 8 x bytes x clients x polls.

    This is the arithmetic of Lubbers and Greco's "HTML5 WebSocket: A Quantum Leap in Scalability for the Web", whose
    megabits are of 2^20 bits: 871 bytes a poll from 1,000 clients once a second are 6.97 Mbit/s of 10^6, and their 6.6.
    """
    return 8 * header_bytes * clients * polls_per_s


def radio_on_share(rate_per_s: float, period_s: float, timer_s: float) -> float:
    """Return the share of the time in which a phone's radio is on: after each packet, until its timer expires.

    Packets are the upkeep, one every `period_s`, and events at random moments. The radio is off at a moment if neither
    came within the last `timer_s`: with probability (1 - timer/period) exp(-lambda timer).
    """
    return 1 - max(0.0, 1 - timer_s / period_s) * exp(-rate_per_s * timer_s)


def frame_overhead_bytes(payload_bytes: int, *, masked: bool) -> int:
    """Return the bytes that a WebSocket frame adds to its payload (RFC 6455 section 5.2).

    Two bytes; 2 more for a length above 125, or 8 for one above 65,535; 4 for the masking key, which clients must send.
    """
    header_bytes = 2 + (4 if masked else 0)
    if payload_bytes <= 125:
        return header_bytes
    return header_bytes + (2 if payload_bytes <= 0xFFFF else 8)
