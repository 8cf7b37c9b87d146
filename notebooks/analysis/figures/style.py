"""The style of every chart: the finding as its title, a grey line of evidence, and one colour for each transport.

A notebook shows each chart in two forms: a wide one, and one for phones, whose panels are below one another. Figures
are made without pyplot: no window, and the same bytes on every run.
"""

import base64
import re
import textwrap
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.patheffects as effects
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.typing import ColorType
from PIL import Image

INK = "#1F2328"
GREY = "#656D76"
RULE = "#E1E5EA"
PALE = "#CDD3DA"
WIDTH_IN = 8.0
NARROW_IN = 3.75
PNG, NARROW_PNG = "image/png", "application/x-narrow-png"
DPI = 160
COLOURS = 96  # of a PNG's palette: enough for each transport to keep its own
MARGIN_IN = 0.15
TITLE_CHARACTERS = 82
SUBTITLE_CHARACTERS = 112
SETTINGS = Path(__file__).with_name("charts.mplstyle")
_width = ContextVar("width", default=WIDTH_IN)


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished chart, which a notebook shows.

    finding: its headline, used as alternative text. narrow: draws it for phones.
    """

    png: bytes = field(repr=False)
    finding: str
    narrow: Callable[[], bytes] = field(repr=False)

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, dict[str, object]]]:
        """Return both forms; only a page of the site knows what to do with the narrow one."""
        forms = {PNG: self.png, NARROW_PNG: self.narrow()}
        data = {name: base64.b64encode(form).decode() for name, form in forms.items()}
        return data, {PNG: {"width": int(WIDTH_IN * 100), "alt": self.finding}}


def picture(draw: Callable[..., Figure], *arguments: Any) -> Picture:
    """Call `draw` with the arguments in this style; return the chart."""
    return Picture(*drawn(WIDTH_IN, draw, *arguments), lambda: drawn(NARROW_IN, draw, *arguments)[0])


def drawn(width: float, draw: Callable[..., Figure], *arguments: Any) -> tuple[bytes, str]:
    """Return a chart of that width as a PNG with a palette, and its headline."""
    raw, small = BytesIO(), BytesIO()
    before = _width.set(width)
    with mpl.rc_context(fname=SETTINGS):
        figure = draw(*arguments)
        figure.savefig(raw, format="png", dpi=DPI)
    _width.reset(before)
    image = Image.open(raw).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(small, format="PNG", optimize=True)
    return small.getvalue(), str(figure.get_label())


def width_in() -> float:
    """Return the width in inches of the chart that is being drawn."""
    return _width.get()


def is_narrow() -> bool:
    """Return whether the chart that is being drawn is one for phones."""
    return width_in() < WIDTH_IN


@dataclass(frozen=True, slots=True)
class Placing:
    """Places text and axes on a figure; positions are in inches from its top left corner."""

    figure: Figure

    def text(self, left_in: float, top_in: float, text: str, **style: Any) -> None:
        """Write text; its top left corner is at that place, unless `ha` or `va` is given."""
        width, height = self.figure.get_size_inches()
        self.figure.text(left_in / width, 1 - top_in / height, text, **({"va": "top"} | style))

    def axes(self, left_in: float, top_in: float, width_in: float, height_in: float) -> Axes:
        """Return new axes in that rectangle."""
        width, height = self.figure.get_size_inches()
        bottom_in = height - top_in - height_in
        return self.figure.add_axes((left_in / width, bottom_in / height, width_in / width, height_in / height))


def sheet(height_in: float, title: str, subtitle: str) -> tuple[Placing, float]:
    """Return a white figure with its headline, to place things on, and how far down the headline ends, in inches."""
    share = (width_in() - 2 * MARGIN_IN) / (WIDTH_IN - 2 * MARGIN_IN)
    title_lines = _balanced(title, int(share * TITLE_CHARACTERS))
    longest = int(share * SUBTITLE_CHARACTERS)
    subtitle_lines = [line for part in subtitle.split("\n") for line in _balanced(part, longest)]
    title_in = 0.22 * len(title_lines)
    subtitle_in = 0.165 * len(subtitle_lines)
    place = Placing(Figure(figsize=(width_in(), height_in + title_in + subtitle_in), facecolor="white"))
    place.figure.set_label(title)
    place.text(MARGIN_IN, MARGIN_IN, "\n".join(title_lines), size=11.5, weight="bold", linespacing=1.25)
    place.text(MARGIN_IN, MARGIN_IN + title_in + 0.06, "\n".join(subtitle_lines), color=GREY, linespacing=1.3)
    return place, MARGIN_IN + title_in + 0.06 + subtitle_in


def _balanced(text: str, longest: int) -> list[str]:
    """Wrap text into as few lines as possible, of about equal length; a number and its unit stay on one line."""
    text = re.sub(r"(?<=\d) (?=(?:ms|s|kB|MB|%)\b|%)", "\N{NO-BREAK SPACE}", text)
    lines = textwrap.wrap(text, longest)
    for width in range(len(text) // len(lines), longest):
        balanced = textwrap.wrap(text, width)
        if len(balanced) == len(lines):
            return balanced
    return lines


def tint(colour: ColorType, strength: float) -> tuple[float, float, float]:
    """Return a colour mixed with white; strength 1 is the colour, 0 is white."""
    red, green, blue = (1 - strength * (1 - part) for part in to_rgb(colour))
    return red, green, blue


def annotate(axes: Axes, text: str, at: tuple[float, float], offset: tuple[float, float], **style: Any) -> None:
    """Write text next to a point, `offset` in typographic points, with a halo that keeps them readable on a line."""
    halo = [effects.withStroke(linewidth=2.5, foreground="white")]
    axes.annotate(text, at, offset, textcoords="offset points", path_effects=halo, zorder=5, **style)
