"""Write small runs in the format of `results.schema`, so that the analysis is tested without a load test."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from typing import Any

import pandas as pd

from results.schema import CELLS, CELLS_FILE, DELIVERIES, DELIVERIES_FILE, KINDS, KINDS_FILE, MANIFEST, PERCENTS
from servers.transports import TRANSPORTS, Commands, Reads, find

ALL = tuple(row.slug for row in TRANSPORTS)
MESSAGE_GAP_S = 0.5
SCENARIO = "conversation"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticRun:
    """What the run should look like. verdicts: by (slug, repeat), "valid" unless said; push_s: latency by slug."""

    slugs: Sequence[str] = ALL
    repeats: int = 1
    users: int = 5
    messages: int = 40
    interval_s: float = 2.0
    push_service: str = "local stand-in"
    sees_store: bool = True
    deployment: str = ""
    verdicts: dict[tuple[str, int], str] = field(default_factory=dict)
    push_s: dict[str, float] = field(default_factory=dict)


def write(folder: Path, plan: SyntheticRun) -> Path:
    """Write a run and return its folder."""
    folder.mkdir(exist_ok=True)
    keys = [(slug, repeat) for slug in plan.slugs for repeat in range(plan.repeats)]
    cells = pd.DataFrame([_cell(plan, *key) for key in keys])
    rows = [row for key in keys for row in _deliveries(plan, *key)]
    if not plan.sees_store:
        cells["store_cpu_s"] = nan
    cells[[column.name for column in CELLS]].to_csv(folder / CELLS_FILE, index=False, na_rep="nan")
    pd.DataFrame(rows, columns=[column.name for column in DELIVERIES]).to_csv(folder / DELIVERIES_FILE, index=False)
    pd.DataFrame([_kind(*key, rows) for key in keys])[[column.name for column in KINDS]].to_csv(
        folder / KINDS_FILE, index=False
    )
    manifest = {
        "workloads": [{"scenario": SCENARIO, "point": "", "poll_interval_s": plan.interval_s}],
        "settings": {slug: {"hold_s": 25.0, "lease_s": 30.0} for slug in plan.slugs},
        **{"push_service": plan.push_service, "deployment": plan.deployment},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def _deliveries(plan: SyntheticRun, slug: str, repeat: int) -> Iterator[tuple[object, ...]]:
    """Yield a row for each message and user: polls are uniform over the interval, pushes take about `push_s`."""
    random_ = random.Random(f"{slug} {repeat}")
    push_s = plan.push_s.get(slug, 0.004)
    for seq in range(plan.messages):
        due_s = 1000 + 100 * repeat + seq * MESSAGE_GAP_S
        for user in range(plan.users):
            polled = find(slug).reads is Reads.POLL
            wait_s = random_.uniform(0, plan.interval_s) if polled else push_s * random_.uniform(0.5, 1.5)
            own = user == seq % plan.users
            moments = (due_s, due_s + 1e-4, due_s + 3e-3, due_s + wait_s)
            yield SCENARIO, "", slug, repeat, "message", "room-0", seq, f"user-{user}", own, True, *moments


def _cell(plan: SyntheticRun, slug: str, repeat: int) -> dict[str, object]:
    """Return counts that agree with `_deliveries`, and cost ten CPU milliseconds a message."""
    delivered = plan.messages * plan.users
    measured_s = plan.messages * MESSAGE_GAP_S
    transport = find(slug)
    polls = round(plan.users * measured_s / plan.interval_s)
    reads = {Reads.POLL: polls, Reads.HELD: delivered, Reads.ONCE: 0}[transport.reads]
    verdict = plan.verdicts.get((slug, repeat), "valid")
    row: dict[str, object] = dict.fromkeys((column.name for column in CELLS), 0)
    row |= {"scenario": SCENARIO, "point": "", "transport": slug, "repeat": repeat, "offered": "0123456789abcdef"}
    row |= {"link": "plain", "limit": "", "verdict": verdict}
    row |= {"reason": "" if verdict == "valid" else "the generator lagged"}
    row |= {"users": plan.users, "room_size": plan.users, "measured_s": measured_s}
    row |= dict.fromkeys(("messages", "actions", "events"), plan.messages)
    row |= dict.fromkeys(("samples", "expected", "delivered"), delivered)
    row |= {"requests_send": 0 if transport.commands is Commands.FRAMES else plan.messages, "requests_receive": reads}
    row |= {"empty_answers": reads // 4 if transport.reads is Reads.POLL else 0}
    row |= {"client_up_bytes": nan, "client_down_bytes": nan, "server_down_bytes": 300 * delivered}
    row |= {"api_cpu_s": 0.010 * plan.messages}
    if transport.needs_push_service:
        row |= {"publish_bytes": 100 * delivered, "push_service_cpu_s": 0.005 * plan.messages}
    return row


def _kind(slug: str, repeat: int, rows: Sequence[tuple[Any, ...]]) -> dict[str, object]:
    """Return the quantiles of a cell's deliveries."""
    latencies_s = pd.Series([row[-1] - row[-4] for row in rows if row[2:4] == (slug, repeat)])
    row: dict[str, object] = dict.fromkeys((column.name for column in KINDS), len(latencies_s))
    return row | {
        **{"scenario": SCENARIO, "point": "", "transport": slug, "repeat": repeat, "kind": "message"},
        "latency_min_s": latencies_s.min(),
        "latency_max_s": latencies_s.max(),
        **{f"latency_p{percent}_s": latencies_s.quantile(percent / 100) for percent in PERCENTS},
    }
