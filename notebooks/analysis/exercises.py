"""Six exercises for a teacher: predict, run a small comparison, compare with what the reference measured.

The texts are in `exercises.toml`. No measured figure is written down: each is computed from the run that
the notebooks read.
"""

import tomllib
from pathlib import Path

from notebooks.analysis import wording
from notebooks.analysis.comparisons import activity_per_s, latency_ms, paid, still_true
from notebooks.analysis.deployments.managed import counted_per_message, minutes_until_used
from notebooks.analysis.prices import EMPTY, REQUESTS
from notebooks.analysis.runs import load
from results import theory
from results.costs.plans import load_prices

SHORT, LONG, RAW = "short_polling", "long_polling", "raw_websocket"
INTERVAL_S = 5.0


EXERCISES: list[dict[str, str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["exercise"]
"""The names in braces in their texts are those of `answers`."""


def answers(folder: Path) -> dict[str, str]:
    """Return the figures that the exercises' texts name; raise BrokenRun if the run lacks one of their scenarios."""
    idle, talk, busy, signals = (load(folder, name) for name in ("idle", "conversation", "busy", "signals"))
    sweep = load(folder, "interval_sweep", f"poll every {INTERVAL_S:g} s")
    far = load(folder, "distance", "100 ms away")
    found = {f"p{share}": wording.duration(latency_ms(sweep, SHORT, share).value) for share in (50, 95)}
    for share in (50, 95):
        predicted_s = theory.uniform_wait_quantile_s(share / 100, INTERVAL_S)
        found[f"theory_p{share}"] = wording.duration(1000 * predicted_s)
    for name, run in (("idle", idle), ("talk", talk)):
        rate, interval_s = activity_per_s(run), run.setting("poll_interval_s")
        found[f"{name}_rate"] = wording.amount(rate)
        found[f"{name}_empty"] = f"{paid(run, SHORT, EMPTY).value:.0f}"
        found[f"{name}_theory"] = f"{100 * theory.empty_share(rate, interval_s):.0f}"
    for name, slug in (("busy_short", SHORT), ("busy_long", LONG)):
        found[name] = wording.amount(paid(busy, slug, REQUESTS).value)
    for name, slug in (("typing_short", SHORT), ("typing_raw", RAW)):
        found[name] = f"{still_true(signals, slug, 'typing').value:.0f}"
    sandbox = load_prices().plans["pusher"][0].included["messages_per_day"]
    return found | {
        "far": wording.duration(latency_ms(far, RAW, 50).value),
        "counted": wording.amount(counted_per_message(talk).value),
        "minutes": f"{minutes_until_used(talk, sandbox):.0f}",
        "sandbox": f"{sandbox:,.0f}",
    }


def listed(folder: Path) -> wording.Prose:
    """Return the exercises as a numbered list."""
    found = answers(folder)
    lines = [
        f"{number}. **{exercise['subject']}.** {exercise['predict'].format(**found)}\n"
        f'   Run `make compare ARGS="{exercise["command"]}"` and compare.\n'
        f"   <details><summary>In the reference</summary>{exercise['reference'].format(**found)}.</details>"
        for number, exercise in enumerate(EXERCISES, 1)
    ]
    return wording.Prose("\n".join(lines))
