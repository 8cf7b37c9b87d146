"""The explorer as a file: its figures are those of Python, it requests nothing, and everybody can use it."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from notebooks.analysis.figures.style import DPI, NARROW_IN
from notebooks.execute import sources
from notebooks.publish import publish
from results import theory
from results.explorer import REFERENCE, page
from results.predictions import Prediction, latency_s
from results.schema import EXPLORER_FILE
from servers.transports import find
from tests.support.accessibility import SMALL_TEXTS, findings

pytestmark = pytest.mark.process

COMMITTED = (REFERENCE / EXPLORER_FILE).read_text(encoding="utf-8")
CONSTANTS: dict[str, Any] = json.loads(COMMITTED)
PRESETS = ("text", "helpdesk", "ticker", "team", "dashboard")
INPUTS_OF = "async (name) => (await import('explore/inputs.js')).presetInputs(name)"
SCALES = """async () => {
  const { INPUTS } = await import('explore/inputs.js');
  return Object.fromEntries(Object.entries(INPUTS).map(([name, { values }]) => [name, values]));
}"""
GO = """query => new Promise(done => {
  addEventListener("hashchange", () => requestAnimationFrame(done), { once: true });
  location.hash = query;
})"""
CELLS = "rows => rows.map(row => Array.from(row.querySelectorAll('td'), cell => cell.textContent))"
UNITS = {"ms": 1e-3, "s": 1.0, "kB": 1e3, "MB": 1e6}
SCREENS = {"light": (1280, 900), "dark": (1280, 900), "narrow": (360, 780), "projected": (1920, 1080)}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("explorer") / "explore.html"
    path.write_text(page(COMMITTED), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[Page]:
    """Open the page; at the end it has reported no error, and requested nothing but itself."""
    page, errors, requested = browser.new_page(reduced_motion="reduce"), [], []
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: requested.append(request.url.partition("#")[0]))
    page.goto(address)
    yield page
    assert errors == []
    assert {url for url in requested if not url.startswith("data:")} == {address}


def go(page: Page, query: str) -> None:
    """Have the page, which is open, take its inputs from another address, and draw them."""
    page.evaluate(GO, query)


def choose(page: Page, name: str, value: str) -> None:
    """Choose an option, and return once what follows from it is drawn."""
    page.locator(f"#{name}").select_option(value)
    page.evaluate("new Promise(requestAnimationFrame)")


def figure(page: Page, slug: str, name: str) -> float:
    """Return a figure as the table shows it."""
    number, unit = re.match(r"(?:< )?([\d.,]+) ?(\w*)", page.locator(f"#{slug}-{name}").inner_text()).groups()  # type: ignore[union-attr]
    return float(number.replace(",", "")) * UNITS.get(unit, 1.0)


def predicted(row: dict[str, Any], rate: float, given: dict[str, Any]) -> Prediction:
    """Return what theory says of a client while so many events a second come."""
    load = {"events_per_s": rate, "deliveries_per_s": rate, "commands": 1.0, "round_trip_s": 2 * given["delay"]}
    pauses = {"interval_s": given["poll"], "hold_s": given["hold"], "lease_s": CONSTANTS["settings"]["lease_s"]}
    return Prediction(transport=find(row["slug"]), **load, **pauses)


def expected(row: dict[str, Any], given: dict[str, Any]) -> dict[str, float]:
    """Return a transport's figures by the formulas of Python."""
    unit, delay, share = CONSTANTS["links"]["plain"][row["slug"]], given["delay"], 0.95
    size, cpu_s = unit["bytes"], unit["cpu_s"]
    members, commands, talking = min(given["room"], given["users"]), given["messages"] / 60, 1 - given["idle"]
    rate = commands * members
    busy, quiet = (predicted(row, each, given) for each in (rate, 0.0))
    often, rarely = ((each.reads_per_s + each.checks_per_s) or 1.0 for each in (busy, quiet))  # 1: kept open
    p95_s = latency_s(busy.transport, share, busy.pauses, delay, push_link_delay_s=0.0)
    if row["reads"] != "poll":
        rearm_s = theory.rearm_wait_quantile_s(share, often, 2 * delay) if row["reads"] == "held" else 0.0
        p95_s += unit["base_s"]["p95"][1] + share * members * unit["served_s"] + rearm_s
    asked = 3600 * (talking * often + (1 - talking) * rarely)
    sent = 3600 * talking * commands
    is_asking = row["reads"] != "once" or row["needs_push_service"]
    copies = 1 + bool(row["needs_push_service"]) + members  # to the server, to the push service, to everybody
    longer = sent * copies * (given["text"] - CONSTANTS["text_bytes"])
    figures = {
        "p95": p95_s,
        "requests": sent * (row["commands"] != "frames") + asked * is_asking,
        "bytes": size["command"] * sent + size["delivery"] * sent * members + size["asking"] * asked + longer,
        "cores": given["users"] * (cpu_s["command"] * commands + cpu_s["delivery"] * rate + cpu_s["asking"] * often),
    }
    if row["reads"] != "once":
        empty = talking * often * (busy.empty_share or 0.0) + (1 - talking) * rarely
        figures["empty %"] = 100 * 3600 * empty / asked
    return figures


def test_each_preset_shows_the_figures_of_python_once_its_answer_is_asked_for(opened: Page) -> None:
    for preset in PRESETS:
        go(opened, f"preset={preset}")
        given = opened.evaluate(INPUTS_OF, preset)
        expect(opened.locator("#scene")).to_be_visible()
        expect(opened.locator("#answer-choice")).to_be_hidden()
        opened.locator("#reveal").click()
        expect(opened.locator("#answer-choice")).to_be_visible()
        expect(opened.locator("#answer")).to_be_focused()
        for row in CONSTANTS["transports"]:
            for name, value in expected(row, given).items():
                shown = figure(opened, row["slug"], name.removesuffix(" %"))
                tolerance = 0.5 if name in ("requests", "empty %") else 1e-3
                assert shown == pytest.approx(value, rel=0.051, abs=tolerance), (preset, row["slug"], name)
    opened.locator("#users").press("ArrowLeft")
    expect(opened.locator("#scene")).to_be_hidden()  # it describes another number of users


def test_a_slider_can_return_to_the_usual_value_and_to_those_of_the_presets(opened: Page) -> None:
    scales = opened.evaluate(SCALES)
    assert all(values == sorted(set(values)) for values in scales.values())
    for preset in ("", *PRESETS):
        given = opened.evaluate(INPUTS_OF, preset)
        assert [(name, given[name]) for name in scales if given[name] not in scales[name]] == []


def test_an_address_brings_the_inputs_back_and_what_it_does_not_know_changes_nothing(opened: Page) -> None:
    go(opened, "preset=team")
    opened.locator("#users").focus()
    for _ in range(5):
        opened.keyboard.press("ArrowRight")
    choose(opened, "deployment", "separate-websocket-server")
    opened.wait_for_url(re.compile(r"#preset=team&users=\d+&deployment=separate-websocket-server"))
    shown, link = opened.locator("main").inner_text(), opened.url
    go(opened, "users=3")
    go(opened, link.partition("#")[2] + "&poll=soon&room=&link=carrier-pigeon&toString=1")
    assert opened.locator("main").inner_text() == shown


def test_a_measured_load_shows_what_was_measured_and_a_figure_that_has_the_focus_where_it_comes_from(
    opened: Page,
) -> None:
    load = next(each for each in CONSTANTS["loads"] if each["name"] == "busy")
    choose(opened, "load", "busy")
    for slug, measured in load["measured"].items():
        for name in ("p50", "bytes", "cores"):
            assert figure(opened, slug, name) == pytest.approx(measured[name][1], rel=0.051)
            expect(opened.locator(f"#{slug}-{name}")).to_have_class("measured")
    opened.locator("#long_polling-requests").focus()
    said = re.compile(r"measured: the load “busy”, 5 repeats: .* to .*; the formula says")
    expect(opened.locator("#why")).to_contain_text(said)
    opened.locator("#raw_websocket-empty").evaluate("cell => cell.onmouseenter()")  # it has no value
    expect(opened.locator("#why")).to_contain_text(said)
    opened.locator("#users").press("ArrowRight")
    expect(opened.locator("#load")).to_have_value("")


def test_a_larger_share_of_the_readers_never_sees_a_message_sooner(opened: Page) -> None:
    opened.locator("#delays-more summary").click()
    for number, load in enumerate(CONSTANTS["loads"]):
        choose(opened, "load", str(number))
        rows = opened.locator("#delays-table tbody tr").evaluate_all(CELLS)
        for delays in zip(*rows, strict=True):
            seconds = [float(number) * UNITS[unit] for number, unit in map(str.split, delays)]
            assert seconds == sorted(seconds), (load["name"], delays)


def test_a_free_tier_may_end_after_one_user(opened: Page) -> None:
    go(opened, "users=2&room=2&messages=30")
    expect(opened.locator("#months")).to_contain_text("free up to 1 user (")


def test_the_change_that_it_names_makes_another_transport_the_choice(opened: Page) -> None:
    label, *_ = re.findall("To make (.*) the choice", opened.locator("#change").inner_text())
    opened.locator("#try").click()
    expect(opened.locator("#answer-choice")).to_have_text(label)


def test_the_inputs_and_the_answer_can_be_copied_and_print_on_one_page(opened: Page) -> None:
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened.locator("#copy-text").click()
    expect(opened.locator("#copied")).to_have_text("The text is copied.")
    text = opened.evaluate("navigator.clipboard.readText()")
    assert opened.locator("#answer-choice").inner_text() in text.splitlines()[0]
    assert "Users online, on average: 40\n" in text
    assert len(re.findall(rb"/Type /Page\b", opened.pdf(format="A4"))) == 1


@pytest.mark.parametrize("screen", SCREENS)
def test_it_fits_every_screen_and_axe_finds_nothing_serious(opened: Page, screen: str) -> None:
    width, height = SCREENS[screen]
    opened.emulate_media(color_scheme="dark" if screen == "dark" else "light")
    opened.set_viewport_size({"width": width, "height": height})
    picture = Image.open(io.BytesIO(opened.screenshot()))
    assert len(picture.convert("RGB").getcolors(1 << 24) or ()) > 200
    assert (np.asarray(picture.convert("L")).mean() < 128) == (screen == "dark")
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if screen == "projected":
        assert opened.evaluate(SMALL_TEXTS) == []
    else:
        assert findings(opened) == []


def test_every_page_of_the_site_fits_a_phone_with_its_navigation_folded(browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    for path in publish(tmp_path)[:-1]:
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path.name
        widths = page.evaluate("Array.from(document.querySelectorAll('picture img'), (img) => img.naturalWidth)")
        assert all(width == NARROW_IN * DPI for width in widths), path.name
        assert page.locator("nav").bounding_box()["height"] < 50  # type: ignore[index]
    assert page.locator("nav a:visible").all_inner_texts() == ["Your own numbers"]
    page.locator("nav summary").click()
    assert page.locator("nav li a:visible").count() == len(sources())
