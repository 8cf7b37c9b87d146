"""What import-linter, in pyproject.toml, cannot express; and that every `__init__.py` is empty.

One test needs the registry, so that a new transport is covered by its row; another the list of the standard library.
The import graph is read from the source: building it imports no module, so locust stays out of this process.
"""

import sys
from pathlib import Path

import grimp
import pytest

from servers.transports import TRANSPORTS

ROOT = Path(__file__).parents[1]
FOLDERS = ("servers", "clients", "loadtests")
STANDARD_LIBRARY_AND: dict[str, set[str]] = {
    "servers.addresses": set(),
    "servers.transports": set(),
    "servers.deploy.deployments": set(),
    "results.schema": set(),
    "results.theory": set(),
    "results.costs.plans": set(),
    "servers.core.wire": {"msgspec"},
}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_transport_has_its_module_and_never_reaches_a_sibling(graph: grimp.ImportGraph, folder: str) -> None:
    modules = [f"{folder}.{row.slug}" for row in TRANSPORTS]
    assert [module for module in modules if module not in graph.modules] == []
    chains = [graph.find_shortest_chain(one, other) for one in modules for other in modules if one != other]
    assert [" -> ".join(chain) for chain in chains if chain] == []


@pytest.mark.parametrize(("module", "allowed"), STANDARD_LIBRARY_AND.items())
def test_a_module_for_everybody_imports_only_what_is_named(
    graph: grimp.ImportGraph, module: str, allowed: set[str]
) -> None:
    assert graph.find_modules_directly_imported_by(module) - sys.stdlib_module_names - allowed == set()


def test_every_init_file_is_empty() -> None:
    folders = (*FOLDERS, "notebooks", "results", "tests")
    init_files = [path for folder in folders for path in (ROOT / folder).rglob("__init__.py")]
    assert [path for path in init_files if path.stat().st_size] == []
