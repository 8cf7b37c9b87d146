"""Applies the theory to a run: its rates and settings in, one predicted figure out, or None where theory is silent."""

from notebooks.analysis import theory
from notebooks.analysis.runs import Run


def nothing(run: Run, slug: str) -> None:
    """Predict nothing: bytes and CPU depend on libraries, which arithmetic does not know."""


def events_per_s(run: Run, slug: str) -> float:
    """Return lambda: the messages per second that one client of this transport saw."""
    cells = run.cells_of(slug)
    return float(cells["delivered"].sum() / (cells["users"] * cells["measured_s"]).sum())


def round_trip_s(run: Run, slug: str) -> float:
    """Return the RTT as the senders saw it: the median time from sending to the acknowledgement."""
    samples = run.deliveries_of(slug)
    return float((samples["acked_s"] - samples["sent_s"]).median())


def requests_per_delivery(run: Run, slug: str) -> float | None:
    """Return the HTTP requests per delivered message: reads and heartbeats of one client over its deliveries.

    Sending adds one request per message, shared by the room that it is delivered to; on a raw WebSocket everything is
    a frame.
    """
    rate, round_trip = events_per_s(run, slug), round_trip_s(run, slug)
    match slug:
        case "short_polling":
            per_client = theory.short_polling_requests_per_s(1, run.setting("poll_interval_s"), round_trip)
        case "long_polling":
            per_client = theory.long_polling_requests_per_s(rate, round_trip, run.setting("hold_s"))
        case "pusher_adapter":
            per_client = theory.heartbeat_requests_per_s(run.setting("lease_s"))
        case "raw_websocket":
            return 0.0
        case _:
            return None
    cells = run.cells_of(slug)
    return per_client / rate + float(cells["messages"].sum() / cells["delivered"].sum())


def empty_percent(run: Run, slug: str) -> float | None:
    """Return the reads that bring nothing, in %: those with no event since the last question or, held, in the hold."""
    match slug:
        case "short_polling":
            waited_s = run.setting("poll_interval_s")
        case "long_polling":
            waited_s = run.setting("hold_s")
        case _:
            return None
    return 100 * theory.empty_share(events_per_s(run, slug), waited_s + round_trip_s(run, slug))
