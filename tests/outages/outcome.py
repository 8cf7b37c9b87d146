"""What came of a drill, in figures and in the words of a user. Pure: from what people saw to one row of the report."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from tests.outages.people import Person

LATE_S = 0.5
"""A message that takes longer than this from being meant to being seen is late: somebody was not up to date."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One drill. Times in seconds from when it began, unless a name says otherwise; results.schema.DRILLS explains."""

    messages: int
    deliveries: int
    lost: int
    duplicates: int
    out_of_order: int
    lasted_s: float
    up_to_date_s: float
    silent_s: float
    unacknowledged_s: float
    lines_broken: int
    reconnecting_s: float
    seen_offline: int
    usual_s: float

    def as_row(self) -> dict[str, Any]:
        """Return the figures, to the millisecond, and what they mean to a user."""
        rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(self).items()}
        return {**rounded, "sees": self.sees()}

    def sees(self) -> str:
        """Say what users see meanwhile."""
        said = [f"nothing new for up to {self.silent_s:.1f} s" if self.silent_s > LATE_S else "messages as ever"]
        if self.lines_broken:
            said.append(
                f"{self.lines_broken} are told for up to {self.reconnecting_s:.1f} s that they are reconnecting"
            )
        if self.unacknowledged_s > LATE_S:
            said.append(f"a message of one's own waits up to {self.unacknowledged_s:.1f} s for its tick")
        if self.seen_offline:
            said.append(f"{self.seen_offline} seem to leave and come back")
        if self.lost:
            said.append(f"{self.lost} of {self.lost + self.deliveries} deliveries never come")
        return "; ".join(said)


def outcome(people: Sequence[Person], began_s: float, over_s: float) -> Outcome:
    """Return what came of a drill that began and was over at these moments of the monotonic clock."""
    intended = {sent.seq: sent.intended_s for person in people for sent in person.sent}
    counts = [Counter(seq for seq, _ in person.heard) for person in people]
    delays = [(at_s, at_s - intended[seq]) for person in people for seq, at_s in person.heard if seq in intended]
    after = [(at_s, delay_s) for at_s, delay_s in delays if at_s >= began_s]
    ended_s = max((sent.acked_s for person in people for sent in person.sent), default=over_s)
    waits = [sent.acked_s - sent.intended_s for person in people for sent in person.sent if sent.acked_s >= began_s]
    return Outcome(
        messages=len(intended),
        deliveries=sum(count[seq] > 0 for count in counts for seq in intended),
        lost=sum(count[seq] == 0 for count in counts for seq in intended),
        duplicates=sum(times - 1 for count in counts for times in count.values()),
        out_of_order=sum(later < one for person in people for (one, _), (later, _) in pairwise(person.heard)),
        lasted_s=over_s - began_s,
        up_to_date_s=max((at_s - began_s for at_s, delay_s in after if delay_s > LATE_S), default=0.0),
        silent_s=max(
            _longest_gap([began_s, *(at_s for _, at_s in person.heard if at_s >= began_s), ended_s])
            for person in people
        ),
        unacknowledged_s=max(waits, default=0.0),
        lines_broken=sum(any(up_s >= began_s for _, up_s in person.broken) for person in people),
        reconnecting_s=max(_longest(person.broken, began_s) for person in people),
        seen_offline=len({user for person in people for user, at_s in person.gone if at_s >= began_s}),
        usual_s=_median(delay_s for at_s, delay_s in delays if at_s < began_s),
    )


def _longest_gap(moments: Sequence[float]) -> float:
    return max((later - one for one, later in pairwise(moments)), default=0.0)


def _longest(broken: Sequence[tuple[float, float]], began_s: float) -> float:
    """Return how long a line was down at most since a moment: from one look to another, LOOK_S apart at best."""
    return max((up_s - max(down_s, began_s) for down_s, up_s in broken if up_s >= began_s), default=0.0)


def _median(values: Iterable[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else 0.0
