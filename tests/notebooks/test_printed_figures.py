"""Every figure of the README, the exercises and the first answers follows from the reference, by plain pandas alone.

`printed_figures.toml` says of each document which figures it has and how each is computed. A figure that is not listed
there fails, as does one that is listed and not printed. The first answer of a notebook is its first cell, where numbers
in words count too, and the first text that is computed below it. Leaves out names (p50, HTTP/1.1), code and addresses.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache
from itertools import takewhile
from math import exp
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from notebooks.analysis import exercises
from results.costs.deployments import bills, measured_in
from results.costs.metering import Activity
from results.costs.plans import load_prices

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "results" / "reference"
LISTED: dict[str, Any] = tomllib.loads(Path(__file__).with_name("printed_figures.toml").read_text(encoding="utf-8"))
CELLS = pd.read_csv(REFERENCE / "cells.csv", keep_default_na=False, na_values="nan")
KINDS = pd.read_csv(REFERENCE / "kinds.csv", keep_default_na=False, na_values="nan")
SHORT, LONG, RAW, STREAM = "short_polling", "long_polling", "raw_websocket", "server_sent_events"
ADAPTER = "pusher_adapter"
CPU = ["api_cpu_s", "push_service_cpu_s"]
DEPLOYMENTS = ("pusher-and-serverless", "separate-websocket-server", "single-server")
BILLS = bills(Activity(users=1), measured_in(REFERENCE), load_prices())

UNITS, WORDS = LISTED["units"], LISTED["words"] | LISTED["parts"]
NUMBER = rf"(?<![\w.])[+-]?\d+(?:,\d{{3}})*(?:[./]\d+)?(?!\w)(?: (?:{'|'.join(UNITS)})(?!\w))?"
WORD = rf"\b(?:{'|'.join(WORDS)})\b"
APART = {"half": 1 / 12, "third": 1 / 12}  # by how much a word may be wrong, so that these two cannot be mistaken
NO_TEXT = re.compile(r"```.*?```|`[^`\n]*`|<!--.*?-->|(?<=\])\([^)]*\)|\*|HTTP/[\d.]+|[Nn]otebook \d\d", re.DOTALL)


@cache
def record(name: str) -> Any:
    return json.loads((REFERENCE / f"{name}.json").read_text(encoding="utf-8"))


def rows(found: pd.DataFrame | Sequence[object], **wanted: object) -> pd.DataFrame:
    """Return the rows of a table that have these values, at least one."""
    chosen = pd.DataFrame(found)
    for column, value in wanted.items():
        chosen = chosen[chosen[column] == value]
    assert len(chosen), wanted
    return chosen


def cells(scenario: str, point: str = "", **wanted: object) -> pd.DataFrame:
    """Return the cells of a load that are not void, by repeat."""
    found = CELLS[CELLS["verdict"] != "void"].set_index("repeat", drop=False)
    return rows(found, scenario=scenario, point=point, **wanted)


def kinds(scenario: str, slug: str, kind: str = "message", point: str = "") -> pd.DataFrame:
    found = rows(KINDS, scenario=scenario, point=point, transport=slug, kind=kind)
    return found[found["repeat"].isin(cells(scenario, point, transport=slug)["repeat"])]


def spread(repeats: "pd.Series[float]") -> list[float]:
    return [repeats.median(), repeats.min(), repeats.max()]


def latency_s(scenario: str, slug: str, percent: int = 50, kind: str = "message", point: str = "") -> list[float]:
    return spread(kinds(scenario, slug, kind, point)[f"latency_p{percent}_s"])


def each(found: pd.DataFrame, *columns: str, of: str = "delivered") -> "pd.Series[float]":
    """Return the sum of these columns for each delivery. of: what else it is divided by."""
    return found[list(columns)].sum(axis="columns") / found[of]


def empty_share(scenario: str) -> "pd.Series[float]":
    """Return the share of short polls that brought nothing."""
    return each(cells(scenario, transport=SHORT), "empty_answers", of="requests_receive")


def bytes_by_link(*slugs: str) -> list[float]:
    """Return the bytes of a delivery on each link; a repeat that is void on one of them is left out."""
    found = pd.read_csv(REFERENCE / "link" / "cells.csv").query("verdict != 'void'")
    wire = each(found, "client_up_bytes", "client_down_bytes", "publish_bytes")
    repeats = found.assign(wire=wire).pivot_table("wire", ["transport", "repeat"], "link").dropna()
    medians = repeats.groupby("transport").median().loc[[*slugs], ["plain", "tls", "h2"]]
    return [float(median) for median in medians.to_numpy().ravel()]


def half_seen() -> list[float]:
    """Return the median of short polling, and the largest of the other medians, in s."""
    slowest, *others = (latency_s("conversation", slug)[0] for slug in (SHORT, LONG, RAW, STREAM, ADAPTER))
    return [slowest, max(others)]


def evidence() -> list[float]:
    """Return deliveries, messages, transports, repeats and suspect cells of the conversation."""
    found = cells("conversation")
    messages = cells("conversation", transport=RAW)["messages"].sum()
    suspect = (found["verdict"] == "suspect").sum()
    return [found["delivered"].sum(), messages, found["transport"].nunique(), found["repeat"].nunique(), suspect]


def received_per_s(scenario: str) -> float:
    """Return how many messages a user of a load received in a second."""
    found = cells(scenario)
    return float(found["delivered"].sum() / (found["users"] * found["measured_s"]).sum())


def empty_in_theory(scenario: str) -> float:
    """Return the share of polls, two seconds apart, that bring nothing if messages come at random moments."""
    return exp(-2 * received_per_s(scenario))


def choice(slug: str) -> list[float]:
    """Return a row of the table of choices: a median in s, requests, bytes, us; medians too close have the slowest."""
    calibrations = [record(path.stem) for path in REFERENCE.glob("calibration-*.json")]
    (in_the_clear,) = (made for made in calibrations if made["load"].get("link", "plain") == "plain")
    apart_s = max(row["overall"]["p50_ms"] for row in in_the_clear["rows"]) / 1000
    groups: list[list[float]] = []
    for median_s in sorted(latency_s("conversation", other)[0] for other in set(CELLS["transport"])):
        groups = groups if groups and median_s - groups[-1][0] < apart_s else [*groups, []]
        groups[-1].append(median_s)
    own_s = latency_s("conversation", slug)[0]
    found = cells("conversation", transport=slug)
    requests = each(found, "requests_send", "requests_receive", "requests_upkeep").median()
    wire = each(found, "client_up_bytes", "client_down_bytes", "publish_bytes").median()
    shown_s = next(max(group) for group in groups if own_s in group)
    return [shown_s, requests, wire, 1e6 * each(found, *CPU).median()]


def captured(slug: str) -> list[int]:
    """Return the bytes that brought the first message that came alone, its poll included, and those of its content."""
    asked: dict[int, int] = {}
    for piece in record("captures")["transports"][slug]:
        data = piece["data"]
        is_alone = data.count('"kind":"message"') == data.count('"kind"') == 1
        if piece["up"]:
            asked[piece["connection"]] = len(data) if data.startswith("GET") and slug == SHORT else 0
        elif piece["at_s"] >= 0 and is_alone and '"type":"ack"' not in data:
            return [asked[piece["connection"]] + len(data), len(data[data.index("{") :])]
    raise AssertionError(f"{slug}: no message came alone")


def most_users(slug: str) -> int:
    """Return the users of the last step before the first with which, in most repeats, something was full or late."""
    steps = rows(CELLS, scenario="steps", transport=slug)
    is_fit = (steps["verdict"] == "valid") | steps["reason"].str.startswith("the machine was ")
    fit = (is_fit & (steps["limit"] == "")).groupby(steps["point"].str.split().str[0].astype(int)).sum()
    repeats = rows(CELLS, scenario="steps")["repeat"].nunique()
    return int(max(takewhile(lambda users: 2 * fit[users] > repeats, fit.index)))


def stored(store: str, workers: int, than: tuple[str, int]) -> "pd.Series[float]":
    """Return the CPU time of a delivery as a multiple of that on other stores, by transport; paired within repeats."""
    found = rows(record("shared_store")["loads"]).query("verdict != 'void'").set_index(["transport", "repeat"])
    own, other = (rows(found, store=name, workers=count) for name, count in ((store, workers), than))
    return (each(own, *CPU, "store_cpu_s") / each(other, *CPU, "store_cpu_s")).groupby("transport").median()


def document(name: str) -> tuple[str, str]:
    """Return the text of a document, and the pattern of a figure in it."""
    figure = NUMBER
    if name == "README":
        text = (ROOT / "README.md").read_text(encoding="utf-8")
    elif name == "exercises":
        text = exercises.listed(REFERENCE).text
    else:
        first, *others = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
        shown = (output.get("data", {}).get("text/markdown") for cell in others for output in cell.get("outputs", ()))
        text = "".join([*first["source"], "\n", *next(filter(None, shown))])
        figure = rf"{NUMBER}|{WORD}"
    return " ".join(NO_TEXT.sub("", text).split()), figure


def is_right(printed: str, computed: float) -> bool:
    """Return whether a figure is what was computed, rounded to as many digits as it has."""
    if printed in WORDS:
        return float(abs(WORDS[printed] - computed)) <= APART.get(printed, 0.5)
    number, _, unit = printed.replace(",", "").partition(" ")
    apart = 1e-9 if "/" in number else 0.5001 * 10 ** -len(number.partition(".")[2])
    return float(abs(float(Fraction(number)) - computed / UNITS.get(unit, 1))) <= apart


@cache
def computed_by(expression: str) -> list[float]:
    found = eval(expression, globals())
    return found if isinstance(found, list) else [found]


def complaints(name: str, text: str, figure: str) -> Iterator[str]:
    """Yield what is wrong with the figures of a text, or with what is listed of them."""
    covered: set[int] = set()
    given = dict.fromkeys(LISTED[name].get("given", ()), "[]")
    for sentence, expression in {**given, **LISTED[name]["computed"]}.items():
        found = re.search(re.escape(sentence).replace(r"\{\}", f"({figure})"), text)
        if not found:
            yield f"not printed: {sentence}"
            continue
        covered.update(range(*found.span()))
        printed = found.groups()
        computed = computed_by(expression)
        if len(printed) != len(computed) or not all(map(is_right, printed, computed)):
            yield f"{found.group()}: the reference gives {computed}"
    lacking = [found for found in re.finditer(figure, text) if found.start() not in covered]
    yield from (f"not listed: {text[max(0, each.start() - 30) : each.end() + 20]}" for each in lacking)


DOCUMENTS = ["README", "exercises", *sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_printed_figure_follows_from_the_reference_and_a_wrong_digit_is_noticed(name: str) -> None:
    text, figure = document(name)
    assert list(complaints(name, text, figure)) == []
    for found in re.finditer(NUMBER, text):
        place = max(at for at in range(*found.span()) if text[at].isdigit())
        changed = f"{text[:place]}{(int(text[place]) + 1) % 10}{text[place + 1 :]}"
        assert list(complaints(name, changed, figure)), changed[place - 30 : place + 10]
