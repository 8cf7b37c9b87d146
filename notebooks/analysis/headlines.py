"""The sentences above the charts, made from a run.

A sentence here must be true of every run, also of one with a single transport or three samples. So each sentence is
built from the figures that it compares, and claims no difference within the generator's own error (`resolution_ms`).
"""

from notebooks.analysis.prices import REQUESTS, price
from notebooks.analysis.quantiles import latencies, resolution_ms
from notebooks.analysis.runs import Run
from notebooks.analysis.wording import amount, counted, duration
from servers.transports import TRANSPORTS

LINKS = {"tls": "over TLS", "h2": "over TLS with HTTP/2"}


def evidence(run: Run) -> str:
    """Return what a chart rests on: preview or not, deliveries, messages, repeats, deployment, link, doubtful cells."""
    messages = run.cells.groupby("transport")["messages"].sum()
    most = counted(int(messages.max()), "message")
    if messages.nunique() > 1:
        most = f"up to {most} on each of {len(messages)} transports"
    elif len(messages) > 1:
        most += f", the same on {len(messages)} transports"
    deployment = run.manifest.get("deployment")
    suspect = int((run.cells["verdict"] == "suspect").sum())
    parts = [
        "PREVIEW, not a measurement" if run.manifest.get("preview") else "",
        f"{counted(int(run.cells['delivered'].sum()), 'delivery')} of {most}",
        counted(run.repeats, "repeat") if run.repeats > 1 else "",
        f"on {deployment}" if deployment else "",
        LINKS.get(run.cells["link"].iloc[0], ""),
        counted(suspect, "suspect cell") if suspect else "",
        f"{counted(len(run.void), 'void cell')} left out" if run.void else "",
    ]
    return ", ".join(filter(None, parts))


def resolution_note(run: Run) -> str:
    """Return how far medians of a run must be apart to count as different, in words."""
    return f"medians less than {duration(resolution_ms(run)[0.50])} apart are equal, within the generator's error"


def latency_finding(run: Run) -> str:
    """Return the headline about waiting: the slowest median against all others, if they differ measurably."""
    *others, slowest = sorted(latencies(run), key=lambda row: row.p50.value)
    half = f"Half of all messages are seen within {duration(slowest.p50.value)} by"
    if not others:
        return f"{half} {in_prose(slowest.label)}"
    if slowest.p50.value - others[-1].p50.value < resolution_ms(run)[0.50]:
        return f"{half} {'both' if len(others) == 1 else f'all {len(others) + 1}'} transports"
    everybody_else = in_prose(others[0].label) if len(others) == 1 else "the others"
    return f"{half} {in_prose(slowest.label)}, {duration(others[-1].p50.value)} by {everybody_else}"


def price_finding(run: Run) -> str:
    """Return the headline about cost: the most and the fewest requests per delivered message."""
    paid = {slug: found.total.value for slug in run.slugs if (found := price(run, slug, REQUESTS))}
    dearest, cheapest = max(paid, key=paid.__getitem__), min(paid, key=paid.__getitem__)
    most, least = amount(paid[dearest]), amount(paid[cheapest])
    costs = f"Each delivery costs {most} HTTP {'request' if most == '1' else 'requests'}"
    if most == least:
        return f"{costs}{' by every transport' if len(paid) > 1 else ''}"
    high, low = in_prose(run.label_of(dearest)), in_prose(run.label_of(cheapest))
    return f"{costs} by {high}, {'none' if least == '0' else least} by {low}"


def in_prose(label: str) -> str:
    """Write a label within a sentence: short polling, raw WebSocket, but names keep their capitals."""
    names = tuple(row.label for row in TRANSPORTS if row.is_name)
    return label if label.startswith(names) else label[0].lower() + label[1:]
