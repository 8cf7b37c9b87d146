"""The explorer, opened from a file: how soon it is there, how long a change takes to draw, and how large it is.

Teaches that a page without a server has no round trip to wait for, so its size and its script are all that remains.
"""

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from loadtests.experiments.bench.findings import BenchFinding, Target
from loadtests.experiments.bench.sizes import BenchSizes
from loadtests.harness.browser import chromium
from loadtests.harness.cores import unpinned
from results.explorer import PAGE, REFERENCE, page
from results.schema import EXPLORER_FILE

PAINT_S, DRAWN_MS, SIZE_KB = Target(1.0), Target(16.0), Target(300.0)
STEPS = 60
FIRST_PAINT_MS = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
MOVE_SLIDER = """async (steps) => {
    const [slider, after, times] = [document.querySelector("#users"), new MessageChannel(), []];
    for (let step = 0; step < steps; step++) {
        let beganMs;
        requestAnimationFrame(() => (beganMs = performance.now()));
        slider.value = step;
        const movedMs = performance.now();
        slider.dispatchEvent(new Event("input"));
        const handledMs = performance.now() - movedMs;
        await new Promise((drawn) => {
            after.port1.onmessage = drawn;
            requestAnimationFrame(() => after.port2.postMessage(0));
        });
        times.push(handledMs + performance.now() - beganMs);
    }
    return times;
}"""


def measure(sizes: BenchSizes) -> list[BenchFinding]:
    """Open the page as often as pairs are measured, and move a slider; drawing lasts until the task after the paint."""
    with TemporaryDirectory() as folder, unpinned(), chromium() as browser:
        path = Path(folder) / PAGE
        path.write_text(page((REFERENCE / EXPLORER_FILE).read_text(encoding="utf-8")), encoding="utf-8")
        paint_s, drawn_ms = [], []
        for _ in range(sizes.pairs):
            window = browser.new_page()
            window.goto(path.as_uri())
            window.wait_for_function(f"{FIRST_PAINT_MS} > 0")
            paint_s.append(window.evaluate(FIRST_PAINT_MS) / 1000)
            drawn_ms.append(median(window.evaluate(MOVE_SLIDER, STEPS)))
            window.close()
        size_kb = path.stat().st_size / 1000
    return [
        BenchFinding("explorer: first paint, from a file", "s", paint_s, PAINT_S),
        BenchFinding("explorer: a slider's change drawn, median", "ms", drawn_ms, DRAWN_MS, f"{STEPS} changes"),
        BenchFinding("explorer: page and data", "kB", [size_kb], SIZE_KB),
    ]
