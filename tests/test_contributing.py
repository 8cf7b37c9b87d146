"""The contributors' guide is correct: its paths exist, and the hooks run what `make check` runs."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
TOP = {path.name for path in ROOT.iterdir()}


def test_the_guide_is_short() -> None:
    assert len(GUIDE.splitlines()) <= 200


def test_the_glossary_has_at_most_40_terms() -> None:
    glossary = GUIDE.partition("## Glossary")[2].partition("\n## ")[0]
    rows = [line for line in glossary.splitlines() if line.startswith("|")][2:]
    assert 20 <= len(rows) <= 40
    assert [row for row in rows if row.count(" | ") != 2] == []


def test_every_path_that_the_guide_names_exists() -> None:
    named = {name.strip("/") for name in re.findall(r"`([\w.-]+/?[\w./-]*)`", GUIDE)}
    paths = {name for name in named if name.partition("/")[0] in TOP}
    assert len(paths) > 30
    assert [name for name in sorted(paths) if not (ROOT / name).exists()] == []


@pytest.mark.process
def test_the_hooks_run_the_commands_of_make_check_in_order() -> None:
    inherited = ("ARGS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")  # by a `make test` that runs this test
    env = {name: value for name, value in os.environ.items() if name not in inherited}
    listed = subprocess.run(
        ["make", "-n", "check"], cwd=ROOT, env=env, check=True, capture_output=True, text=True, timeout=30
    )
    commands = [line.strip() for line in listed.stdout.splitlines() if line.startswith((".venv/", ".ci/"))]
    assert [hook["entry"] for hook in HOOKS] == commands
    assert {(hook["language"], hook["pass_filenames"]) for hook in HOOKS} == {("system", False)}
