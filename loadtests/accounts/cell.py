"""One transport, measured once: from samples and readings to a row of `cells.csv` and the rows that go with it.

Teaches that every figure names its window: requests, bytes and CPU time are the servers' between two readings; actions
and deliveries are those scheduled for a moment between the two. "The same load" is a claim, so it is checked: a digest
of the actions that were sent must equal the digest of the schedule, and is kept with the results. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from math import isnan, nan
from statistics import fmean
from typing import Any

from loadtests.accounts.deliveries import Delivery
from loadtests.accounts.rows import KINDS, Handshake
from loadtests.accounts.samples import Samples
from loadtests.accounts.tally import KindCount, Tally, tally
from loadtests.accounts.verdict import Health, Verdict, first_sends, judge, percentile
from loadtests.plan.schedule import schedule
from loadtests.plan.workload import Workload
from loadtests.scenarios import Planned
from servers.core.wire import Kind
from servers.transports import Transport

PEAK_S = 0.1
Reading = dict[str, float]
"""What the servers had counted and used at one moment, or between two, by the names of `results.schema.CELLS`."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The results of one measurement. figures: by the names of `results.schema.CELLS`. settings: the server's."""

    planned: Planned
    verdict: Verdict
    figures: dict[str, float | str]
    kinds: tuple[KindCount, ...]
    deliveries: tuple[Delivery, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def transport(self) -> Transport:
        return self.planned.transport

    @property
    def messages(self) -> list[Delivery]:
        """The deliveries of messages."""
        return [row for row in self.deliveries if row.kind == Kind.MESSAGE]

    def number(self, column: str) -> float:
        return float(self.figures[column])

    def per_delivery(self, *columns: str) -> float:
        """Return the sum of some figures per message delivered."""
        return sum(map(self.number, columns)) / self.number("delivered")

    @property
    def bytes_per_delivery(self) -> float:
        """The bytes of clients per delivery, by their own count if they have one, and those of publishing."""
        side = "server" if isnan(self.number("client_up_bytes")) else "client"
        return self.per_delivery(f"{side}_up_bytes", f"{side}_down_bytes", "publish_bytes")

    def latency_ms(self, percent: int) -> float:
        """Return a percentile of delivery latency, from the scheduled moment of sending."""
        return 1000 * percentile([row.received_s - row.intended_s for row in self.messages], percent)


def make_cell(
    planned: Planned,
    samples: Samples,
    spent: Reading,
    scheduled: str,
    doubts: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
) -> Cell:
    """Put a measurement together, and judge it.

    scheduled: the digest of the load that the schedule has. doubts: reasons from outside to suspect the measurement.
    """
    workload = planned.workload
    settings = settings or {}
    counts = tally(planned.key, samples)
    slips_s = [row.sent_s - row.intended_s for row in counts.actions]
    health = Health(percentile(samples.lateness_s, 99), percentile(slips_s, 99))
    offered = digest(acknowledged(workload, samples))
    complaints = _complaints(planned, samples, counts)
    if offered != scheduled:
        complaints.append(f"the load was not the scheduled one: {offered} instead of {scheduled}")
    verdict = judge(complaints, doubts, health, 1 / workload.rate_per_s, stalls=workload.users_return)
    load = {"seed": workload.seed, "room_size": workload.room_size, "offered": offered, "link": workload.link}
    servers = {"store": settings.get("store", ""), "workers": settings.get("workers", 0)}
    judged = {"verdict": verdict.status, "reason": verdict.reason, "limit": "", "attempts": 1, **health._asdict()}
    figures = {**planned.key._asdict(), **load, **servers, **judged, **_counts(samples, counts), **spent}
    return Cell(planned, verdict, figures, counts.kinds, counts.deliveries, settings)


def _counts(samples: Samples, counts: Tally) -> dict[str, float]:
    """Return what the generator counted: in the window, but what voids a run is counted from the first event on."""
    messages = next(row for row in counts.kinds if row.kind == Kind.MESSAGE)
    client_up_bytes, client_down_bytes = samples.client_bytes.window if samples.client_bytes else (nan, nan)
    return {
        "samples": len(counts.deliveries),
        "users": len(samples.user_ids),
        "measured_s": samples.window.end_s - samples.window.start_s,
        "messages": messages.events,
        "actions": sum(row.actions for row in counts.kinds),
        "events": sum(row.events for row in counts.kinds),
        "send_retries": samples.send_retries,
        "send_failures": samples.send_failures,
        "expected": messages.expected,
        "delivered": messages.delivered,
        "missed_by_leaving": messages.missed_by_leaving,
        "lost": counts.whole.lost,
        "duplicates": counts.whole.duplicates,
        "out_of_order": counts.whole.out_of_order,
        "wire_duplicates": samples.wire_duplicates,
        "wire_reordered": samples.wire_reordered,
        "redundant_frames": samples.redundant_frames,
        "peak_requests": samples.most_begun(PEAK_S),
        **_handshakes("tls_full", [row for row in samples.handshakes if not row.resumed]),
        **_handshakes("tls_resumed", [row for row in samples.handshakes if row.resumed]),
        **first_sends(samples),
        "client_up_bytes": client_up_bytes,
        "client_down_bytes": client_down_bytes,
    }


def _handshakes(name: str, rows: Sequence[Handshake]) -> dict[str, float]:
    """Return the number of handshakes, their mean bytes and their median duration; nan without any."""
    return {
        f"{name}_handshakes": len(rows),
        f"{name}_bytes": fmean(row.carried for row in rows) if rows else nan,
        f"{name}_s": percentile([row.took_us / 1e6 for row in rows], 50),
    }


def _complaints(planned: Planned, samples: Samples, counts: Tally) -> list[str]:
    """Return what voids the cell. A failure after which everything still arrived does not."""
    complaints = [counts.whole.complaint]
    on_one_connection = {"again": samples.wire_duplicates, "after a later one": samples.wire_reordered}
    if not planned.transport.needs_push_service:  # a push service may repeat and reorder; its clients correct both
        for what, count in on_one_connection.items():
            if count:
                complaints.append(f"{count:,} events came {what} over one connection")
    if samples.send_failures:
        complaints.append(f"{samples.send_failures} actions were never acknowledged")
    if away := samples.disconnected_in_window():
        were = "was" if len(away) == 1 else "were"
        complaints.append(f"of {len(samples.user_ids)} users, {len(away)} {were} not back when the run ended")
    if not any(row.events for row in counts.kinds if row.kind == Kind.MESSAGE):
        complaints.append("no message fell into the window: make it longer, or the rate higher")
    if any(complaints):
        complaints += samples.troubles[:3]
    return complaints


Action = tuple[int, int, str]
"""User, scheduled moment in microseconds from the load's start, kind."""


def scheduled(workload: Workload) -> list[Action]:
    """Return the actions that the schedule has for the window."""
    return [
        (user, round(1e6 * action.moment_s), action.kind.value)
        for user in range(workload.users)
        for action in schedule(workload, user)
        if workload.warm_up_s <= action.moment_s < workload.load_s
    ]


def acknowledged(workload: Workload, samples: Samples) -> list[Action]:
    """Return the actions of the window that were acknowledged. (Scheduled moments are whole microseconds.)"""
    begin_s = samples.window.start_s - workload.warm_up_s
    return [
        (row.sender, round(1e6 * (row.intended_s - begin_s)), KINDS[row.kind].value)
        for row in samples.sent
        if samples.window.contains(row.intended_s)
    ]


def digest(actions: Iterable[Action]) -> str:
    """Return 16 hexadecimal digits, which are equal for two loads only if both have the same actions, in any order."""
    lines = "\n".join(f"{user} {moment_us} {kind}" for user, moment_us, kind in sorted(actions))
    return sha256(lines.encode()).hexdigest()[:16]
