"""A further transport needs the files that the README lists, and no others: a toy is added to a copy of the tree.

The toy, aligned polling, is complete: each file under tests/support/toy_transport/ goes to the same path of the copy,
and the registry gets a row. Then the copy's own tests run for it, and a short comparison.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.deadline import DEADLINE_S
from tests.support.loadtest_run import cells_below

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[1]
TOY = Path(__file__).parent / "support" / "toy_transport"
SLUG = "aligned_polling"
REGISTRY = "servers/transports.toml"
ROW = f"""
[{SLUG}]
label = "Aligned polling"
colour = "#5B4BB7"
who_waits = "the client, for the next multiple of its interval"
explanation = "All clients poll at the same moment, every few seconds."
choose_when = "all clients are to see an event at the same moment"
reads = "poll"
commands = "post"
is_addition = true
"""
TOUCHED = [
    "clients/<slug>.py",
    "clients/web/transports/<slug>.js",
    "loadtests/<slug>.py",
    "servers/<slug>.py",
    REGISTRY,
]
CHARTS = "tests/notebooks/test_analysis_charts.py::test_every_chart_draws_for_odd_runs_and_stays_small"
SITES = "tests/servers/deploy/test_nginx.py::test_every_transport_has_a_site"
ONCE = ("tests/test_import_contracts.py", SITES, f"{CHARTS}[overview-all transports]")
FOR_EACH_TRANSPORT = ("tests/conformance/test_messages.py", "tests/browser/test_demo.py")
SELECTED = f"{SLUG} or import_contracts or has_a_site or every_chart"

Copied = tuple[Path, Mapping[str, bytes]]


def not_ignored() -> list[str]:
    """Return the paths of the files that git tracks or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True).stdout
    return [name for name in listed.split("\0") if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Copied:
    """Return a copy of the tree, without ignored files and with the toy, and its files' contents before any test."""
    copy = tmp_path_factory.mktemp("tree")
    for name in not_ignored():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    shutil.copytree(TOY, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / REGISTRY).open("a", encoding="utf-8") as registry:
        registry.write(ROW)
    return copy, {str(path.relative_to(copy)): path.read_bytes() for path in copy.rglob("*") if path.is_file()}


def run(copied: Copied, module: str, *options: str) -> str:
    """Run a module of the copied tree, and return what it printed; fails with its output."""
    command = [sys.executable, "-m", module, *options]
    done = subprocess.run(command, check=False, cwd=copied[0], capture_output=True, text=True, timeout=4 * DEADLINE_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_touches_only_what_the_readme_lists(copied: Copied) -> None:
    before = {name: (ROOT / name).read_bytes() for name in not_ignored()}
    _, after = copied
    touched = [name for name, content in after.items() if before.get(name) != content]
    assert sorted(name.replace(SLUG, "<slug>") for name in touched) == TOUCHED
    for guide in ("README.md", ".github/CONTRIBUTING.md"):
        text = (ROOT / guide).read_text(encoding="utf-8")
        assert [name for name in TOUCHED if name not in text] == []


def test_the_copy_passes_its_own_tests(copied: Copied) -> None:
    output = run(copied, "pytest", "-vv", "-p", "no:cacheprovider", *ONCE, *FOR_EACH_TRANSPORT, "-k", SELECTED)
    for path in FOR_EACH_TRANSPORT:
        assert re.search(rf"^{path}::.*{SLUG}.* PASSED", output, re.MULTILINE), output


def test_a_comparison_measures_it(copied: Copied, tmp_path: Path) -> None:
    load = "--users 2 --room-size 2 --rate 2 --seconds 2 --poll 0.2"
    run(copied, "loadtests", "compare", "--transport", SLUG, *load.split(), "--out", str(tmp_path))
    (cell,) = cells_below(tmp_path)
    assert cell["transport"] == SLUG
    assert int(cell["delivered"]) == int(cell["expected"]) > 0
