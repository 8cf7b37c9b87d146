"""Real comparisons, in a process of their own or in this one: what they printed, and what they left in a folder."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner

from loadtests import compare
from loadtests.__main__ import app
from loadtests.harness.cores import Cores
from results.schema import CELLS_FILE, MANIFEST
from tests.support.deadline import DEADLINE_S

ROOT = Path(__file__).parents[2]
ANYWHERE = Cores(None, None)
OPTIONS = "--users 8 --room-size 4 --rate 2 --seconds 1 --poll 0.5"


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A finished comparison."""

    folder: Path
    output: str
    cells: list[dict[str, str]]

    @property
    def manifest(self) -> dict[str, Any]:
        return manifest_below(self.folder.parent)


def cells_below(folder: Path) -> list[dict[str, str]]:
    """Return the cells of the only run in a folder."""
    (path,) = folder.glob(f"*/{CELLS_FILE}")
    return list(csv.DictReader(path.read_text().splitlines()))


def manifest_below(folder: Path) -> dict[str, Any]:
    """Return the manifest of the only run in a folder."""
    (path,) = folder.glob(f"*/{MANIFEST}")
    return dict(json.loads(path.read_text()))


def measure_by(monkeypatch: pytest.MonkeyPatch, side_effect: Any) -> Mock:
    """Have comparisons in this process call a mock in place of measuring, and draw no charts; return the mock."""
    measure = Mock(side_effect=side_effect)
    monkeypatch.setattr(compare, "measure", measure)
    monkeypatch.setattr(compare.Run, "analyse", lambda *_: [])
    return measure


def run_loadtests(out: Path, command: str) -> str:
    """Run a command of the load tests, which must succeed; return what it printed."""
    arguments = [sys.executable, "-m", "loadtests", *command.split(), "--out", str(out)]
    done = subprocess.run(arguments, check=False, cwd=ROOT, capture_output=True, text=True, timeout=4 * DEADLINE_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_in_this_process(out: Path, command: str) -> str:
    """Do the same without another process, and without charts, which would need one."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(compare.Run, "analyse", lambda *_: [])
        done = CliRunner().invoke(app, [*command.split(), "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def compared(out: Path, options: str = "", run: Callable[[Path, str], str] = run_in_this_process) -> ComparedRun:
    """Run a comparison with OPTIONS and these, in which every acknowledged message reaches everyone exactly once."""
    output = run(out, f"compare {OPTIONS} {options}")
    (folder,) = out.iterdir()
    cells = cells_below(out)
    for cell in cells:
        assert int(cell["delivered"]) == int(cell["expected"]) == 4 * int(cell["messages"]) > 0
        assert {cell[name] for name in ("lost", "duplicates", "out_of_order", "send_failures")} == {"0"}
        assert "over all" not in cell["reason"], "the clients' kernel and the servers counted other bytes"
    return ComparedRun(folder, output, cells)
