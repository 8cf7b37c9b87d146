"""What the tests of pages ask of each: that axe-core finds nothing serious, and that no text is small."""

from typing import Any

from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Frame, Page

AXE = AXE_FILE_PATH.read_text(encoding="utf-8")
SMALL_TEXTS = """[...document.querySelectorAll("body *")]
  .filter((node) => node.checkVisibility())
  .filter((node) => [...node.childNodes].some(({nodeType, data}) => nodeType === Node.TEXT_NODE && data.trim()))
  .map((node) => [node.textContent, parseFloat(getComputedStyle(node).fontSize) * (node.getScreenCTM?.().a ?? 1)])
  .filter(([, px]) => px < 13.95)"""
"""An expression of JavaScript: the visible texts under 14 px (less a rounding error), each with its size on the screen.
In an SVG the scale of the drawing counts, too."""


def findings(frame: Frame | Page) -> list[tuple[str, Any]]:
    """Return what axe-core rates serious or critical in one frame, without the frames within it, and the elements."""
    frame.evaluate(AXE)
    found = frame.evaluate("axe.run(document, {iframes: false})")
    return [
        (violation["id"], [node["html"] for node in violation["nodes"]])
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
