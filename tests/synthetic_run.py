"""Writes small runs in the format of `results.schema`, so that the analysis is tested without any load test."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from results.schema import CELLS, CELLS_FILE, DELIVERIES, DELIVERIES_FILE, MANIFEST
from servers.transports import TRANSPORTS

ALL = tuple(row.slug for row in TRANSPORTS)
MESSAGE_GAP_S = 0.5
PUSH_S = 0.004


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the run should look like. verdicts: by (slug, repeat), "valid" unless said; push_s: latency by slug.

    peer: the dialect of a server that counts neither bytes nor empty answers; ours if empty.
    """

    slugs: Sequence[str] = ALL
    repeats: int = 1
    users: int = 5
    messages: int = 40
    interval_s: float = 2.0
    push_service: str = "local stand-in"
    peer: str = ""
    verdicts: dict[tuple[str, int], str] = field(default_factory=dict)
    push_s: dict[str, float] = field(default_factory=dict)


def write(folder: Path, plan: Plan) -> Path:
    """Write a run and return its folder."""
    keys = [(slug, repeat) for slug in plan.slugs for repeat in range(plan.repeats)]
    cells = pd.DataFrame([_cell(plan, *key) for key in keys])
    rows = [row for key in keys for row in _deliveries(plan, *key)]
    if plan.peer:
        cells[["empty_answers", "server_up_bytes", "server_down_bytes"]] = float("nan")
    cells[[column.name for column in CELLS]].to_csv(folder / CELLS_FILE, index=False, na_rep="nan")
    pd.DataFrame(rows, columns=[column.name for column in DELIVERIES]).to_csv(folder / DELIVERIES_FILE, index=False)
    scenario, settings = {"poll_interval_s": plan.interval_s}, {"hold_s": 25.0, "lease_s": 30.0}
    manifest = {"scenario": scenario, "settings": settings, "push_service": plan.push_service, "peer": plan.peer}
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def _deliveries(plan: Plan, slug: str, repeat: int) -> Iterator[tuple[object, ...]]:
    """Yield a row for each message and user: polls are uniform over the interval, pushes take about `push_s`."""
    random_ = random.Random(f"{slug} {repeat}")
    push_s = plan.push_s.get(slug, PUSH_S)
    for seq in range(plan.messages):
        due_s = 1000 + 100 * repeat + seq * MESSAGE_GAP_S
        for user in range(plan.users):
            polled = slug == "short_polling"
            wait_s = random_.uniform(0, plan.interval_s) if polled else push_s * random_.uniform(0.5, 1.5)
            own = user == seq % plan.users
            yield slug, repeat, "room-0", seq, f"user-{user}", own, due_s, due_s + 1e-4, due_s + 3e-3, due_s + wait_s


def _cell(plan: Plan, slug: str, repeat: int) -> dict[str, object]:
    """Return counts that agree with `_deliveries`, and cost ten CPU milliseconds a message."""
    delivered, measured_s = plan.messages * plan.users, plan.messages * MESSAGE_GAP_S
    reads = {"short_polling": round(plan.users * measured_s / plan.interval_s), "long_polling": delivered}.get(slug, 0)
    pushed = slug == "pusher_adapter"
    verdict = plan.verdicts.get((slug, repeat), "valid")
    return dict.fromkeys((column.name for column in CELLS), 0) | {
        "transport": slug,
        "repeat": repeat,
        "verdict": verdict,
        "reason": "" if verdict == "valid" else "the generator lagged",
        "users": plan.users,
        "room_size": plan.users,
        "measured_s": measured_s,
        "messages": plan.messages,
        "expected": delivered,
        "delivered": delivered,
        "requests_send": 0 if slug == "raw_websocket" else plan.messages,
        "requests_receive": reads,
        "empty_answers": reads // 4 if slug == "short_polling" else 0,
        "server_down_bytes": 300 * delivered,
        "publish_bytes": 100 * delivered if pushed else 0,
        "api_cpu_s": 0.010 * plan.messages,
        "push_service_cpu_s": 0.005 * plan.messages if pushed else 0.0,
    }
