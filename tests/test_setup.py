"""Each command's dependencies are declared: groups, stamps, locks, and the missing programs that setup reports.

Nothing is installed here: a group's imports are compared with what it declares.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
import pytest

from notebooks.analysis.__main__ import CHARTS
from results.explorer import REFERENCE
from results.schema import EXPLORER_FILE
from servers.transports import TRANSPORTS
from tests.support.deadline import DEADLINE_S

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
DOCKERFILE = ROOT / "servers" / "deploy" / "single_server" / "Dockerfile"
SETUP = (ROOT / ".ci" / "setup").read_text(encoding="utf-8")
FOLDERS = ("servers", "clients", "loadtests", "notebooks", "results")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GROUPS = PROJECT["dependency-groups"]
FREE = {"help", "setup", "clean"}  # the targets that run nothing of ours: they need no group
SERVED = ["servers.__main__", "servers.pusher_service.__main__", *(f"servers.{row.slug}" for row in TRANSPORTS)]
STARTS = {
    "compare": [
        *SERVED,
        *(f"loadtests.{name}" for name in ("__main__", *(row.slug for row in TRANSPORTS))),
        *(f"notebooks.analysis.{name}" for name in ("__main__", "runs", "summary")),
        *(f"notebooks.analysis.figures.{name}" for name in ("style", *CHARTS)),
    ],
    "links": [*SERVED, "servers.http2", "servers.links"],
    "demo": [*SERVED, "servers.demo.__main__", "servers.deploy.serverless.__main__", "clients.__main__"],
    "notebooks": ["notebooks.execute", "notebooks.publish", "notebooks.analysis.claims.ledger"],
}
"""The modules with which the commands of a group start; they import the rest."""


def name_of(requirement: str) -> str:
    return re.sub(r"[._-]+", "-", re.split(r"[^\w.-]", requirement)[0]).lower()


def contained(group: str) -> list[str]:
    """Return a group and the groups that it contains."""
    inner = [part["include-group"] for part in GROUPS[group] if isinstance(part, dict)]
    return [group, *(name for other in inner for name in contained(other))]


def declared(group: str) -> set[str]:
    own = [part for name in contained(group) for part in GROUPS[name] if isinstance(part, str)]
    return {name_of(requirement) for requirement in [*PROJECT["project"]["dependencies"], *own]}


def imported(graph: grimp.ImportGraph, modules: list[str]) -> set[str]:
    """Return the external top-level packages that these modules import, directly or through others."""
    found = {name for module in modules for name in graph.find_upstream_modules(module)}
    return {name for name in found if name.partition(".")[0] not in {*FOLDERS, *sys.stdlib_module_names}}


@pytest.mark.parametrize("group", STARTS)
def test_a_group_declares_every_package_that_it_imports(graph: grimp.ImportGraph, group: str) -> None:
    distributions = packages_distributions()
    needed = {name_of(distributions[name][0]) for name in imported(graph, STARTS[group])}
    assert needed and needed <= declared(group)


def test_every_target_depends_on_the_stamp_of_a_group_and_every_group_has_one() -> None:
    assert f"GROUPS := {' '.join(GROUPS)}\n" in MAKEFILE
    needs = dict(re.findall(r"^([a-z]+):(.*?)## ", MAKEFILE, re.MULTILINE))
    stamps = {target: re.findall(r"\$\(STAMP\)([a-z]+)", needed) for target, needed in needs.items()}
    assert len(stamps) > len(FREE)
    assert {target: found for target, found in stamps.items() if target not in FREE and len(found) != 1} == {}
    more = re.findall(r"^LINKS := .*\$\(STAMP\)([a-z]+)", MAKEFILE, re.MULTILINE)  # of compare, if it asks for a link
    assert {group for found in [*stamps.values(), more] for group in found} == set(GROUPS)


@pytest.mark.parametrize("group", GROUPS)
def test_setup_knows_what_a_group_contains_and_all_of_it_is_pinned(group: str) -> None:
    arm = re.search(rf"^ +(?:\w+ \| )?{group}(?: \| \w+)?\) echo (.*) ;;$", SETUP, re.MULTILINE)
    assert arm and set(arm[1].replace('"$1"', group).split()) == set(contained(group))
    pinned = {name_of(line) for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()}
    assert declared(group) - pinned == set()


def setup_on_a_bare_machine(folder: Path, *groups: str) -> "subprocess.CompletedProcess[str]":
    """Run setup as an unprivileged user of a Debian without any of the programs that it needs."""
    for name in ("sh", "dirname", "mktemp", "rm", "cat"):  # all that setup uses until it knows what is missing
        program = shutil.which(name)
        assert program
        (folder / name).symlink_to(program)
    for name, script in (("apt-get", "exit 1"), ("id", "echo 1000")):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    env = os.environ | {"PATH": str(folder)}
    command = [str(folder / "sh"), str(ROOT / ".ci" / "setup"), *groups]
    return subprocess.run(command, env=env, check=False, capture_output=True, text=True, timeout=DEADLINE_S)


@pytest.mark.process
def test_setup_names_all_missing_programs_their_purposes_and_one_command(tmp_path: Path) -> None:
    ended = setup_on_a_bare_machine(tmp_path, "test")
    assert (ended.returncode, ended.stdout) == (1, "")
    for name in ("Python 3.11", "Node.js", "Chromium", "Redis"):
        (line,) = [line for line in ended.stderr.splitlines() if name in line]
        assert ", for " in line
    (command,) = [line for line in ended.stderr.splitlines() if "apt-get" in line]
    for package in ("python3", "python3-venv", "npm", "chromium", "redis-server"):
        assert f" {package}" in command


@pytest.mark.process
@pytest.mark.parametrize("group", ["compare", "links", "demo", "notebooks"])
def test_a_group_requires_only_python(tmp_path: Path, group: str) -> None:
    errors = setup_on_a_bare_machine(tmp_path, group).stderr
    missing = [line for line in errors.splitlines() if line.startswith("  - ")]
    assert missing == ["  - Python 3.11 or newer with its venv module, for everything"]
    assert errors.count("apt-get install") == 1


@pytest.mark.process
@pytest.mark.parametrize("groups", [[], ["browser"], ["compare", "tests"]])
def test_an_unknown_group_is_refused_with_the_names_of_all_groups(tmp_path: Path, groups: list[str]) -> None:
    ended = setup_on_a_bare_machine(tmp_path, *groups)
    assert ended.returncode == 2 and "expected compare, links, demo, notebooks, check or test" in ended.stderr


def test_the_image_holds_every_file_of_the_results_that_code_reads() -> None:
    folder = ROOT / "results"
    needed = {path for path in folder.glob("*.*") if path.is_file() and path.suffix in {".py", ".toml", ".csv"}}
    needed |= {*(folder / "costs").glob("*.*"), REFERENCE / EXPLORER_FILE}
    copied = re.findall(r"^COPY (.+) \S+$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    ignored = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text(encoding="utf-8")
    allowed = re.findall(r"^!(.+)$", ignored, re.MULTILINE)
    for patterns in (" ".join(copied).split(), allowed):
        held = {path for pattern in patterns for path in ROOT.glob(pattern)}
        assert {path for path in needed if held.isdisjoint({path, *path.parents})} == set()


def test_the_workflows_and_containers_use_targets_and_groups_that_exist() -> None:
    """They cannot be run here, so only the names in them are checked."""
    files = [*(ROOT / ".github" / "workflows").glob("*.yml"), ROOT / ".devcontainer" / "devcontainer.json", DOCKERFILE]
    assert len(files) == 4
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert "Not run here" in text, path.name
        used = set(re.findall(r"\bmake ([a-z]+)", text))
        groups = set(re.findall(r"--group ([\w-]+)", text))
        assert used | groups, path.name
        assert used - targets == groups - set(GROUPS) == set(), path.name
