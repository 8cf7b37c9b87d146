"""What serverless hosts do to each transport, from `hosted.json` (`python -m loadtests hosted`).

A record whose deliveries do not add up is refused; rows in which the load generator lagged too much are void, and left
out. What a host did to a transport is judged by a rule, `fate_of`, never by hand.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isnan
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from notebooks.analysis import wording
from notebooks.analysis.runs import BrokenRun
from results import theory
from results.schema import HOSTED, HOSTED_FILE, TIMELINE, Column
from servers import transports
from servers.transports import LOCAL_STAND_IN, Commands, Reads, Transport

HOUR_S = 3600.0
WAITING_S = HOUR_S / 2  # of a user's hour: whoever is billed for more is billed for waiting
WRONG = ["lost", "duplicates", "out_of_order", "send_failures"]
CUTS = ("timeouts", "cut_streams", "cut_sockets")


class Verdict(StrEnum):
    WORKS = "works"
    LIMPS = "limps"
    DIES = "dies"


class Fate(NamedTuple):
    """What becomes of a transport on a host, and why: nothing to say of one that works."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stay:
    """A transport on a host: its row of `results.schema.HOSTED`, and the host's limits."""

    slug: str
    host: str
    told: Mapping[str, Any]
    limits: Mapping[str, Any]

    @property
    def cuts(self) -> int:
        """How often the host's limit ended what was going on."""
        return sum(self.told[name] for name in CUTS)

    @property
    def cold_starts(self) -> int:
        """How many instances were started, those before the window included."""
        return int(self.told["cold_starts"] + self.told["cold_starts_before"])

    @property
    def user_hours(self) -> float:
        return float(self.told["connected"] * self.told["measured_s"] / HOUR_S)

    def per_user_hour(self, column: str) -> float:
        """Return a count of the window for each hour that a user was there."""
        return float(self.told[column]) / self.user_hours

    def latency_ms(self, percent: int) -> float:
        """Return percentile 50 or 99 of the deliveries."""
        return 1000 * float(self.told[f"latency_p{percent}_s"])


def is_held(transport: Transport) -> bool:
    """Tell whether somebody who merely listens keeps a function waiting: by a question that is held, or by a line."""
    return transport.reads is not Reads.POLL and not transport.needs_push_service


def fate_of(stay: Stay) -> Fate:
    """Judge: it dies if not everybody gets in; it limps if it costs somebody a break, or somebody else the waiting.

    Limping: the limit cut somebody, or somebody was seen offline though they were there, or was turned away with a 429,
    or half of each user's hour and more is billed. What works has nothing of all that. (What loses a message would die,
    too; but a record with a lost message is refused.)
    """
    told = stay.told
    if told["connected"] < told["users"]:
        return Fate(Verdict.DIES, (f"{told['connected']} of {told['users']} get in",))
    reasons = {
        f"cut {_times(stay.cuts)}": stay.cuts,
        f"seen offline {_times(told['seen_offline'])}": told["seen_offline"],
        f"{told['throttled']} turned away": told["throttled"],
        "billed for waiting": stay.per_user_hour("invocation_s") >= WAITING_S,
    }
    limping = tuple(reason for reason, is_so in reasons.items() if is_so)
    return Fate(Verdict.LIMPS, limping) if limping else Fate(Verdict.WORKS)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


@dataclass(frozen=True, slots=True)
class Hosted:
    """made: how it was measured. stays: those that are not void, by transport and host. void: how many were.

    lives: the table of `results.schema.TIMELINE`.
    """

    made: Mapping[str, Any]
    stays: Mapping[tuple[str, str], Stay]
    void: int
    lives: pd.DataFrame

    @property
    def slugs(self) -> tuple[str, ...]:
        """The transports, in the registry's order."""
        present = {slug for slug, _ in self.stays}
        return tuple(row.slug for row in transports.TRANSPORTS if row.slug in present)

    @property
    def hosts(self) -> dict[str, Mapping[str, Any]]:
        """The hosts with their limits, from the oldest and shortest to the newest, one with another's limit last."""
        return dict(
            sorted(self.made["hosts"].items(), key=lambda item: (item[1]["websockets"], "," in item[0], item[0]))
        )

    @property
    def load(self) -> Mapping[str, Any]:
        (load,) = self.made["workloads"]
        return dict(load)

    @property
    def evidence(self) -> str:
        """Return what the figures rest on."""
        rows = [stay.told for stay in self.stays.values()]
        deliveries = sum(row["delivered"] for row in rows)
        left_out = f"; {wording.counted(self.void, 'void row')} left out" if self.void else ""
        return (
            f"{wording.counted(deliveries, 'delivery')}, none lost, none twice, none out of order; "
            f"{self.load['users']} people, {self.load['measured_s']:g} s each, once{left_out}"
        )

    @property
    def told(self) -> str:
        """Say where and with what it was measured."""
        machine, engine = self.made["machine"], next(iter(self.hosts.values()))["engine"]
        return (
            f"Measured on {machine['cpu']}, {machine['cores']} cores, {self.made['pinning']}; log in {engine}; commit "
            f"{self.made['commit'][:7]}. The load average was {self.made['load_average']:.1f} when it began."
        )

    def label_of(self, slug: str) -> str:
        """Return the honest name of a transport."""
        return transports.find(slug).label_for(self.made.get("push_service", LOCAL_STAND_IN))

    def stay(self, slug: str, host: str) -> Stay:
        """Return a transport on a host; raise BrokenRun when it was not measured, or is void."""
        if (slug, host) not in self.stays:
            raise BrokenRun(f"{HOSTED_FILE} has no row of {slug} on {host} that is not void")
        return self.stays[slug, host]

    def fate(self, slug: str, host: str) -> Fate:
        return fate_of(self.stay(slug, host))

    def fates(self, slug: str) -> list[Verdict]:
        """Return the verdicts on a transport, host by host."""
        return [self.fate(slug, host).verdict for host in self.hosts]

    def expected_s(self, slug: str, host: str) -> float:
        """Return the function-seconds that theory says a user's hour takes there, given what an answer takes."""
        transport, told = transports.find(slug), self.stay(slug, host).told
        answer_s = 0.0 if isnan(told["response_p50_s"]) else float(told["response_p50_s"])
        asked = 0.0
        if transport.commands is Commands.POST:
            asked += told["messages"] / (told["connected"] * told["measured_s"])
        if transport.reads is Reads.POLL:
            asked += theory.short_polling_requests_per_s(1, self.load["poll_interval_s"], answer_s)
        if transport.needs_push_service:
            asked += theory.heartbeat_requests_per_s(self.hosts[host]["lease_s"])
        return theory.function_seconds(float(is_held(transport)), asked, answer_s)

    def is_cold(self, slug: str, host: str, took_s: float) -> bool:
        """Tell whether something that nobody held back had to wait for an instance: it took as long as one starts."""
        return bool(took_s >= self.stay(slug, host).told["cold_start_min_s"])

    def life(self, slug: str, host: str) -> pd.DataFrame:
        """Return what the first user of a transport went through on a host, in order."""
        rows = self.lives
        return rows[(rows["transport"] == slug) & (rows["host"] == host)]


def load_hosted(folder: Path) -> Hosted:
    """Read the record in a folder; raise BrokenRun if there is none, or if what it counts does not add up."""
    path = folder / HOSTED_FILE
    if not path.is_file():
        raise BrokenRun(f"{folder}: expected {HOSTED_FILE} in it; `python -m loadtests hosted --out {folder}`")
    made = json.loads(path.read_text(encoding="utf-8"))
    rows, lives = (_table(made.pop(name), columns) for name, columns in (("hosted", HOSTED), ("timeline", TIMELINE)))
    wrong = int(rows[WRONG].to_numpy().sum())
    if wrong or (rows["delivered"] != rows["expected"]).any():
        raise BrokenRun(f"{path}: of what was acknowledged, {wrong} deliveries are lost, doubled or out of order")
    valid = rows[rows["verdict"] != "void"]
    told = [{str(name): value for name, value in row.items()} for row in valid.to_dict("records")]
    stays = {
        (row["transport"], row["host"]): Stay(row["transport"], row["host"], row, made["hosts"][row["host"]])
        for row in told
    }
    return Hosted(made, stays, len(rows) - len(valid), lives)


def _table(rows: list[dict[str, Any]], columns: tuple[Column, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[column.name for column in columns]).astype(
        {column.name: column.dtype for column in columns}
    )
