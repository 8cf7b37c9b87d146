"""A real comparison in a process of its own: what it printed, and what it left in its folder."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from loadtests import compare
from loadtests.accounts.cell import Cell
from results.schema import CELLS_FILE, MANIFEST

ROOT = Path(__file__).parents[2]


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


def measure_by(monkeypatch: pytest.MonkeyPatch, measure: Callable[..., Cell]) -> None:
    """Replace the measurement of comparisons in this process, which then draw no charts."""
    monkeypatch.setattr(compare, "measure", measure)
    monkeypatch.setattr(compare.Run, "analyse", lambda *_: [])


def run_loadtests(out: Path, command: str, timeout_s: float = 110) -> subprocess.CompletedProcess[str]:
    """Run a command of the load tests, whatever its exit status."""
    arguments = [sys.executable, "-m", "loadtests", *command.split(), "--out", str(out)]
    return subprocess.run(arguments, check=False, cwd=ROOT, capture_output=True, text=True, timeout=timeout_s)


def compared(out: Path, options: str) -> ComparedRun:
    """Run a comparison in rooms of four, in which every acknowledged message reaches everyone exactly once."""
    done = run_loadtests(out, f"compare {options}")
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = out.iterdir()
    cells = cells_below(out)
    for cell in cells:
        assert int(cell["delivered"]) == int(cell["expected"]) == 4 * int(cell["messages"]) > 0
        assert {cell[name] for name in ("lost", "duplicates", "out_of_order", "send_failures")} == {"0"}
        assert "over all" not in cell["reason"], "the clients' kernel and the servers counted other bytes"
    return ComparedRun(folder, done.stdout, cells)
