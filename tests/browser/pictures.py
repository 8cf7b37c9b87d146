"""Take the pictures of the demo and the explorer: `make pictures`. The README shows them; nothing in them is made up.

Three still ones (light, dark, narrow) of a room in which people talk, and an animated one of the first ten seconds.
"""

import io
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, ViewportSize

from results.explorer import PAGE, page
from results.schema import EXPLORER_FILE
from tests.support.browser import patient_browser
from tests.support.demo_window import Window, running_demo

FOLDER = Path(__file__).parents[2] / "results" / "reference"
STILLS: dict[str, dict[str, Any]] = {
    "demo_light.png": {"viewport": {"width": 1360, "height": 1080}, "color_scheme": "light"},
    "demo_dark.png": {"viewport": {"width": 1360, "height": 1080}, "color_scheme": "dark"},
    "demo_narrow.png": {"viewport": {"width": 360, "height": 1180}, "color_scheme": "light"},
}
ANIMATED = "demo.webp"
EXPLORER = "explore.png"
EXPLORER_SCREEN = ViewportSize(width=1280, height=900)
SCREEN = {"width": 1366, "height": 690}
WIDTH = 860
FRAME_S = 0.25
FRAMES = 42
COLOURS = 128
TALK_S = 12.0


def still(browser: Browser, name: str, settings: dict[str, Any]) -> None:
    """Picture a room in which people have talked for a while, at a distance of 20 ms."""
    with running_demo() as address:
        window = Window(browser, address, "Ada", **settings)
        window.page.locator("#delay").fill("20")
        window.press("Add five people")
        window.page.locator("#rate").fill("1")
        sleep(TALK_S)
        saved(window.page.screenshot(), name)
        window.page.close()


def saved(picture: bytes, name: str) -> None:
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(FOLDER / name, optimize=True)


def explorer(browser: Browser) -> None:
    """Picture the explorer with the numbers of a team."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / PAGE
        path.write_text(page((FOLDER / EXPLORER_FILE).read_text(encoding="utf-8")), encoding="utf-8")
        window = browser.new_page(viewport=EXPLORER_SCREEN, color_scheme="light")
        window.goto(f"{path.as_uri()}#preset=team")
        window.locator("#reveal").click()
        saved(window.screenshot(), EXPLORER)
        window.close()


def animation(browser: Browser) -> None:
    """Picture the first messages, frame by frame, at the pace at which they really went."""
    with running_demo() as address:
        window = Window(browser, address, "Ada", "first", viewport=SCREEN, color_scheme="light")
        frames = []
        for _ in range(FRAMES):
            picture = Image.open(io.BytesIO(window.page.screenshot())).convert("RGB")
            height = WIDTH * picture.height // picture.width
            frames.append(picture.resize((WIDTH, height), Image.Resampling.LANCZOS))
            sleep(FRAME_S / 2)  # taking a picture takes the other half
        window.page.close()
    first, *others = frames
    shown_ms = round(1000 * FRAME_S)
    first.save(FOLDER / ANIMATED, save_all=True, append_images=others, duration=shown_ms, loop=0, quality=34, method=6)


def main() -> None:
    with patient_browser() as browser:
        for name, settings in STILLS.items():
            still(browser, name, settings)
        explorer(browser)
        animation(browser)


if __name__ == "__main__":
    main()
