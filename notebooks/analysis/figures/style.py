"""The style of every chart: a finding as its title, a grey line of evidence, little ink, and one colour a transport.

Figures are made without pyplot: no global state, no window, the same bytes on every run.
"""

import textwrap
from collections.abc import Callable
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

from servers.transports import TRANSPORTS

INK = "#1F2328"
GREY = "#656D76"
RULE = "#E1E5EA"
PALE = "#CDD3DA"
WIDTH_IN = 8.0
DPI = 160
COLOURS = 64
NEAR = 10  # of 255: what looks the same as an exact colour is drawn in that
TINTS = (1.0, 0.75, 0.55, 0.45, 0.3, 0.25, 0.1)
MARGIN_IN = 0.15
TITLE_CHARACTERS = 82
SUBTITLE_CHARACTERS = 112

SETTINGS: Any = {
    "font.family": "DejaVu Sans",  # the one that matplotlib brings along: the same letters on every machine
    "font.size": 8.5,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": RULE,
    "xtick.labelcolor": GREY,
    "ytick.color": RULE,
    "ytick.labelcolor": GREY,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished chart: a notebook shows it, `save` writes it. finding: its headline, for whoever cannot see it."""

    png: bytes = field(repr=False)
    finding: str = ""

    def save(self, path: Path) -> Path:
        """Write the PNG and return where."""
        path.write_bytes(self.png)
        return path

    def _repr_png_(self) -> tuple[bytes, dict[str, object]]:
        return self.png, {"width": int(WIDTH_IN * 100), "alt": self.finding}


def picture(draw: Callable[..., Figure], *shown: Any) -> Picture:
    """Draw a run, or what else is given, in this style, and quantise it: a third of the bytes."""
    with mpl.rc_context(SETTINGS):
        figure, raw = draw(*shown), BytesIO()
        figure.savefig(raw, format="png", dpi=DPI)
    small = BytesIO()
    image = Image.open(raw).convert("RGB")
    image.quantize(palette=_palette(image), dither=Image.Dither.NONE).save(small, format="PNG", optimize=True)
    return Picture(small.getvalue(), str(figure.get_label()))


def _palette(image: Image.Image) -> Image.Image:
    """Return white, the inks, each transport's colour with its tints, and as few of the image's own as will do."""
    named = [("white", 1.0), (INK, 1.0), (GREY, 1.0), *((row.colour, tinge) for row in TRANSPORTS for tinge in TINTS)]
    exact = [tuple(round(255 * part) for part in tint(colour, tinge)) for colour, tinge in named]
    flat = (image.quantize(COLOURS, dither=Image.Dither.NONE).getpalette() or [])[: 3 * COLOURS]
    common = [tuple(flat[place : place + 3]) for place in range(0, len(flat), 3)]
    apart = [each for each in common if all(max(map(_gap, each, other)) > NEAR for other in exact)]
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for colour in (*exact, *apart) for part in colour])
    return palette


def _gap(one: int, other: int) -> int:
    return abs(one - other)


def sheet(height_in: float, title: str, subtitle: str) -> tuple[Figure, float]:
    """Return a white figure with its headline, and how many inches below the top the headline ends."""
    title_lines = _balanced(title, TITLE_CHARACTERS)
    subtitle_lines = [line for part in subtitle.split("\n") for line in _balanced(part, SUBTITLE_CHARACTERS)]
    title_in, subtitle_in = 0.22 * len(title_lines), 0.165 * len(subtitle_lines)
    figure = Figure(figsize=(WIDTH_IN, height_in + title_in + subtitle_in), facecolor="white")
    figure.set_label(title)
    place = Placing(figure)
    place.text(MARGIN_IN, MARGIN_IN, "\n".join(title_lines), size=11.5, weight="bold", linespacing=1.25)
    place.text(MARGIN_IN, MARGIN_IN + title_in + 0.06, "\n".join(subtitle_lines), color=GREY, linespacing=1.3)
    return figure, MARGIN_IN + title_in + 0.06 + subtitle_in


def _balanced(words: str, longest: int) -> list[str]:
    """Break words into as few lines as possible, of about equal length: no lonely word on a last line."""
    lines = textwrap.wrap(words, longest)
    for width in range(len(words) // len(lines), longest):
        if len(balanced := textwrap.wrap(words, width)) == len(lines):
            return balanced
    return lines


@dataclass(frozen=True, slots=True)
class Placing:
    """Places text and axes on a figure in inches from its top left corner, as a layout is thought of."""

    figure: Figure

    def text(self, left_in: float, top_in: float, words: str, **style: Any) -> None:
        """Write words whose top left corner (or `ha`, `va`) is there."""
        width, height = self.figure.get_size_inches()
        self.figure.text(left_in / width, 1 - top_in / height, words, **({"va": "top"} | style))

    def axes(self, left_in: float, top_in: float, width_in: float, height_in: float) -> Axes:
        """Return new axes in that rectangle."""
        width, height = self.figure.get_size_inches()
        bottom_in = height - top_in - height_in
        return self.figure.add_axes((left_in / width, bottom_in / height, width_in / width, height_in / height))


def tint(colour: ColorType, strength: float) -> tuple[float, float, float]:
    """Return a colour mixed with white; strength 1 is the colour, 0 is white."""
    red, green, blue = (1 - strength * (1 - part) for part in to_rgb(colour))
    return red, green, blue


def label(axes: Axes, words: str, at: tuple[float, float], offset: tuple[float, float], **style: Any) -> None:
    """Write words beside a point, `offset` in typographic points, with a halo that keeps them readable on a line."""
    halo = [effects.withStroke(linewidth=2.5, foreground="white")]
    axes.annotate(words, at, offset, textcoords="offset points", path_effects=halo, zorder=5, **style)
