"""The explorer's page, and what it computes with: unit costs, measured loads and list prices.

The format of `constants` is read by clients/web/explore. `page` inlines all that the page consists of: a browser blocks
modules that a page imports from a file.
"""

import base64
import json
import posixpath
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from results.costs import unit_costs
from results.costs.deployments import BILLED, measured_in
from results.costs.plans import PRICES_FILE
from results.measured_loads import is_shown, measured_loads
from results.schema import CELLS_FILE, EXPLORER_FILE, KEY, KINDS_FILE, MANIFEST
from servers.transports import TRANSPORTS, Transport

SETTINGS = ("lease_s", "ping_s", "hold_s")
OTHER_LINKS = ("tls", "h2")
"""A run may have folders of these names, with a run over that link; a folder in one has a further scenario."""

REFERENCE = Path(__file__).with_name("reference")
PAGE = "explore.html"
WEB = Path(__file__).parents[1] / "clients" / "web"
STYLE = re.compile(r'<link rel="stylesheet" href="([^"]+)">')
SCRIPT = re.compile(r'<script type="module" src="([^"]+)"></script>')
IMPORT = re.compile(r'from "(\.[^"]+)"')


def write(folder: Path) -> Path:
    """Write the explorer with the constants of a run into its folder, and the constants alone; return the page."""
    found, path = json.dumps(constants(folder)).replace("<", r"\u003c"), folder / PAGE
    (folder / EXPLORER_FILE).write_text(found, encoding="utf-8")
    path.write_text(page(found), encoding="utf-8")
    return path


def page(found: str) -> str:
    """Return the explorer as one page that loads nothing. found: its constants, as JSON that `write` made."""
    text = (WEB / PAGE).read_text(encoding="utf-8").replace("{{ constants }}", found)
    text = STYLE.sub(lambda link: f"<style>\n{(WEB / link[1]).read_text(encoding='utf-8')}</style>", text)
    return SCRIPT.sub(lambda script: _scripts(script[1]), text)


def _scripts(name: str) -> str:
    """Return a module, and an import map from the name of each module that it needs to an address that contains it."""
    addresses: dict[str, str] = {}
    names = [name]
    while names:
        module = names.pop()
        source = (WEB / module).read_text(encoding="utf-8")
        for relative in IMPORT.findall(source):
            imported = posixpath.normpath(PurePosixPath(module).parent / relative)
            source = source.replace(f'from "{relative}"', f'from "{imported}"')
            if imported not in addresses:
                names.append(imported)
        addresses[module] = f"data:text/javascript;base64,{base64.b64encode(source.encode()).decode()}"
    imports = json.dumps({"imports": addresses})
    return f'<script type="importmap">{imports}</script>\n<script type="module">import "{name}";</script>'


def constants(folder: Path) -> dict[str, Any]:
    """Return what a page needs of a run or, if that lacks it, of the reference; raise ValueError if it has no cell."""
    folders = [folder, *(path.parent for link in OTHER_LINKS for path in _manifests(folder / link))]
    manifest, *others = (json.loads((each / MANIFEST).read_text(encoding="utf-8")) for each in folders)
    if not manifest["settings"]:
        raise ValueError(f"{folder}: no cell could be measured")
    workloads = [load for each in (manifest, *others) for load in each["workloads"]]
    text_bytes = manifest["workloads"][0]["text_bytes"]
    cells = pd.concat(map(_valid_cells, folders))
    usual = _usual(cells, workloads, text_bytes)
    measured = unit_costs.by_link(cells)
    is_alone = set(BILLED) <= measured.get("plain", {}).keys()
    settings = next(iter(manifest["settings"].values()))
    if is_alone:
        bills, links = _bills(folder), {"plain": measured["plain"]}
    else:
        reference = json.loads((REFERENCE / EXPLORER_FILE).read_text(encoding="utf-8"))
        bills, links = reference["bills"], reference["links"]
        settings = reference["settings"] | settings  # a deployment's settings have other names
    return {
        "source": _source(manifest, others, is_alone=is_alone),
        "settings": {name: settings[name] for name in SETTINGS},
        "text_bytes": text_bytes,
        "transports": [_described(row, manifest["push_service"]) for row in TRANSPORTS if row.slug in links["plain"]],
        "links": {"plain": links["plain"]} | unit_costs.on_links(measured, links, cells, usual),
        "loads": list(measured_loads(workloads, cells)),
        "bills": bills,
    }


def _manifests(folder: Path) -> list[Path]:
    """Return the manifests of the runs in a folder, that of the folder itself first."""
    return sorted(folder.rglob(MANIFEST), key=lambda path: len(path.parts))


def _usual(cells: pd.DataFrame, workloads: Sequence[Mapping[str, Any]], text_bytes: int) -> pd.DataFrame:
    """Return the cells of loads that the page expresses, without a delay and with texts of that length."""
    loads = {
        (load["scenario"], load["point"])
        for load in workloads
        if is_shown(load) and load["text_bytes"] == text_bytes and not load["one_way_delay_s"]
    }
    return cells[[each in loads for each in zip(cells["scenario"], cells["point"], strict=True)]]


def _bills(folder: Path) -> dict[str, Any]:
    prices = tomllib.loads(PRICES_FILE.read_text(encoding="utf-8"))
    rates = {slug: asdict(rates) for slug, rates in measured_in(folder).items()}
    return {"rates": rates, "assumptions": prices["assumptions"], "services": prices["service"]}


def _source(manifest: Mapping[str, Any], others: Sequence[Mapping[str, Any]], *, is_alone: bool) -> str:
    code, date, cpu = manifest["commit"][:7], manifest["started_at"][:10], manifest["machine"]["cpu"]
    verb = "Previewed, not measured," if manifest.get("preview") else "Measured"
    text = f"{verb} on {date} at commit {code} on {cpu}."
    if others:
        text += f" With TLS: at commit {', '.join(sorted({other['commit'][:7] for other in others}))}."
    return text if is_alone else f"{text} What that run did not measure follows from the committed one, in proportion."


def _valid_cells(folder: Path) -> pd.DataFrame:
    """Return the cells that are not void, with the latency of messages, and bytes of the clients, else the servers."""
    cells, kinds = (
        pd.read_csv(folder / name, keep_default_na=False, na_values="nan") for name in (CELLS_FILE, KINDS_FILE)
    )
    for direction in ("up", "down"):
        counted = f"client_{direction}_bytes"
        cells[counted] = cells[counted].fillna(cells[f"server_{direction}_bytes"])
    key = [column.name for column in KEY]
    latencies = kinds.loc[kinds["kind"] == "message", [*key, "latency_p50_s", "latency_p95_s"]]
    return cells[cells["verdict"] != "void"].merge(latencies, on=key)


def _described(row: Transport, push_service: str) -> dict[str, Any]:
    described = {name: getattr(row, name) for name in ("slug", "colour", "reads", "commands", "needs_push_service")}
    return described | {"label": row.label_for(push_service) if row.needs_push_service else row.label}
