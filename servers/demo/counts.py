"""What a lane has cost, by its servers' own counters; and how many bytes a request takes over other links."""

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any, Self

from msgspec import Struct
from msgspec.structs import asdict

LINK_RUN = Path(__file__).parents[2] / "results" / "reference" / "link"


class Counts(Struct, frozen=True):
    """What has added up so far. Bytes are TCP payload, up and down at the browser; published: API and push service.

    connections: how many carry a request or a WebSocket now. billed_messages: what a push service of our own counts as
    its vendor does.
    """

    requests: int = 0
    empty_answers: int = 0
    up_bytes: int = 0
    down_bytes: int = 0
    published_bytes: int = 0
    billed_messages: int = 0
    connections: int = 0

    def __add__(self, earlier: Self) -> Self:
        return self._combined(earlier, 1)

    def __sub__(self, start: Self) -> Self:
        return self._combined(start, -1)

    def _combined(self, other: Self, sign: int) -> Self:
        """Return the sums (sign 1) or differences (-1); busy connections are not added: they are those of now."""
        sums = {name: value + sign * getattr(other, name) for name, value in asdict(self).items()}
        return type(self)(**{**sums, "connections": self.connections})


def counted(api: Mapping[str, Any], service: Mapping[str, Any] | None) -> Counts:
    """Return the counters of an API, together with those of a push service of our own, if there is one."""
    wires = [api["wire"]["http"], api["wire"]["websocket"]]
    if service:
        wires.append(service["wire"]["websocket"])
    return Counts(
        requests=sum(api["requests"].values()),
        empty_answers=api["empty_answers"],
        up_bytes=sum(wire["received"] for wire in wires),
        down_bytes=sum(wire["sent"] for wire in wires),
        published_bytes=sum(service["wire"]["http"].values()) if service else 0,
        billed_messages=service["billed_messages"] if service else 0,
        connections=api["wire"]["connections_busy"] + (service["connections_open"] if service else 0),
    )


def billed(meter: Mapping[str, Any]) -> dict[str, float]:
    """Return what a serverless host has metered since it began: seconds billed, and how many calls it has cut."""
    cuts = meter["timeouts"] + meter["cut_streams"] + meter["cut_sockets"]
    return {"function_s": round(meter["instance_busy_s"], 1), "cold_starts": meter["cold_starts"], "cuts": cuts}


def request_bytes() -> dict[str, float]:
    """Return about how many bytes a request of short polling sends, by link.

    It is the median over the repeats; a repeat that is void over one of the links is left out.
    """
    load = ("link", "short_polling")
    with (LINK_RUN / "cells.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if (row["scenario"], row["transport"]) == load]
    void = {row["repeat"] for row in rows if row["verdict"] == "void"}
    sizes_by_link = defaultdict(list)
    for row in rows:
        if row["repeat"] not in void:
            requests = sum(int(row[f"requests_{part}"]) for part in ("send", "receive", "upkeep"))
            sizes_by_link[row["link"]].append(float(row["client_up_bytes"]) / requests)
    return {link: round(median(sizes), -1) for link, sizes in sizes_by_link.items()}
