"""The explorer: its formulas, its bills and what it computes with are those of Python."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results import theory
from results.costs.deployments import bills, last_free, measured_in
from results.costs.metering import Activity
from results.costs.plans import Bill, load_prices
from results.explorer import REFERENCE, WEB, constants, page
from results.schema import CELLS_FILE, EXPLORER_FILE, KINDS_FILE, MANIFEST
from tests.support.deadline import DEADLINE_S

COMMITTED = (REFERENCE / EXPLORER_FILE).read_text(encoding="utf-8")
CONSTANTS: dict[str, Any] = json.loads(COMMITTED)
ROOM = 40  # more than the fewest users for whom a bill is compared
RUN = """
import { readFileSync } from "node:fs";
const [module, calls] = JSON.parse(readFileSync(0, "utf8"));
const functions = await import(module);
console.log(JSON.stringify(calls.map(([name, values]) => functions[name](...values))));
"""
SHARE, RATE = st.floats(0, 1), st.one_of(st.just(0.0), st.floats(1e-5, 1e3))
SECONDS, ROUND_TRIP_S = st.floats(0.01, 600), st.floats(1e-4, 2)
FORMULAS: Mapping[str, Sequence[st.SearchStrategy[Any]]] = {
    "occupied_share": (RATE,),
    "empty_share": (RATE, SECONDS),
    "poll_wait_s": (SECONDS, ROUND_TRIP_S),
    "short_polling_requests_per_s": (st.integers(1, 100_000), SECONDS, ROUND_TRIP_S),
    "long_polling_requests_per_s": (RATE, ROUND_TRIP_S, SECONDS),
    "rearm_wait_quantile_s": (SHARE, st.floats(0, 0.5), ROUND_TRIP_S),
    "push_latency_s": (ROUND_TRIP_S, ROUND_TRIP_S),
    "heartbeat_requests_per_s": (SECONDS,),
    "seen_while_true": (SECONDS, SECONDS),
    "function_seconds": (SHARE, RATE, SECONDS),
    "radio_on_share": (RATE, SECONDS, SECONDS),
}


def in_node(module: str, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
    """Return what functions of a module of the page return; the file system needs no server."""
    given = json.dumps([(WEB / "explore" / module).as_uri(), calls])
    command = ["node", "--input-type=module", "--eval", RUN]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=True, timeout=DEADLINE_S)
    found: list[Any] = json.loads(done.stdout)
    return found


def camel(name: str) -> str:
    """Return a name as JavaScript writes it: push_latency_s, pushLatencyS."""
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


@pytest.mark.process
@settings(max_examples=5)  # each starts a process
@given(st.lists(st.tuples(*(st.tuples(*arguments) for arguments in FORMULAS.values())), min_size=20, max_size=60))
def test_the_pages_formulas_are_those_of_python(drawn: list[tuple[tuple[Any, ...], ...]]) -> None:
    calls = [(name, values) for each in drawn for name, values in zip(FORMULAS, each, strict=True)]
    expected = [getattr(theory, name)(*values) for name, values in calls]
    found = in_node("theory.js", [(camel(name), values) for name, values in calls])
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-300)


@pytest.mark.process
@pytest.mark.parametrize("deployment", ["pusher-and-serverless", "separate-websocket-server", "single-server"])
def test_the_pages_bills_and_ends_of_free_tiers_are_those_of_python(deployment: str) -> None:
    """Half of the users are online, on average, and all of them at the busiest moment."""
    measured, prices = measured_in(REFERENCE), load_prices()

    def bill_of(users: int) -> Bill:
        """A room has no more members than are online."""
        activity = Activity(1, room_size=min(ROOM, users), hours_per_day=6.0)
        return bills(activity, measured, prices)[deployment](2 * users)

    load = {"room": ROOM, "commandsPerH": 20.0}
    online = (10, 30, 100, 300, 1000, 10_000)
    calls = [("billOf", (deployment, users, load, CONSTANTS["bills"])) for users in online]
    found = in_node("bills.js", [*calls, ("freeEnd", (deployment, load, CONSTANTS["bills"]))])
    expected = [bill_of(users) for users in online]
    usd = [inf if bill["usd"] is None else bill["usd"] for bill in found[:-1]]
    assert usd == pytest.approx([each.usd for each in expected], rel=1e-9)
    names = [[limit.partition(":")[0] for limit in bill["exceeded"]] for bill in found[:-1]]
    assert names == [[limit.partition(":")[0] for limit in each.exceeded] for each in expected]
    assert found[-1]["users"] == last_free(bill_of, 10_000)


@pytest.mark.process
def test_the_usual_inputs_have_an_address_of_their_own() -> None:
    (usual,) = in_node("inputs.js", [("presetInputs", ("",))])
    assert in_node("inputs.js", [("addressOf", (usual, ""))]) == ["preset="]  # an empty one stands for the first load


def test_the_page_holds_the_constants_in_less_than_300_kb() -> None:
    text = page(COMMITTED)
    assert json.loads(re.search(r'id="constants">(.*?)</script>', text)[1]) == CONSTANTS  # type: ignore[index]
    assert len(text.encode()) < 300_000


def leaves(tree: Any) -> Iterator[Any]:
    """Yield the values in nested dictionaries and lists, after their names."""
    for name, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield name
        yield from leaves(value) if isinstance(value, dict | list) else [value]


def test_the_committed_constants_are_those_of_the_committed_run() -> None:
    made = json.loads(json.dumps(constants(REFERENCE)))
    assert list(leaves(made)) == [
        pytest.approx(each, rel=1e-6) if isinstance(each, float) else each for each in leaves(CONSTANTS)
    ], "run `python -m notebooks.analysis explore results/reference`"


@pytest.mark.parametrize("slug", CONSTANTS["links"]["plain"])
def test_a_measured_load_takes_as_much_cpu_as_the_unit_costs_and_their_errors_allow(slug: str) -> None:
    unit = CONSTANTS["links"]["plain"][slug]["cpu_s"]
    found = pd.read_csv(REFERENCE / CELLS_FILE, keep_default_na=False, na_values="nan")
    cells = found[(found["transport"] == slug) & (found["scenario"] == "steps") & (found["verdict"] != "void")]
    is_pushed = slug in ("raw_websocket", "server_sent_events")
    asked = cells["users"] * cells["measured_s"] if is_pushed else cells["requests_receive"] + cells["requests_upkeep"]
    predicted = unit["command"] * cells["actions"] + unit["delivery"] * cells["delivered"] + unit["asking"] * asked
    shares = (cells["api_cpu_s"] + cells["push_service_cpu_s"]).groupby(cells["point"]).sum() / predicted.groupby(
        cells["point"]
    ).sum()
    assert unit["least"] == pytest.approx(shares.min())
    assert shares.max() <= 1 + unit["error"]


def test_a_run_of_few_loads_scales_the_committed_unit_costs_on_each_of_its_links() -> None:
    """What was counted on a link is then what these unit costs say of its cells."""
    made = constants(REFERENCE / "link")
    assert list(made["links"]) == ["plain", "tls", "h2"]
    before = CONSTANTS["links"].get("tls", CONSTANTS["links"]["plain"])["raw_websocket"]["bytes"]
    after = made["links"]["tls"]["raw_websocket"]["bytes"]
    factors = {after[part] / before[part] for part in ("command", "delivery", "asking")}
    assert len({round(factor, 9) for factor in factors}) == 1
    cells = pd.read_csv(REFERENCE / "link" / CELLS_FILE)
    cells = cells.query("transport == 'raw_websocket' and link == 'tls' and verdict != 'void'")
    online_s = cells["users"] * cells["measured_s"]
    said = after["command"] * cells["actions"] + after["delivery"] * cells["delivered"] + after["asking"] * online_s
    assert said.sum() == pytest.approx((cells["client_up_bytes"] + cells["client_down_bytes"]).sum())
    assert "committed" in made["source"]


def part_of_the_reference(folder: Path, column: str, value: str, **changed: str) -> Path:
    """Write the rows of the committed run that have a value, with other values in some columns of their cells."""
    for name in (CELLS_FILE, KINDS_FILE):
        rows = pd.read_csv(REFERENCE / name, dtype=str, keep_default_na=False)
        rows = rows[rows[column].str.fullmatch(value)]
        rows.assign(**changed if name == CELLS_FILE else {}).to_csv(folder / name, index=False)
    shutil.copy(REFERENCE / MANIFEST, folder)
    return folder


def test_a_run_that_lacks_a_transport_of_the_bills_takes_the_committed_bills(tmp_path: Path) -> None:
    made = constants(part_of_the_reference(tmp_path, "transport", "raw_websocket"))
    assert made["bills"] == CONSTANTS["bills"]
    assert made["links"]["plain"].keys() == CONSTANTS["links"]["plain"].keys()


@pytest.mark.parametrize("scenario", ["burst", "churn", "third_transit"])
def test_loads_that_the_page_cannot_express_or_that_are_delayed_scale_nothing(tmp_path: Path, scenario: str) -> None:
    made = constants(part_of_the_reference(tmp_path, "scenario", scenario))
    assert made["links"]["plain"] == CONSTANTS["links"]["plain"]


def test_a_run_over_several_distances_is_scaled_by_the_nearest_one(tmp_path: Path) -> None:
    made = constants(part_of_the_reference(tmp_path, "scenario", "distance"))
    assert made["links"]["plain"]["raw_websocket"] != CONSTANTS["links"]["plain"]["raw_websocket"]
    assert made["links"]["plain"]["raw_websocket"]["base_s"]["p50"][1] < 0.01
    assert "distance 100 ms away" in {load["name"] for load in made["loads"]}


def test_the_cores_of_a_load_are_those_of_all_servers(tmp_path: Path) -> None:
    found = constants(part_of_the_reference(tmp_path, "scenario", "conversation", api_cpu_s="3", store_cpu_s="12"))
    cores = {slug: each["cores"][1] for slug, each in found["loads"][0]["measured"].items()}
    assert cores["raw_websocket"] == pytest.approx(15 / 30, rel=1e-3)
    scale = [
        each["raw_websocket"]["cpu_s"]["command"] for each in (found["links"]["plain"], CONSTANTS["links"]["plain"])
    ]
    assert scale[0] > 3 * scale[1]


@pytest.mark.parametrize(
    ("column", "shown", "unit"), [("store_cpu_s", "cores", "cpu_s"), ("publish_bytes", "bytes", "bytes")]
)
def test_what_was_not_counted_of_a_part_is_not_shown_and_the_committed_unit_costs_hold(
    tmp_path: Path, column: str, shown: str, unit: str
) -> None:
    found = constants(part_of_the_reference(tmp_path, "scenario", ".*", **{column: "nan"}))
    assert not any(shown in each for load in found["loads"] for each in load["measured"].values())
    for slug, units in found["links"]["plain"].items():
        assert units[unit] == CONSTANTS["links"]["plain"][slug][unit]


def test_where_clients_count_no_bytes_those_of_the_servers_are_taken(tmp_path: Path) -> None:
    uncounted = dict.fromkeys(("client_up_bytes", "client_down_bytes"), "nan")
    found = constants(part_of_the_reference(tmp_path, "scenario", ".*", **uncounted))
    raw, usual = (each["links"]["plain"]["raw_websocket"]["bytes"] for each in (found, CONSTANTS))
    assert raw["delivery"] == pytest.approx(usual["delivery"], rel=0.01)
    assert found["loads"][0]["measured"]["raw_websocket"]["bytes"][1] > 0
    assert found["bills"]["rates"] == CONSTANTS["bills"]["rates"]


def test_a_link_on_which_all_loads_were_measured_has_unit_costs_and_loads_of_its_own(tmp_path: Path) -> None:
    for folder, link in ((tmp_path, "plain"), (tmp_path / "tls", "tls")):
        shutil.copytree(
            REFERENCE, folder, ignore=shutil.ignore_patterns("*.png", "*.gz", "tls", "h2"), dirs_exist_ok=True
        )
        cells = pd.read_csv(folder / CELLS_FILE, dtype=str, keep_default_na=False)
        cells.assign(link=link).to_csv(folder / CELLS_FILE, index=False)
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        workloads = [load | {"link": link} for load in manifest["workloads"]]
        (folder / MANIFEST).write_text(json.dumps(manifest | {"workloads": workloads}), encoding="utf-8")
    made = constants(tmp_path)
    assert made["links"]["tls"] == made["links"]["plain"]
    loads = {load["name"]: load for load in made["loads"]}
    assert loads["conversation tls"]["inputs"] == loads["conversation"]["inputs"] | {"link": "tls"}
    assert loads["conversation tls"]["measured"] == loads["conversation"]["measured"]
