"""The tables of a full run: what they count, and which cells they list with a reason."""

import json
from io import StringIO
from pathlib import Path

import pandas as pd
from rich.console import Console

from notebooks.analysis.summary import left_out, summary
from results.schema import CELLS_FILE, MANIFEST
from tests.support.synthetic_run import SyntheticRun, write


def test_the_summary_counts_suspect_repeats_and_leaves_void_ones_out(tmp_path: Path) -> None:
    verdicts = {("raw_websocket", 1): "suspect", ("long_polling", 0): "void"}
    run = write(tmp_path, SyntheticRun(slugs=["long_polling", "raw_websocket"], repeats=3, verdicts=verdicts))
    console = Console(width=120, record=True, file=StringIO())
    console.print(summary(run))
    text = console.export_text()
    (raw,) = [line.split() for line in text.splitlines() if "Raw WebSocket" in line and "left out" not in line]
    (long,) = [line.split() for line in text.splitlines() if "Long polling" in line and "left out" not in line]
    assert raw[-3:] == ["3,", "1", "suspect"]
    assert long[-1] == "2"
    assert "left out: Long polling, repeat 0: the generator lagged" in text
    assert "3/4 of all cases for 3 repeats, in 15/16 for 5" in " ".join(text.split())


def test_every_cell_that_is_not_simply_valid_is_listed_with_the_reason(tmp_path: Path) -> None:
    verdicts = {("raw_websocket", 1): "suspect", ("long_polling", 0): "void"}
    run = write(tmp_path, SyntheticRun(slugs=["long_polling", "raw_websocket"], repeats=3, verdicts=verdicts))
    cells = pd.read_csv(run / CELLS_FILE, keep_default_na=False)
    cells["attempts"] = cells["repeat"].map({0: 1, 1: 1, 2: 2})
    cells.to_csv(run / CELLS_FILE, index=False)
    manifest = json.loads((run / MANIFEST).read_text())
    manifest["overloaded"] = [["steps", "9 users", "long_polling", 0]]
    reasons = {
        "long_polling, steps, 9 users": "not measured: the server sent no counters",
        "raw_websocket, link, loss, and delay, repeat 4": "not measured: no process: it ended",
        "raw_websocket, conversation": "",
    }
    manifest["verdicts"] = {name: {"verdict": "void", "reason": reason} for name, reason in reasons.items()}
    (run / MANIFEST).write_text(json.dumps(manifest))
    found = left_out(run)[["transport", "repeat", "verdict", "reason"]].to_numpy().tolist()
    again = "measured again, since the machine was slow"
    lagged = "the generator lagged"
    assert sorted(found) == [
        ["long_polling", 0, "not measured", "the servers were too busy"],
        ["long_polling", 0, "void", lagged],
        ["long_polling", 2, "valid", again],
        ["raw_websocket", 1, "suspect", lagged],
        ["raw_websocket", 2, "valid", again],
        ["raw_websocket", 4, "not measured", "no process: it ended"],
    ]
    console = Console(width=120, record=True, file=StringIO())
    console.print(summary(run))
    text = console.export_text()
    assert "not measured: steps, 9 users, long_polling, repeat 0: the servers were too busy\n" in text
    assert "not measured: link, loss, and delay, raw_websocket, repeat 4: no process: it ended\n" in text
