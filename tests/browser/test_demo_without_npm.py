"""The demo on a machine without npm: the Pusher lane is absent and shows what to do; all else works."""

import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from servers.demo.__main__ import WEB
from servers.transports import TRANSPORTS
from tests.browser.conftest import OpenWindow
from tests.support.accessibility import findings
from tests.support.demo_window import running_demo

pytestmark = pytest.mark.process

SHOWN = [row.slug for row in TRANSPORTS if not row.is_addition and not row.needs_push_service]
STEPS = 7


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the browser's client as it is when its npm packages were not installed."""
    web = tmp_path_factory.mktemp("without-npm") / "web"
    shutil.copytree(WEB, web, ignore=shutil.ignore_patterns("node_modules"))
    with running_demo(web) as running:
        yield running


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pusher_lane_is_marked_absent_and_shows_how_to_get_it(open_window: OpenWindow, scheme: str) -> None:
    window = open_window(f"Ada-{scheme}", color_scheme=scheme, bypass_csp=True)
    assert window.slugs == [*SHOWN, "pusher_adapter"]
    absent = window.card("pusher_adapter")
    expect(absent.locator("h2 small")).to_have_text("absent")
    expect(absent.locator(".remedy")).to_have_text(re.compile(r"pusher-js.*npm.*make demo"))
    expect(absent.locator("iframe, button")).to_have_count(0)
    expect(window.page.locator("#how-many")).to_have_text("three")
    assert findings(window.page.main_frame) == []
    window.write("to all three")
    window.expect_last("to all three", *SHOWN)


def test_the_tour_leaves_the_absent_lane_out(open_window: OpenWindow) -> None:
    window = open_window("Bob", "tour")
    window.walk_tour(STEPS, never="Pusher|undefined|NaN")
