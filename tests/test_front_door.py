"""What a reader meets first is true: the README's commands and links, the Makefile's list, the guide, the locks.

These tests check that the commands exist; the other tests check what they do.
"""

import importlib.util
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.deadline import DEADLINE_S

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
CODE = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", README, re.DOTALL))
LINKS = sorted({*re.findall(r"\]\(([^)\s]+)", README), *re.findall(r'\b(?:src|srcset|href)="([^"\s]+)"', README)})
NPM_FOLDERS = [ROOT / ".ci" / "biome", ROOT / "clients" / "web", ROOT / "servers" / "shortest" / "javascript"]
GUIDE = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
TOP = {path.name for path in ROOT.iterdir()}
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))


def can_be_run(module: str) -> bool:
    """Tell whether `python -m <module>` finds something to run, without running it."""
    spec = importlib.util.find_spec(module)
    is_package = spec is not None and spec.submodule_search_locations is not None
    return importlib.util.find_spec(f"{module}.__main__") is not None if is_package else spec is not None


def output_of_make(*arguments: str) -> str:
    """Run make without the variables of a `make test` around this test, which add lines to the output."""
    inherited = ("ARGS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    env = {name: value for name, value in os.environ.items() if name not in inherited}
    command = ["make", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True, timeout=DEADLINE_S)
    return done.stdout


def test_the_readme_is_short_and_opens_with_the_two_commands_that_matter() -> None:
    opening = "\n".join(README.splitlines()[:15])
    assert "make compare" in opening and "make test" in opening
    assert len(README.splitlines()) <= 150


def test_every_relative_link_and_every_command_of_the_readme_leads_somewhere() -> None:
    relative = [link.partition("#")[0] for link in LINKS if not re.match(r"[a-z]+:|#", link)]
    assert [link for link in relative if not (ROOT / link).exists()] == []
    assert set(re.findall(r"\bmake ([a-z]+)", CODE)) - TARGETS == set()
    assert [module for module in re.findall(r"\bpython3? -m ([\w.]+)", CODE) if not can_be_run(module)] == []


@pytest.mark.process
def test_make_alone_lists_every_target_once() -> None:
    assert sorted(line.split()[1] for line in output_of_make().splitlines()) == sorted(TARGETS)


@pytest.mark.process
def test_the_lab_opens_for_root_too() -> None:
    assert ("--allow-root" in output_of_make("--dry-run", "lab")) is (os.geteuid() == 0)


def test_the_locks_name_no_registry() -> None:
    assert "://" not in (ROOT / "constraints.txt").read_text(encoding="utf-8")
    for folder in NPM_FOLDERS:
        assert '"resolved"' not in (folder / "package-lock.json").read_text(encoding="utf-8")
        assert "omit-lockfile-registry-resolved=true" in (folder / ".npmrc").read_text(encoding="utf-8")


def test_no_line_of_javascript_is_longer_than_120_columns() -> None:
    """The formatter breaks code, but neither texts nor comments."""
    elsewhere = {".venv", "node_modules", "site"}
    scripts = [path for path in ROOT.rglob("*.*js") if elsewhere.isdisjoint(path.relative_to(ROOT).parts)]
    assert len(scripts) > 30
    lines = [(path, line) for path in scripts for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(path.name, line) for path, line in lines if len(line) > 120] == []


def test_the_guide_is_short_and_its_glossary_has_at_most_40_terms() -> None:
    assert len(GUIDE.splitlines()) <= 200
    glossary = GUIDE.partition("## Glossary")[2].partition("\n## ")[0]
    rows = [line for line in glossary.splitlines() if line.startswith("|")][2:]
    assert 20 <= len(rows) <= 40
    assert [row for row in rows if row.count(" | ") != 2] == []


def test_the_paths_that_the_guide_names_exist() -> None:
    named = {name.strip("/") for name in re.findall(r"`([\w.-]+/?[\w./-]*)`", GUIDE)}
    paths = {name for name in named if name.partition("/")[0] in TOP}
    assert len(paths) > 30
    assert [name for name in sorted(paths) if not (ROOT / name).exists()] == []


@pytest.mark.process
def test_the_hooks_run_the_commands_of_make_check_in_order() -> None:
    lines = output_of_make("-n", "check").splitlines()
    assert [hook["entry"] for hook in HOOKS] == [line.strip() for line in lines if line.startswith((".venv/", ".ci/"))]
    assert {(hook["language"], hook["pass_filenames"]) for hook in HOOKS} == {("system", False)}
