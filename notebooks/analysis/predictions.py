"""Applies the theory to a run: its rates and settings in, one predicted figure out, or None where theory is silent."""

from notebooks.analysis.runs import Run
from results import theory
from servers import transports
from servers.transports import Commands, Reads, Transport


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


def requests_per_delivery(run: Run, slug: str) -> float:
    """Return the HTTP requests per delivered message: reads and heartbeats of one client over its deliveries.

    Sending adds one request per message, shared by the room that it is delivered to, unless commands are frames.
    """
    transport, cells = transports.find(slug), run.cells_of(slug)
    per_client = reads_per_s(run, transport)
    if transport.needs_push_service:
        per_client += theory.heartbeat_requests_per_s(run.setting("lease_s"))
    posts = 0.0 if transport.commands is Commands.FRAMES else float(cells["messages"].sum() / cells["delivered"].sum())
    return per_client / events_per_s(run, slug) + posts


def reads_per_s(run: Run, transport: Transport) -> float:
    """Return how often one client requests new events; once, when its connection is opened, counts as never."""
    round_trip = round_trip_s(run, transport.slug)
    match transport.reads:
        case Reads.POLL:
            return theory.short_polling_requests_per_s(1, run.setting("poll_interval_s"), round_trip)
        case Reads.HELD:
            rate = events_per_s(run, transport.slug)
            return theory.long_polling_requests_per_s(rate, round_trip, run.setting("hold_s"))
        case Reads.ONCE:
            return 0.0


def empty_percent(run: Run, slug: str) -> float | None:
    """Return the empty reads, in %: those with no event since the last request or, if held, during the hold."""
    match transports.find(slug).reads:
        case Reads.POLL:
            waited_s = run.setting("poll_interval_s")
        case Reads.HELD:
            waited_s = run.setting("hold_s")
        case Reads.ONCE:
            return None
    return 100 * theory.empty_share(events_per_s(run, slug), waited_s + round_trip_s(run, slug))
