"""The demo's page while it is busy: how long a frame takes, whether memory grows, and how soon the first message shows.

Teaches that a page which shows everything must forget most of it. A frame's work runs from its first animation callback
to the first task after it was painted; frames in which nothing has changed do not count, since there are more of them.
Every lane is a page of its own, so each is measured by itself.
"""

import re
from statistics import median
from time import monotonic, sleep

from playwright.sync_api import Frame, Page

from loadtests.experiments.bench.findings import BenchFinding, Target
from loadtests.experiments.bench.sizes import BenchSizes
from loadtests.harness.browser import chromium
from loadtests.harness.cores import unpinned
from servers.deploy.child_process import started

FRAME_MS = Target(8.0)
GROWTH = Target(1.15)
FIRST_S = Target(5.0)
RATE = 20  # messages a second
SETTLED_SHARE = 0.1  # of the time, at the beginning, while the heap still grows to its usual size
PRECISE = ("--enable-precise-memory-info", "--js-flags=--expose-gc")
WATCH_FRAMES = """() => {
    const after = new MessageChannel();
    const everything = { subtree: true, childList: true, attributes: true, characterData: true };
    let beganMs, hasChanged;
    window.frameWork = [];
    new MutationObserver(() => { hasChanged = true; }).observe(document, everything);
    after.port1.onmessage = () => {
        if (hasChanged) window.frameWork.push(performance.now() - beganMs);
        hasChanged = false;
    };
    const next = () => requestAnimationFrame(() => {
        beganMs = performance.now();
        after.port2.postMessage(0);
        next();
    });
    next();
}"""


def measure(sizes: BenchSizes) -> list[BenchFinding]:
    """Open the demo, let it write messages for `page_s`, and measure the frames."""
    with unpinned(), chromium(PRECISE) as browser:
        began_s = monotonic()
        with started(["servers.demo", "--port", "0"]) as demo, browser.new_page() as page:
            open_demo(page, demo.address)
            first_s = monotonic() - began_s
            work_ms, growth = busy(page, sizes.page_s)
    note = f"{RATE} messages a second for {sizes.page_s:g} s"
    return [
        BenchFinding("first delivery, from the start of the demo", "s", [first_s], FIRST_S, "everything is installed"),
        BenchFinding("frame work, each page's median", "ms", work_ms, FRAME_MS, note),
        BenchFinding("heap at the end over heap once settled, each page", "ratio", growth, GROWTH, note),
    ]


def open_demo(page: Page, address: str) -> None:
    """Open the page, write a message, and wait until a lane shows its delay."""
    page.goto(address)
    page.wait_for_selector("#text:enabled")
    page.fill("#text", "first")
    page.press("#text", "Enter")
    page.locator("#raw_websocket [data-figure=median]", has_text=re.compile("[0-9] m?s")).wait_for()


def busy(page: Page, lasts_s: float) -> tuple[list[float], list[float]]:
    """Return of each page, once it has settled: its median frame work in ms, and by which factor its heap has grown."""
    page.locator("#rate").fill(str(RATE))
    sleep(lasts_s * SETTLED_SHARE)
    settled = [heap_bytes(frame) for frame in page.frames]
    for frame in page.frames:
        frame.evaluate(WATCH_FRAMES)
    sleep(lasts_s * (1 - SETTLED_SHARE))
    work_ms = [median(frame.evaluate("window.frameWork.splice(0)")) for frame in page.frames]
    growth = [heap_bytes(frame) / before for frame, before in zip(page.frames, settled, strict=True)]
    return work_ms, growth


def heap_bytes(frame: Frame) -> float:
    """Return the bytes of live objects on the heap of a frame's page."""
    return float(frame.evaluate("() => { gc(); return performance.memory.usedJSHeapSize; }"))
