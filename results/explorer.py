"""What the explorer computes with: unit costs of each transport and link, as a run measured them, and list prices.

Teaches that counts follow from theory, and their price from measurement: every byte and every CPU second has one of
three causes, which are a command, a delivery, and asking (or, of who is only pushed to, a second online). A run that
varies these three (`LOADS`) gives one equation for each load, and least squares give the unit costs. A run that does
not, and a link with fewer loads, scale the unit costs of another. The format of `constants` is read by
clients/web/explore. `page` inlines all that the page consists of: a browser blocks modules that a page imports from a
file.
"""

import base64
import json
import posixpath
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from results.costs.deployments import BILLED, measured_in
from results.costs.plans import PRICES_FILE
from results.costs.rates import LOADS, Causes, Rate, fitted, memory
from results.schema import CELLS_FILE, EXPLORER_FILE, KEY, KINDS_FILE, MANIFEST
from servers.transports import TRANSPORTS, Reads, Transport, find

Links = Mapping[str, Mapping[str, Any]]
"""The unit costs on each link, by transport."""
UNITS: Mapping[str, tuple[str, ...]] = {
    "bytes": ("client_up_bytes", "client_down_bytes", "publish_bytes"),
    "cpu_s": ("api_cpu_s", "push_service_cpu_s", "store_cpu_s", "proxy_cpu_s"),
}
REQUESTS = ("requests_send", "requests_receive", "requests_upkeep")
MEMORY = ["api_rss_bytes", "push_service_rss_bytes"]
SETTINGS = ("lease_s", "ping_s", "hold_s")
INPUTS = {"link", "users", "room_size", "rate_per_s", "poll_interval_s", "one_way_delay_s", "text_bytes"}
"""The fields of a workload that the page's inputs express; any field but these and those of NEUTRAL must be unset."""
NEUTRAL = {"scenario", "point", "measured_s", "warm_up_s", "joins_per_s", "seed", "keep_alive"}
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
    folders = (folder / link for link in OTHER_LINKS)
    further = [
        path.parent for each in folders for path in sorted(each.rglob(MANIFEST), key=lambda path: len(path.parts))
    ]
    manifest, *others = (json.loads((each / MANIFEST).read_text(encoding="utf-8")) for each in (folder, *further))
    workloads = [load for each in (manifest, *others) for load in each["workloads"]]
    cells = pd.concat(map(_valid_cells, (folder, *further)))
    if not manifest["settings"]:
        raise ValueError(f"{folder}: no cell could be measured")
    text_bytes = manifest["workloads"][0]["text_bytes"]
    near = {
        (load["scenario"], load["point"])
        for load in workloads
        if _is_shown(load) and load["text_bytes"] == text_bytes and not load["one_way_delay_s"]
    }
    usual = cells[[each in near for each in zip(cells["scenario"], cells["point"], strict=True)]]
    measured = _unit_costs_by_link(cells)
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
        "links": {"plain": links["plain"]} | _own_links(measured, links, cells, usual),
        "loads": list(_loads(workloads, cells)),
        "bills": bills,
    }


def _own_links(measured: Links, links: Links, cells: pd.DataFrame, usual: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the unit costs on each link that the cells have: measured, or else scaled from those in `links`.

    usual: the cells to scale by, of loads that the page expresses, without a delay and with texts of one length.
    """
    return {
        link: {
            slug: measured.get(link, {}).get(slug)
            or scaled(costs, usual[(usual["link"] == link) & (usual["transport"] == slug)], slug, is_same=link in links)
            for slug, costs in links.get(link, links["plain"]).items()
        }
        for link in map(str, cells["link"].unique())
    }


def _unit_costs_by_link(cells: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the unit costs of each transport on each link where all of `LOADS` were measured, and all CPU time."""
    found: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for link, of_link in cells.groupby("link", sort=False):
        for row in TRANSPORTS:
            own = of_link[of_link["transport"] == row.slug]
            is_counted = own[list(UNITS["cpu_s"])].notna().all(axis=None)
            if set(LOADS) <= set(own["scenario"]) and is_counted:
                found[str(link)][row.slug] = costs = unit_costs(own, row)
                heavy = found["plain"].get(row.slug, costs)  # other links are not measured under heavy load
                costs["cpu_s"]["least"] = min(costs["cpu_s"]["least"], heavy["cpu_s"]["least"])
    return found


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


def unit_costs(own: pd.DataFrame, transport: Transport) -> dict[str, Any]:
    """Return what a command, a delivery and asking cost by a transport's cells: bytes, and CPU seconds of the servers.

    error: the largest relative error at one of `LOADS`. least: of `cpu_s`, see `_least_share`. served_s: how much later
    each further member of a room sees a message. base_s: p50 and p95 of the latency in a conversation, without the time
    in which other members are served, each as the lowest, median and highest repeat. Neither applies to a poller.
    users_max, members_max: the most users, and members of a room, that were measured.
    """
    loads = {name: own[own["scenario"] == name] for name in LOADS}
    causes = [_causes(load, transport) for load in loads.values()]
    units: dict[str, Any] = {}
    for name, columns in UNITS.items():
        rate = fitted(causes, [float(load[list(columns)].to_numpy().sum()) for load in loads.values()])
        units[name] = {"command": rate.event, "delivery": rate.delivery, "asking": rate.user_s, "error": rate.error}
    units["cpu_s"]["least"] = _least_share(own[own["scenario"].isin([*LOADS, "steps"])], transport, units["cpu_s"])
    idle, talk = (loads[name] for name in ("idle", "conversation"))
    process_bytes, user_bytes = memory(*(load.assign(api_rss_bytes=load[MEMORY].sum(axis=1)) for load in (idle, talk)))
    served_s = _served_s(talk, loads["large_room"])
    return units | {
        "served_s": served_s,
        "base_s": _base_s(talk, served_s),
        "process_bytes": process_bytes,
        "user_bytes": user_bytes,
        "users_max": int(own["users"].max()),
        "members_max": int(own["room_size"].max()),
    }


def _least_share(cells: pd.DataFrame, transport: Transport, unit: Mapping[str, float]) -> float:
    """Return the smallest share of what these unit costs predict that one of the loads took.

    It is below 1, since the unit costs are fitted to light loads, and a busy process does more work in one go.
    """
    rate = Rate(unit["command"], unit["delivery"], unit["asking"])
    columns = list(UNITS["cpu_s"])
    shares = [
        float(load[columns].to_numpy().sum()) / rate.of(_causes(load, transport))
        for _, load in cells.groupby(["scenario", "point"])
    ]
    return min(1.0, *shares)


def scaled(units: dict[str, Any], own: pd.DataFrame, slug: str, *, is_same: bool) -> dict[str, Any]:
    """Return unit costs in proportion: times what a transport's cells cost, divided by what these unit costs predict.

    is_same: whether the unit costs are of the same link; if so, they also hold for a transport without cells.
    """
    talk = own[own["scenario"] == "conversation"]
    base_s = _base_s(own if talk.empty else talk, units["served_s"])
    if not all(map(isfinite, base_s["p95"])):
        return units if is_same else units | {"users_max": 0, "members_max": 0}
    causes, made = _causes(own, find(slug)), dict(units)
    for name, columns in UNITS.items():
        unit = dict(units[name])
        predicted = Rate(unit["command"], unit["delivery"], unit["asking"]).of(causes)
        counted = float(own[list(columns)].to_numpy().sum())
        factor = counted / predicted if isfinite(counted) else 1.0
        made[name] = {part: value if part in ("error", "least") else factor * value for part, value in unit.items()}
    most = {"users_max": int(own["users"].max()), "members_max": int(own["room_size"].max())}
    return made | {"base_s": base_s, **most}


def _served_s(few: pd.DataFrame, many: pd.DataFrame) -> float:
    """Return how much later each further member of a room sees a message, from p95 in a small and a large room."""
    later_s = many["latency_p95_s"].median() - few["latency_p95_s"].median()
    return float(max(0.0, later_s / (0.95 * (many["room_size"].mean() - few["room_size"].mean()))))


def _base_s(cells: pd.DataFrame, served_s: float) -> dict[str, list[float]]:
    """Return the spread of p50 and p95 of the latency, without the time in which other members are served."""
    return {
        f"p{share}": _spread((cells[f"latency_p{share}_s"] - share / 100 * served_s * cells["room_size"]).clip(lower=0))
        for share in (50, 95)
    }


def _spread(values: pd.Series) -> list[float]:
    """Return the lowest, the median and the highest, in four digits."""
    return [float(f"{each:.4g}") for each in (values.min(), values.median(), values.max())]


def _loads(workloads: list[dict[str, Any]], cells: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the loads that the page's inputs can express, each once, with what was measured of each transport."""
    known: set[tuple[object, ...]] = set()
    for load in workloads:
        inputs = tuple(load.get(name) for name in sorted(INPUTS))
        if not _is_shown(load) or inputs in known:
            continue
        link = load.get("link", "plain")
        own = cells[(cells[["scenario", "point", "link"]] == [load["scenario"], load["point"], link]).all(axis=1)]
        if own.empty:
            continue
        known.add(inputs)
        point = load["point"] or (link if link in OTHER_LINKS else "")
        yield {
            "name": f"{load['scenario']} {point}".replace("_", " ").strip(),
            "inputs": {
                "users": load["users"],
                "room": load["room_size"],
                "messages": float(f"{60 * load['rate_per_s']:.4g}"),
                "poll": load["poll_interval_s"],
                "delay": load["one_way_delay_s"],
                "text": load["text_bytes"],
                "link": link,
            },
            "measured": {str(slug): _figures(each) for slug, each in own.groupby("transport", sort=False)},
        }


def _is_shown(load: Mapping[str, Any]) -> bool:
    """Return whether the page's inputs can express a load."""
    return load["keep_alive"] == 1 and not any(load[name] for name in load.keys() - INPUTS - NEUTRAL)


def _figures(cells: pd.DataFrame) -> dict[str, Any]:
    """Return what was measured of one load and transport, under the names of the page's figures."""
    user_h = cells["users"] * cells["measured_s"] / 3600
    asked = cells["requests_receive"]
    figures = {
        "p50": cells["latency_p50_s"],
        "p95": cells["latency_p95_s"],
        "requests": _sum(cells, REQUESTS) / user_h,
        "empty": cells["empty_answers"] / asked.where(asked > 0),
        "bytes": _sum(cells, UNITS["bytes"]) / user_h,
        "cores": _sum(cells, UNITS["cpu_s"]) / cells["measured_s"],
        "memory": _sum(cells, MEMORY),
    }
    spreads = {name: _spread(values) for name, values in figures.items() if values.notna().all()}
    return {"repeats": len(cells), **spreads}


def _sum(cells: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    """Return the sum of some columns in each cell; nan where one was not counted."""
    return cells[list(columns)].sum(axis=1, skipna=False)


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


def _causes(load: pd.DataFrame, transport: Transport) -> Causes:
    """Return the commands, the deliveries, and how often users asked or, if they need not, for how long they stayed."""
    is_pushed_to = transport.reads is Reads.ONCE and not transport.needs_push_service
    asked = load["users"] * load["measured_s"] if is_pushed_to else load["requests_receive"] + load["requests_upkeep"]
    return Causes(float(load["actions"].sum()), float(load["delivered"].sum()), float(asked.sum()))


def _described(row: Transport, push_service: str) -> dict[str, Any]:
    described = {name: getattr(row, name) for name in ("slug", "colour", "reads", "commands", "needs_push_service")}
    return described | {"label": row.label_for(push_service) if row.needs_push_service else row.label}
