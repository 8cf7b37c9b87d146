"""The format of a run: what load tests write and notebooks read, column by column.

A run is a folder `results/<run>/` with

    manifest.json       how it was made: commit, machine, versions, scenario, seed, command, settings, verdicts
    cells.csv           one row per transport and repeat: the exact counts
    deliveries.csv.gz   one row per message and recipient: the raw samples
    *.png               the charts of `make compare`

Servers count what they can: a figure that a peer's server does not tell is `nan`, which is why those counts are floats.
A cell whose deliveries do not add up is void: its row says so, and it is never charted. pandas reads a table in one
line: `pandas.read_csv("results/<run>/cells.csv")`.
"""

from dataclasses import dataclass

MANIFEST = "manifest.json"
CELLS_FILE = "cells.csv"
DELIVERIES_FILE = "deliveries.csv.gz"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: name, pandas dtype, unit ("" for text and counts of things named in the meaning)."""

    name: str
    dtype: str
    unit: str
    meaning: str


KEY = (
    Column("transport", "str", "", "slug of servers.transports"),
    Column("repeat", "int64", "", "which repeat of the scenario, from 0"),
)

DELIVERIES = (
    *KEY,
    Column("room", "str", "", "room of the message"),
    Column("seq", "int64", "", "sequence number of the message in its room"),
    Column("recipient", "str", "", "user id of the recipient, the sender included"),
    Column("own", "bool", "", "whether the recipient is the sender"),
    Column("intended_s", "float64", "s", "when the open-loop schedule meant the message to be sent, monotonic clock"),
    Column("sent_s", "float64", "s", "when the sender began to send it, same clock"),
    Column("acked_s", "float64", "s", "when the sender had the acknowledgement, same clock"),
    Column("received_s", "float64", "s", "when the recipient's inbox gave it out, same clock"),
)

CELLS = (
    *KEY,
    Column("verdict", "str", "", "valid, suspect or void; suspect when the generator lagged"),
    Column("reason", "str", "", "why it is not valid; empty otherwise"),
    Column("users", "int64", "", "users joined during the whole measuring window"),
    Column("room_size", "int64", "", "users per room"),
    Column("measured_s", "float64", "s", "length of the measuring window"),
    Column("messages", "int64", "", "acknowledged messages that were meant to be sent in the window"),
    Column("send_retries", "int64", "", "sends that failed and were tried again; of the whole run, warm-up included"),
    Column("send_failures", "int64", "", "sends that were never acknowledged; of the whole run"),
    Column("expected", "int64", "", "deliveries due: for each of those messages, the members of its room"),
    Column("delivered", "int64", "", "deliveries that came, duplicates not counted"),
    Column("lost", "int64", "", "deliveries due that never came; of the whole run, warm-up included"),
    Column("duplicates", "int64", "", "messages that an inbox gave out twice; of the whole run"),
    Column("out_of_order", "int64", "", "messages that an inbox gave out after a later one; of the whole run"),
    Column("redundant_frames", "int64", "", "pages with events that told a client nothing new; of the whole run"),
    Column("requests_send", "float64", "", "HTTP requests that carried commands, in the window, by the server's count"),
    Column("requests_receive", "float64", "", "HTTP requests that asked for events"),
    Column("requests_upkeep", "float64", "", "heartbeats, log-ins, channel authorizations, upgrades"),
    Column("command_frames", "float64", "", "commands that came as WebSocket frames"),
    Column("empty_answers", "float64", "", "reads that told nothing"),
    Column("server_up_bytes", "float64", "bytes", "TCP payload clients to servers, by the servers' count"),
    Column("server_down_bytes", "float64", "bytes", "TCP payload servers to clients, by the servers' count"),
    Column("publish_bytes", "float64", "bytes", "TCP payload between the API and the push service, both ways"),
    Column("api_cpu_s", "float64", "s", "CPU time of the API process, user and system"),
    Column("push_service_cpu_s", "float64", "s", "CPU time of the push service; 0 without one, or if rented"),
    Column("generator_cpu_s", "float64", "s", "CPU time of the load generator"),
    Column("api_rss_bytes", "float64", "bytes", "largest resident memory of the API process in the window"),
    Column("push_service_rss_bytes", "float64", "bytes", "largest resident memory of the push service in the window"),
    Column("connections", "float64", "", "open connections at the servers at the window's end"),
    Column("heartbeat_lag_p99_s", "float64", "s", "how late the generator's own 10 ms ticks were"),
    Column("schedule_slip_p99_s", "float64", "s", "how late sends began, from when they were intended"),
)
