"""Charts of curves: their labels, their crosses, and panels that share a scale."""

from dataclasses import replace

import pytest

from notebooks.analysis.figures import curves, marks
from notebooks.analysis.quantiles import Interval

SURE = Interval(5.0, 4.0, 6.0)


def test_labels_are_moved_apart_no_further_than_necessary() -> None:
    assert marks.spread([1.0, 5.0], 1.0) == [1.0, 5.0]
    spread = marks.spread([1.0, 1.1, 1.2], 1.0)
    assert min(spread[1] - spread[0], spread[2] - spread[1]) > 0.99
    assert sum(spread) / 3 == pytest.approx(1.1)


def test_a_curve_without_points_has_a_cross_and_no_name() -> None:
    found = [curves.Curve(name, "#0072B2", [1.0], [SURE]) for name in ("one", "two")]
    full = replace(found[1], x=[], points=[], crossed=[2.0])
    (axes,) = curves.draw([curves.Panel("users", "n", [found[0], full], "{:g}".format)], "Title", "Measure").axes
    assert [text.get_text() for text in axes.texts] == ["one"]


def test_panels_on_one_scale_reach_equally_far() -> None:
    curve = curves.Curve("p50", "#0072B2", [1.0, 2.0], [SURE, SURE])
    theory = curves.Curve("p50", "#0072B2", [1.0, 2.0], [SURE, SURE], [5.0, 500.0])
    panels = [curves.Panel("latency", "seconds", [each], "{:g}".format) for each in (curve, theory)]
    apart, together = (curves.draw(drawn, "Title", "Measure").axes for drawn in (panels, curves.on_one_scale(panels)))
    assert apart[0].get_ylim() != apart[1].get_ylim()
    assert together[0].get_ylim() == together[1].get_ylim() == apart[1].get_ylim()
