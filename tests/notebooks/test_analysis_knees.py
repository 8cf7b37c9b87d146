"""The limit of each transport, from a run of more and more users: who met it, and who only seems to."""

import json
from pathlib import Path

import pandas as pd
import pytest

from loadtests.accounts.verdict import doubt
from notebooks.analysis.knees import Step, knees, limit_curves
from notebooks.analysis.quantiles import Interval
from notebooks.analysis.runs import BrokenRun
from results.schema import CELLS_FILE, DELIVERIES_FILE, KINDS_FILE, MANIFEST
from tests.support.synthetic_run import SyntheticRun, write

SURE = Interval(5.0, 4.0, 6.0)


def steps(folder: Path, limits: dict[int, str], overloaded: int = 0) -> Path:
    """Write a run of more and more users. limits: by users, "" if none was reached. overloaded: by so many users."""
    slug = "raw_websocket"
    tables: dict[str, list[pd.DataFrame]] = {CELLS_FILE: [], DELIVERIES_FILE: [], KINDS_FILE: []}
    for users, limit in limits.items():
        write(folder, SyntheticRun(slugs=[slug], verdicts={(slug, 0): "void" if limit else "valid"}))
        for name, frames in tables.items():
            frame = pd.read_csv(folder / name, keep_default_na=False)
            frames.append(frame.assign(scenario="steps", point=f"{users} users"))
        tables[CELLS_FILE][-1] = tables[CELLS_FILE][-1].assign(limit=limit, readings_apart_s=20.0)
    for name, frames in tables.items():
        pd.concat(frames).to_csv(folder / name, index=False)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["overloaded"] = [["steps", f"{overloaded} users", slug, 0]] if overloaded else []
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


@pytest.mark.parametrize(
    ("limits", "overloaded", "text"),
    [
        ({100: "", 200: "", 400: "generator"}, 0, "at least 200 users, limited by the load generator"),
        ({100: ""}, 200, "100 users, limited by the servers"),
        ({100: "", 200: ""}, 0, "at least 200 users: no limit reached"),
        ({100: "", 200: "latency"}, 0, "100 users, limited by the latency"),
        ({100: "", 200: "latency", 400: ""}, 0, "100 users, limited by the latency"),
    ],
)
def test_the_limit_of_a_transport_is_named(limits: dict[int, str], overloaded: int, text: str, tmp_path: Path) -> None:
    (knee,) = knees(steps(tmp_path, limits, overloaded))
    assert knee.summary == text
    (curve,) = limit_curves([knee], lambda step: SURE)
    assert len(curve.crossed) == (1 if overloaded else 0), "a limit of the servers"
    assert len(curve.ringed) == len([limit for limit in limits.values() if limit]), "any other limit"
    assert [step.p95_ms is None for step in knee.steps if step.users != overloaded] == [*map(bool, limits.values())]
    assert not overloaded or knee.steps[-1] == Step(overloaded, None, None, ("servers",), 1)


@pytest.mark.parametrize(("reason", "most_users"), [(doubt(1.3), 100), ("the load generator lagged", 0)])
def test_a_slow_machine_alone_is_no_limit(tmp_path: Path, reason: str, most_users: int) -> None:
    folder = steps(tmp_path, {100: ""})
    cells = pd.read_csv(folder / CELLS_FILE, keep_default_na=False)
    cells.assign(verdict="suspect", reason=reason).to_csv(folder / CELLS_FILE, index=False)
    (knee,) = knees(folder)
    assert knee.most_users == most_users


@pytest.mark.parametrize(
    ("reason", "lost", "bottleneck"),
    [
        ("of 2,000 deliveries: 3 lost", 3, "losses"),
        ("the load generator lagged, by 30 ms at p99", 0, "generator"),
        ("of 2,000 deliveries: 3 lost; the load generator lagged, by 30 ms at p99", 3, "generator"),
        ("sends fell behind their schedule, by 9.0 s at p99", 0, "servers"),
    ],
)
def test_a_void_step_is_blamed_on_the_generator_only_if_that_lagged(
    tmp_path: Path, reason: str, lost: int, bottleneck: str
) -> None:
    folder = steps(tmp_path, {100: "", 200: "none"})
    cells = pd.read_csv(folder / CELLS_FILE, keep_default_na=False)
    cells["limit"] = ""
    cells["reason"] = cells["verdict"].map({"void": reason, "valid": ""})
    cells["lost"] = cells["verdict"].map({"void": lost, "valid": 0})
    cells.to_csv(folder / CELLS_FILE, index=False)
    (knee,) = knees(folder)
    assert (knee.most_users, knee.bottleneck) == (100, bottleneck)


def test_a_run_without_steps_is_refused_with_the_command_that_measures_them(tmp_path: Path) -> None:
    with pytest.raises(BrokenRun, match="--scenario steps"):
        knees(write(tmp_path, SyntheticRun()))
