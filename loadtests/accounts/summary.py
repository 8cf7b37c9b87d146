"""The deliveries of a load that somebody runs by hand, which Locust's statistics do not show.

Teaches why deliveries have a table of their own: Locust would count them as requests, and round their times.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

from rich.console import Console

from loadtests.accounts.accounting import DeliveryAccount
from loadtests.accounts.samples import Samples, merged
from loadtests.accounts.tally import KindCount, tally
from loadtests.scenarios import Key
from results.terminal import FittedTable, TableRow, columns_of, note

BY_HAND = Key("by hand", "", "", 0)
TROUBLES = 3  # are shown: most of them are alike
LATENCIES = ("p50", "p95", "p99", "max")
COLUMNS = columns_of("deliveries")


@dataclass(frozen=True, slots=True)
class Summary:
    """One test. measured_s: how long it measured; processes: how many had users; missing: those that did not report.

    whole: of the whole test, from its first message on; in one that was stopped early, deliveries may be missing.
    """

    kinds: tuple[KindCount, ...]
    measured_s: float
    processes: int
    missing: int
    stopped_early: bool
    whole: DeliveryAccount
    unacknowledged: int
    troubles: tuple[str, ...]

    @property
    def adds_up(self) -> bool:
        """Whether everything that was sent came to everyone once and in order, as far as the test went."""
        lost = 0 if self.stopped_early else self.whole.lost + self.unacknowledged
        return not (self.missing or lost or self.whole.duplicates or self.whole.out_of_order)

    @property
    def table(self) -> FittedTable:
        """The deliveries of each kind, and notes on them."""
        rows = []
        for row in self.kinds:
            counts = (row.actions, row.expected, row.delivered, row.expected - row.delivered)
            latencies_ms = (_ms(getattr(row, f"latency_{name}_s")) for name in LATENCIES)
            rows.append(TableRow((row.kind, *(f"{count:,}" for count in counts), *latencies_ms)))
        return FittedTable(COLUMNS, rows, self._notes())

    def show(self, console: Console) -> None:
        """Print the table, or why there is none."""
        if not self.measured_s:
            none = "Deliveries: none, since the test ended before its measuring window."
            console.print("", none, *self.troubles[:1], sep="\n", markup=False)
            return
        head = f"\nDeliveries in the {self.measured_s:.3g} s measured (not requests: the tables above omit them). "
        console.print(note(f"{head}Their latency runs from the scheduled moment of sending until a user has it.\n"))
        console.print(self.table)

    def _notes(self) -> list[str]:
        notes = []
        if self.missing:
            notes.append(f"{self.missing} of {self.processes} processes did not report: their users are missing here.")
        if self.stopped_early:
            notes.append("The test was stopped early: deliveries that count as lost may have been under way.")
        if not any(row.actions for row in self.kinds):
            notes.append("Nobody sent anything meanwhile: measure for longer, or send more often.")
        elif self.adds_up and not self.stopped_early:
            notes.append("Everything that was sent came to everyone, once and in order.")
        counts = {
            "were lost": 0 if self.stopped_early else self.whole.lost,
            "came twice": self.whole.duplicates,
            "came after a later one": self.whole.out_of_order,
        }
        notes += [f"In the whole test, {count:,} deliveries {what}." for what, count in counts.items() if count]
        if self.unacknowledged and not self.stopped_early:
            notes.append(f"{self.unacknowledged:,} sends or users never got their acknowledgement.")
        shown = self.troubles[:TROUBLES]
        if shown:
            notes.append(f"What went wrong (the first {len(shown)} of {len(self.troubles):,}):")
        return [*notes, *(f"  {trouble}" for trouble in shown)]


def summarise(
    parts: Sequence[Samples], processes: int, ended_s: float | None = None, troubles: Sequence[str] = ()
) -> Summary:
    """Put together what the processes recorded. ended_s: when the test was stopped, if it was, before its end.

    troubles: of the whole test, in words. Moments are seconds of the monotonic clock.
    """
    samples = merged(parts) if parts else Samples()
    counts = tally(BY_HAND, samples)
    start_s, end_s = samples.window
    return Summary(
        kinds=counts.kinds,
        measured_s=max(0.0, (end_s if ended_s is None else min(ended_s, end_s)) - start_s),
        processes=processes,
        missing=processes - len(parts),
        stopped_early=ended_s is not None,
        whole=counts.whole,
        unacknowledged=samples.send_failures,
        troubles=(*troubles, *samples.troubles),
    )


def _ms(latency_s: float) -> str:
    """Return milliseconds with three digits; a dash where nothing was timed."""
    if isnan(latency_s):
        return "-"
    latency_ms = 1000 * latency_s
    return f"{latency_ms:,.{1 if latency_ms < 100 else 0}f}"
