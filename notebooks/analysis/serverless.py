"""What serverless hosts do to each transport, from `hosted.json` (`python -m loadtests hosted`).

The outcome of a transport on a host is judged by a rule, `judge`, never by hand. Rows in which the load generator
lagged too much are left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isnan
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import pandas as pd

from notebooks.analysis import records, wording
from notebooks.analysis.runs import BrokenRun, in_registry_order, label
from results import theory
from results.costs.metering import is_held
from results.schema import HOSTED, HOSTED_FILE, TIMELINE
from servers import transports
from servers.transports import Commands, Reads

HOUR_S = 3600.0
WAITING_S = HOUR_S / 2  # of a user's hour: if that or more is billed, waiting is billed
CONCURRENCIES = (1, 4, 10, 100)
"""How many invocations one instance may serve at once; no vendor publishes a figure."""
CUTS = ("timeouts", "cut_streams", "cut_sockets")
LEAST = ("repeat", "users", "connected", "max_duration_s", "concurrency", "cold_start_min_s")
"""Columns whose least value counts over repeats. Of percentiles it is the median, of longest times the largest; all
other columns are added up."""


class Outcome(StrEnum):
    WORKS = "works"
    DEGRADED = "degraded"
    FAILS = "fails"


class Judgement(NamedTuple):
    """The outcome of a transport on a host, and why; no reasons if it works."""

    outcome: Outcome
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostedRow:
    """A transport on a host. repeats: rows of `results.schema.HOSTED`. memory_gb: what an instance is billed for."""

    repeats: Sequence[Mapping[Any, Any]]
    memory_gb: float = 1.0

    @property
    def figures(self) -> dict[str, Any]:
        """One row for all repeats: what was counted is added up, and of percentiles it is the median."""
        return {name: _over_repeats(name, [row[name] for row in self.repeats]) for name in self.repeats[0]}

    @property
    def cuts(self) -> int:
        """How often the host's limit ended a response or a connection."""
        return sum(self.figures[name] for name in CUTS)

    def per_user_hour(self, column: str) -> float:
        """Return a count of the window for each hour that a user was online, the median of the repeats."""
        return float(median(HOUR_S * row[column] / (row["connected"] * row["measured_s"]) for row in self.repeats))

    @property
    def billed_s(self) -> float:
        """The seconds billed for an hour of a user: of invocations, or of instances that several of them share."""
        return self.per_user_hour("held_gb_s") / self.memory_gb

    @property
    def median_ms(self) -> float:
        """The median latency of the deliveries."""
        return 1000 * float(self.figures["latency_p50_s"])


def _over_repeats(name: str, values: Sequence[Any]) -> Any:
    """Return the value of a column for all repeats: a median, an extreme, or the sum of counts."""
    if name.endswith(("_p50_s", "_p99_s")):
        return median(values)
    if name.endswith("_max_s"):
        return max(values)
    return min(values) if name in LEAST or isinstance(values[0], str) else sum(values)


def judge(row: HostedRow, cuts_per_hour: float = 0.0) -> Judgement:
    """Return the outcome: failed if not all users connect and send, degraded if one is interrupted or pays for waiting.

    Degraded: the host's limit cut a connection, or must by theory, since it is shorter than an hour; a user was shown
    as offline who was not; a request was refused with a 503; or half of each user's hour or more is billed. (A lost
    message would be a failure, too; but a record with one is refused.) cuts_per_hour: of a connection, by theory.
    """
    figures = row.figures
    if figures["connected"] < figures["users"]:
        return Judgement(Outcome.FAILS, (f"{figures['connected']} of {figures['users']} connect",))
    if not figures["messages"]:
        return Judgement(Outcome.FAILS, ("not all could send",))
    reasons = {
        f"cut {_times(row.cuts)}": row.cuts,
        f"{cuts_per_hour:g} cuts an hour in theory": cuts_per_hour > 0 and not row.cuts,
        f"seen offline {_times(figures['seen_offline'])}": figures["seen_offline"],
        f"{figures['throttled']} requests refused": figures["throttled"],
        "billed for waiting": row.billed_s >= WAITING_S,
    }
    found = tuple(reason for reason, is_so in reasons.items() if is_so)
    return Judgement(Outcome.DEGRADED, found) if found else Judgement(Outcome.WORKS)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


@dataclass(frozen=True, slots=True)
class Hosted:
    """The measurement of every transport on every host. record: how it was measured. rows: by transport and host,
    without void repeats. doubts: which rows are void or suspect, or were measured again, each with its cause.
    timeline: the table of `results.schema.TIMELINE`.
    """

    record: Mapping[str, Any]
    rows: Mapping[tuple[str, str], HostedRow]
    doubts: Sequence[str]
    timeline: pd.DataFrame

    @property
    def slugs(self) -> tuple[str, ...]:
        """The transports, in the registry's order."""
        return in_registry_order(slug for slug, _ in self.rows)

    @property
    def hosts(self) -> dict[str, Mapping[str, Any]]:
        """The hosts by name: those without WebSockets first; of each kind those with another host's limit last.

        Without those of which only the concurrency differs: see `by_concurrency`. Raises BrokenRun if one of these was
        measured, and the host itself was not.
        """
        hosts = self.record["hosts"]
        ordered = sorted(hosts, key=lambda name: (hosts[name]["websockets"], "," in name, name))
        own = {row["name"]: row["concurrency"] for name, row in hosts.items() if name == row["name"]}
        if missing := {row["name"] for row in hosts.values()} - own.keys():
            raise BrokenRun(f"{HOSTED_FILE} is of an interrupted run: it lacks {', '.join(sorted(missing))}")
        return {name: hosts[name] for name in ordered if hosts[name]["concurrency"] == own[hosts[name]["name"]]}

    def by_concurrency(self, slug: str, host: str) -> dict[int, HostedRow]:
        """Return a transport on that host and on those that differ from it in their concurrency alone."""
        limits = {name: {**row, "concurrency": 0} for name, row in self.record["hosts"].items()}
        alike = [name for name, row in limits.items() if row == limits[host] and (slug, name) in self.rows]
        return {self.record["hosts"][name]["concurrency"]: self.rows[slug, name] for name in alike}

    @property
    def evidence(self) -> str:
        """Return what the figures rest on."""
        deliveries = sum(row.figures["delivered"] for row in self.rows.values())
        loads = self.record["workloads"]
        times = max(len(row.repeats) for row in self.rows.values())
        lengths_s = " or ".join(f"{length_s:g} s" for length_s in sorted({load["measured_s"] for load in loads}))
        often = "once" if times == 1 else f"up to {times} times"
        return (
            f"{wording.counted(deliveries, 'delivery')}, none lost, none twice, none out of order; "
            f"{loads[0]['users']} people, {lengths_s} each, {often}"
        )

    @property
    def circumstances(self) -> str:
        """Return where and with what it was measured."""
        engine = next(iter(self.hosts.values()))["engine"]
        return f"{'; '.join([records.circumstances(self.record, f'log in {engine}'), *self.doubts])}."

    def label_of(self, slug: str) -> str:
        """Return a transport's label, with the local stand-in if that served it."""
        return label(self.record, slug)

    def row(self, slug: str, host: str) -> HostedRow:
        """Return a transport on a host; raise BrokenRun when it was not measured, or is void."""
        if (slug, host) not in self.rows:
            raise BrokenRun(f"{HOSTED_FILE} has no row of {slug} on {host} that is not void")
        return self.rows[slug, host]

    def judge(self, slug: str, host: str) -> Judgement:
        """Return the outcome of a transport on a host; only a connection that stays open is cut by theory."""
        transport = transports.find(slug)
        stays_open = is_held(transport) and transport.reads is Reads.ONCE
        return judge(self.row(slug, host), HOUR_S / self.hosts[host]["max_duration_s"] if stays_open else 0.0)

    def outcomes(self, slug: str) -> list[Outcome]:
        """Return the outcomes of a transport, host by host."""
        return [self.judge(slug, host).outcome for host in self.hosts]

    def predicted_s(self, slug: str, host: str) -> float:
        """Return the function-seconds of a user's hour there in theory, given how long a response takes."""
        transport = transports.find(slug)
        figures = self.row(slug, host).figures
        response_s = 0.0 if isnan(figures["response_p50_s"]) else float(figures["response_p50_s"])
        requests_per_s = 0.0
        interval_s = self.record["workloads"][0]["poll_interval_s"]
        if transport.commands is Commands.POST:
            requests_per_s += figures["messages"] / (figures["connected"] * figures["measured_s"])
        if transport.reads is Reads.POLL:
            requests_per_s += theory.short_polling_requests_per_s(1, interval_s, response_s)
        if transport.needs_push_service:
            requests_per_s += theory.heartbeat_requests_per_s(self.hosts[host]["lease_s"])
        return theory.function_seconds(float(is_held(transport)), requests_per_s, response_s)

    def is_cold(self, slug: str, host: str, took_s: float) -> bool:
        """Return whether a request that was not held took as long as the start of an instance: it waited for one."""
        return bool(took_s >= self.row(slug, host).figures["cold_start_min_s"])

    def timeline_of(self, slug: str, host: str) -> pd.DataFrame:
        """Return the timeline of the first user of a transport on a host, in order."""
        rows = self.timeline
        return rows[(rows["transport"] == slug) & (rows["host"] == host)]


def load_hosted(folder: Path) -> Hosted:
    """Read the record in a folder; raise BrokenRun if there is none, or if its counts do not add up."""
    path = folder / HOSTED_FILE
    record = records.read(path)
    hosts = record["hosts"]
    of_older_rows = {name: {"repeat": 0, "concurrency": host["concurrency"]} for name, host in hosts.items()}
    measured = [of_older_rows[row["host"]] | row for row in record.pop("hosted")]
    rows = records.table(path, measured, HOSTED)
    timeline = records.table(path, record.pop("timeline"), TIMELINE)
    records.check(path, rows)
    valid = rows[rows["verdict"] != "void"]
    by_key = {
        (str(slug), str(host)): HostedRow(group.to_dict("records"), hosts[host]["memory_gb"])
        for (slug, host), group in valid.groupby(["transport", "host"])
    }
    return Hosted(record, by_key, list(_doubts(rows)), timeline)


def _doubts(rows: pd.DataFrame) -> Iterator[str]:
    """Yield a phrase for each row that is void or suspect, or was measured again, with the cause."""
    for row in rows[(rows["verdict"] != "valid") | (rows["trials"] > 1)].to_dict("records"):
        phrases = [f"{row['transport']} on {row['host']}, repeat {row['repeat']}"]
        if row["verdict"] != "valid":
            phrases += [row["verdict"], row["reason"]]
        if row["trials"] > 1:
            phrases.append(f"measured {row['trials']} times, since the load generator lagged")
        yield ", ".join(filter(None, phrases))
