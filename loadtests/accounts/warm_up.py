"""What happened before the window opened: whether everybody was in a steady state, and what a first send costs.

Teaches that a short window measures cold connections: so everybody sends once before it, at a price of its own. Pure.
"""

from statistics import median

from loadtests.accounts.rows import KINDS, Sent
from loadtests.accounts.samples import Samples
from servers.core.wire import Kind


def first_sends(samples: Samples) -> dict[str, float]:
    """Return how many first messages of a user were sent before the window, and how long acknowledgements took."""
    firsts, later_s = dict[int, Sent](), list[float]()
    for row in samples.actions():
        if KINDS[row.kind] is Kind.MESSAGE and row.sender not in firsts and row.intended_s < samples.window.start_s:
            firsts[row.sender] = row
        elif KINDS[row.kind] is Kind.MESSAGE and samples.window.contains(row.intended_s):
            later_s.append(_took_s(row))
    return {
        "first_sends": len(firsts),
        "first_ack_p50_s": median(map(_took_s, firsts.values())) if firsts else float("nan"),
        "ack_p50_s": median(later_s) if later_s else float("nan"),
    }


def cold_users(samples: Samples) -> list[str]:
    """Return how many users had not both sent and received a message when the window opened, if any, as a doubt."""
    start_s = samples.window.start_s
    sent = {row.sender for row in samples.actions() if row.acked_s < start_s}
    received = {row.recipient for row in samples.deliveries() if row.received_s < start_s}
    cold = len(samples.user_ids.keys() - (sent & received))
    return [f"{cold} of {len(samples.user_ids)} users had not sent and received before the window"] if cold else []


def _took_s(row: Sent) -> float:
    return row.acked_s - row.sent_s
