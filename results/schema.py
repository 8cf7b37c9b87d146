"""The format of a run: what load tests write and notebooks read, column by column.

A run is a folder `results/<run>/` with

    manifest.json       how it was made: commit, machine, versions, scenarios, workloads, command, settings of each
                        transport, verdicts, what a server was too busy to be measured at (overloaded), and whether
                        it is a preview only
    cells.csv           one row per load, transport and repeat: the exact counts
    kinds.csv           one row per cell and kind of event that it had: what came of each, and what was still true
    deliveries.csv.gz   one row per event and recipient: the raw samples; of a full run, so many of each cell
    *.png               the charts of `make compare`

and beside the runs, or in one,

    calibration-*.json  the load generator's own error on a machine (`python -m loadtests calibrate`)
    captures.json       what crossed the wire while two people talked (`python -m loadtests capture`): for each
                        transport the pieces that TCP carried, each with its link, connection, direction (up: to the
                        server), moment in seconds from the window's start, and bytes (as Latin-1); and the same of the
                        vendor's own pusher-js, from connecting to one event
    code_comparison.json  the shortest chats, in lines and moving parts (`python -m servers.shortest.compare`)
    drills.json         what failures of each deployment cost its users (`python -m tests.outages`): how it was made,
                        and under `drills` a row for each option, drill and repeat
    parts.json          the programs that each deployment runs, and who talks to whom (`python -m tests.outages.parts`)
    shared_stores.json  what a shared store and a second process cost (`python -m loadtests shared_store`): the
                        circumstances as in a manifest, the engines, and three tables, each a list of rows: served,
                        hops, appends
    topologies.json     what a delivery takes on each deployment (`python -m loadtests deployments`): the circumstances
                        as in a manifest, and under `topologies` a row for each option and repeat
    hosted.json         what serverless hosts do to each transport (`python -m loadtests hosted`): the circumstances as
                        in a manifest, under `hosts` each host's limits with their date and sources, and two tables,
                        each a list of rows: hosted, lives
    claims.json         every claim of the source document, tested on the run (`python -m notebooks.analysis claims`)

Servers count what they can: a figure that a peer's server does not tell is `nan`, which is why those counts are floats.
A cell whose deliveries do not add up is void: its row says so, and it is never charted. pandas reads a table in one
line: `pandas.read_csv("results/<run>/cells.csv")`.
"""

from dataclasses import dataclass

MANIFEST = "manifest.json"
CALIBRATIONS = "calibration-*.json"
CAPTURES_FILE = "captures.json"
CLAIMS_FILE = "claims.json"
CODE_COMPARISON_FILE = "code_comparison.json"
DRILLS_FILE = "drills.json"
PARTS_FILE = "parts.json"
HOSTED_FILE = "hosted.json"
SHARED_STORES_FILE = "shared_stores.json"
TOPOLOGIES_FILE = "topologies.json"
CELLS_FILE = "cells.csv"
KINDS_FILE = "kinds.csv"
DELIVERIES_FILE = "deliveries.csv.gz"
PERCENTS = (1, 5, 10, 25, 50, 75, 90, 95, 99)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: name, pandas dtype, unit ("" for text and counts of things named in the meaning)."""

    name: str
    dtype: str
    unit: str
    meaning: str


KEY = (
    Column("scenario", "str", "", "name of the scenario, as `python -m loadtests scenarios` tells"),
    Column("point", "str", "", "which of the scenario's loads; empty if it has one only"),
    Column("transport", "str", "", "slug of servers.transports"),
    Column("repeat", "int64", "", "which repeat of the scenario, from 0"),
)

DELIVERIES = (
    *KEY,
    Column("kind", "str", "", "message, typing, presence or receipt"),
    Column("room", "str", "", "room of the event"),
    Column("seq", "int64", "", "sequence number of the event in its room"),
    Column("recipient", "str", "", "user id of the recipient, the sender included"),
    Column("own", "bool", "", "whether the recipient is the sender"),
    Column("still_true", "bool", "", "when received: not expired, not replaced by news of the same kind and sender"),
    Column("intended_s", "float64", "s", "when the open-loop schedule meant it to be done, monotonic clock"),
    Column("sent_s", "float64", "s", "when the sender began to do it, same clock"),
    Column("acked_s", "float64", "s", "when the sender had the acknowledgement, same clock"),
    Column("received_s", "float64", "s", "when the recipient's inbox gave it out, same clock"),
)

KINDS = (
    *KEY,
    Column("kind", "str", "", "message, typing, presence or receipt"),
    Column("deeds", "int64", "", "what was done and acknowledged, of what was meant for the window"),
    Column("events", "int64", "", "events that this put into the log; less than deeds where it changed nothing"),
    Column("expected", "int64", "", "deliveries due: for each of those events, who was in its room"),
    Column("delivered", "int64", "", "deliveries that came, duplicates not counted"),
    Column(
        "missed_by_leaving",
        "int64",
        "",
        "events in the log that were unread when somebody left, for each of them",
    ),
    Column("still_true", "int64", "", "deliveries that had not expired or been replaced by something newer"),
    Column("latency_min_s", "float64", "s", "the fastest of all deliveries, from when it was meant to be done"),
    *(Column(f"latency_p{share}_s", "float64", "s", f"percentile {share} of all deliveries") for share in PERCENTS),
    Column("latency_max_s", "float64", "s", "the slowest of all deliveries"),
)

CELLS = (
    *KEY,
    Column("verdict", "str", "", "valid, suspect or void; suspect when the generator lagged"),
    Column("reason", "str", "", "why it is not valid, and what else is doubtful; empty otherwise"),
    Column("samples", "int64", "", "rows of deliveries.csv.gz: all, or, of a full run, so many drawn by seed"),
    Column("limit", "str", "", "what gave out in steps: latency (p95 beyond its budget), servers or generator"),
    Column("seed", "int64", "", "seed of the senders' schedules and the pollers' phases"),
    Column("users", "int64", "", "users joined during the whole measuring window"),
    Column("room_size", "int64", "", "users per room"),
    Column("store", "str", "", "what the log lay in: sqlite, redis or postgresql; empty if the server does not tell"),
    Column("workers", "int64", "", "processes that served the API behind one port; 0 if the server does not tell"),
    Column("offered", "str", "", "digest of who did what, meant for which moment of the window; equal: the same load"),
    Column("measured_s", "float64", "s", "length of the measuring window"),
    Column("messages", "int64", "", "acknowledged messages that were meant to be sent in the window"),
    Column("deeds", "int64", "", "all that was done and acknowledged, of what was meant for the window"),
    Column("events", "int64", "", "events of every kind that this put into the log"),
    Column("send_retries", "int64", "", "deeds that failed and were tried again; of the whole run, warm-up included"),
    Column("send_failures", "int64", "", "deeds that were never acknowledged; of the whole run"),
    Column("expected", "int64", "", "deliveries due: for each of those messages, who was in its room"),
    Column("delivered", "int64", "", "deliveries that came, duplicates not counted"),
    Column(
        "missed_by_leaving", "int64", "", "messages in the log that were unread when somebody left, for each of them"
    ),
    Column("lost", "int64", "", "deliveries of any kind that were due and never came; of the whole run, ramp included"),
    Column("duplicates", "int64", "", "events that an inbox gave out twice; of the whole run"),
    Column("out_of_order", "int64", "", "events that an inbox gave out after a later one; of the whole run"),
    Column("heard_again", "int64", "", "events that one line brought again; of the whole run; by a push service only"),
    Column("heard_late", "int64", "", "events that one line brought after a later one; the same"),
    Column("redundant_frames", "int64", "", "pages with events that told a client nothing new; of the whole run"),
    Column("readings_apart_s", "float64", "s", "how far apart the servers were read; the window, if they kept up"),
    Column("requests_send", "float64", "", "HTTP requests that carried commands, in the window, by the server's count"),
    Column("requests_receive", "float64", "", "HTTP requests that asked for events"),
    Column("requests_upkeep", "float64", "", "heartbeats, log-ins, channel authorizations, upgrades"),
    Column("command_frames", "float64", "", "commands that came as WebSocket frames"),
    Column("empty_answers", "float64", "", "reads that told nothing"),
    Column("server_up_bytes", "float64", "bytes", "TCP payload clients to servers, by the servers' count"),
    Column("server_down_bytes", "float64", "bytes", "TCP payload servers to clients, by the servers' count"),
    Column("client_up_bytes", "float64", "bytes", "the same by the generator's kernel (TCP_INFO); nan where it cannot"),
    Column("client_down_bytes", "float64", "bytes", "the same, servers to clients"),
    Column(
        "publish_bytes",
        "float64",
        "bytes",
        "TCP payload between the API and the push service (or a WebSocket server that is not the API), both ways",
    ),
    Column("api_cpu_s", "float64", "s", "CPU time of the API's processes, user and system"),
    Column("push_service_cpu_s", "float64", "s", "CPU time of the push service; 0 without one, or if rented"),
    Column(
        "store_cpu_s",
        "float64",
        "s",
        "CPU time of the store's engine; 0 if embedded in the API; nan if it was not started for the run",
    ),
    Column("generator_cpu_s", "float64", "s", "CPU time of the load generator"),
    Column("api_rss_bytes", "float64", "bytes", "largest resident memory of the API's processes in the window"),
    Column("push_service_rss_bytes", "float64", "bytes", "largest resident memory of the push service in the window"),
    Column("connections", "float64", "", "open connections at the servers at the window's end"),
    Column("storm_returns", "int64", "", "lines that broke in the window, and were opened again, whenever that was"),
    Column("storm_p50_s", "float64", "s", "from when the restarted server was ready until a line was back, median"),
    Column("storm_p95_s", "float64", "s", "95th percentile of the same"),
    Column("storm_max_s", "float64", "s", "largest of the same: everybody is back"),
    Column("storm_requests", "float64", "", "upkeep requests that the restarted server answered in the window"),
    Column("heartbeat_lag_p99_s", "float64", "s", "how late the generator's own 10 ms ticks were"),
    Column("schedule_slip_p99_s", "float64", "s", "how late deeds of any kind began, from when they were intended"),
)

DRILLS = (
    Column("option", "str", "", "the deployment, as `python -m servers deploy` names it"),
    Column("drill", "str", "", "what happened to it; see tests/outages/outages.py"),
    Column("repeat", "int64", "", "which repeat, from 0"),
    Column("machine_load", "float64", "", "processes that wanted to run, over the minute before (load average)"),
    Column("messages", "int64", "", "messages that were acknowledged"),
    Column("deliveries", "int64", "", "of each of them to each person, its sender included: those that came"),
    Column("lost", "int64", "", "those that never came"),
    Column("duplicates", "int64", "", "messages that an inbox gave out twice"),
    Column("out_of_order", "int64", "", "messages that an inbox gave out after a later one"),
    Column("lasted_s", "float64", "s", "how long the failure itself lasted, a restart included"),
    Column("up_to_date_s", "float64", "s", "from its beginning until the last late message came; 0 if none was late"),
    Column("silent_s", "float64", "s", "longest time for which somebody saw no message, from its beginning on"),
    Column("unacknowledged_s", "float64", "s", "longest wait for an acknowledgement, from when a message was meant"),
    Column("lines_broken", "int64", "", "people who saw that they were reconnecting"),
    Column("reconnecting_s", "float64", "s", "longest time for which somebody saw it without a break"),
    Column("seen_offline", "int64", "", "people of whom others were told that they had gone, though none had"),
    Column("usual_s", "float64", "s", "median from when a message was meant until it was seen, before it began"),
)

SHARED_KEY = (
    Column("transport", "str", "", "slug of servers.transports"),
    Column("store", "str", "", "what the log lay in: sqlite, redis or postgresql"),
    Column("repeat", "int64", "", "which repeat, from 0"),
)
ADDS_UP = (
    Column("lost", "int64", "", "deliveries that were due and never came"),
    Column("duplicates", "int64", "", "events that an inbox gave out twice"),
    Column("out_of_order", "int64", "", "events that an inbox gave out after a later one"),
    Column("send_failures", "int64", "", "messages that were never acknowledged"),
    Column("heartbeat_lag_p99_s", "float64", "s", "how late the generator's own 10 ms ticks were"),
    Column("takes", "int64", "", "how often it was measured until the generator did not lag; the last counts"),
)

SERVED = (
    *SHARED_KEY,
    Column("workers", "int64", "", "processes that served the API behind one port"),
    Column("verdict", "str", "", "valid, suspect or void, as in cells.csv"),
    Column("messages", "int64", "", "acknowledged messages of the window"),
    Column("delivered", "int64", "", "their deliveries"),
    Column("expected", "int64", "", "deliveries due"),
    *ADDS_UP,
    Column("api_cpu_s", "float64", "s", "CPU time of the API's processes in the window"),
    Column("push_service_cpu_s", "float64", "s", "CPU time of the push service"),
    Column("store_cpu_s", "float64", "s", "CPU time of the store's engine; 0 if embedded"),
    Column("latency_p50_s", "float64", "s", "median of deliveries, from when the message was meant to be sent"),
    Column("latency_p95_s", "float64", "s", "95th percentile of the same"),
)
"""Table `served` of shared_stores.json: one load on every transport, store and number of workers."""

HOPS = (
    *SHARED_KEY,
    Column("same_n", "int64", "", "deliveries to others on the sender's server"),
    Column("same_p50_s", "float64", "s", "median of their latency"),
    Column("same_p95_s", "float64", "s", "95th percentile"),
    Column("other_n", "int64", "", "deliveries of the same messages to those on the other server"),
    Column("other_p50_s", "float64", "s", "median of their latency"),
    Column("other_p95_s", "float64", "s", "95th percentile"),
    *ADDS_UP,
)
"""Table `hops`: two servers of one worker each on one store; half of each room is on either."""

APPENDS = (
    Column("store", "str", "", "as above; or none: acknowledged, and stored nowhere"),
    Column("repeat", "int64", "", "which repeat, from 0"),
    Column("appends", "int64", "", "messages that one sender sent over HTTP, each after the last was acknowledged"),
    Column("acked_p50_s", "float64", "s", "median time from sending to the acknowledgement"),
    Column("acked_p95_s", "float64", "s", "95th percentile"),
    Column("api_cpu_s", "float64", "s", "CPU time of the server for all of them"),
    Column("store_cpu_s", "float64", "s", "CPU time of the store's engine for all of them; 0 if embedded"),
)
"""Table `appends`: what it takes to have a message on the disk, alone."""

TOPOLOGIES = (
    Column("option", "str", "", "the deployment, as `python -m servers deploy` names it"),
    Column("transport", "str", "", "slug of servers.transports: what its clients speak"),
    Column("repeat", "int64", "", "which repeat, from 0"),
    Column("store", "str", "", "what the log lay in: sqlite, redis or postgresql"),
    Column("verdict", "str", "", "valid, suspect or void, as in cells.csv"),
    Column("messages", "int64", "", "acknowledged messages of the window"),
    Column("delivered", "int64", "", "their deliveries"),
    Column("expected", "int64", "", "deliveries due"),
    *ADDS_UP,
    Column("api_cpu_s", "float64", "s", "CPU time in the window of all processes but the next three columns'"),
    Column("push_service_cpu_s", "float64", "s", "CPU time of the push service; 0 without one"),
    Column("store_cpu_s", "float64", "s", "CPU time of the store's engine; 0 if embedded"),
    Column("tending_cpu_s", "float64", "s", "CPU time of our supervisor and our model of a host, in no other column"),
    Column("api_rss_bytes", "float64", "bytes", "largest resident memory in the window of the processes of api_cpu_s"),
    Column("push_service_rss_bytes", "float64", "bytes", "largest resident memory of the push service"),
    Column("client_up_bytes", "float64", "bytes", "TCP payload clients to servers; nan where the kernel does not tell"),
    Column("client_down_bytes", "float64", "bytes", "the same, servers to clients"),
    Column("publish_bytes", "float64", "bytes", "TCP payload between the API and who holds the lines, both ways"),
    Column("latency_p50_s", "float64", "s", "median of deliveries, from when the message was meant to be sent"),
    Column("latency_p99_s", "float64", "s", "99th percentile of the same"),
)
"""Table `topologies` of topologies.json: one load on each deployment as it stands."""
HOSTED_KEY = (
    Column("transport", "str", "", "slug of servers.transports"),
    Column("host", "str", "", "name of the host, as under `hosts`: its profile, and its limit if that is not its own"),
)
HOSTED = (
    *HOSTED_KEY,
    Column("verdict", "str", "", "valid, suspect or void, as in cells.csv: whether the figures may be believed"),
    Column("reason", "str", "", "why it is not valid, and what else is doubtful; or why nobody could connect"),
    Column("max_duration_s", "float64", "s", "the host's limit: each invocation ends after it"),
    Column("users", "int64", "", "users who tried to connect"),
    Column("connected", "int64", "", "users who could"),
    Column("measured_s", "float64", "s", "between two readings of the host: the window, or how long all tried in vain"),
    Column("messages", "int64", "", "acknowledged messages that were meant to be sent in the window"),
    Column("expected", "int64", "", "deliveries due: for each of those messages, who was in its room"),
    Column("delivered", "int64", "", "deliveries that came, duplicates not counted"),
    Column("lost", "int64", "", "deliveries of any kind that were due and never came; of the whole run"),
    Column("duplicates", "int64", "", "events that an inbox gave out twice; of the whole run"),
    Column("out_of_order", "int64", "", "events that an inbox gave out after a later one; of the whole run"),
    Column("send_retries", "int64", "", "messages that were tried again; of the whole run"),
    Column("send_failures", "int64", "", "messages that were never acknowledged; of the whole run"),
    Column("latency_p50_s", "float64", "s", "median of those deliveries, from when the message was meant to be sent"),
    Column("latency_p99_s", "float64", "s", "99th percentile of the same"),
    Column("timeouts", "int64", "", "answers that came too late and were replaced by a 504, by the host's count"),
    Column("cut_streams", "int64", "", "answers that were cut while they went on"),
    Column("cut_sockets", "int64", "", "WebSockets that were cut"),
    Column("upgrades_ignored", "int64", "", "WebSockets that the host knew nothing of"),
    Column("throttled", "int64", "", "turned away with a 429 for want of an instance"),
    Column("failures", "int64", "", "invocations whose instance did not start, or ended under them"),
    Column("cold_starts", "int64", "", "instances that were started in the window"),
    Column("cold_starts_before", "int64", "", "those that were started before it, while people joined"),
    Column("cold_start_min_s", "float64", "s", "the quickest start of an instance, of the whole run; nan without any"),
    Column("cold_start_p50_s", "float64", "s", "median of the same"),
    Column("cold_start_max_s", "float64", "s", "the slowest"),
    Column("invocations", "int64", "", "calls that reached an instance"),
    Column("invocation_s", "float64", "s", "how long they lasted, added up"),
    Column(
        "instance_busy_s", "float64", "s", "how long instances had at least one, added up: what memory is billed for"
    ),
    Column("instance_alive_s", "float64", "s", "how long there were instances, added up, frozen ones too"),
    Column("held_gb_s", "float64", "GB s", "instance_busy_s times the memory of an instance"),
    Column("cpu_s", "float64", "s", "CPU time of all instances, starting included"),
    Column("boot_cpu_s", "float64", "s", "what of it starting took"),
    Column("reconnects", "int64", "", "lines, or questions, that users saw break in the window, opened again"),
    Column("gap_p50_s", "float64", "s", "of those: from the break until the user was back, median; 0 without any"),
    Column("gap_max_s", "float64", "s", "the longest"),
    Column("seen_offline", "int64", "", "notices that a user had gone, though none had; of the whole run"),
    Column(
        "answered_p50_s", "float64", "s", "median of a poll, command or heartbeat, of the whole run; nan without any"
    ),
    Column(
        "heartbeat_lag_p99_s", "float64", "s", "how late the generator's own 10 ms ticks were; nan without a window"
    ),
    Column("takes", "int64", "", "how often it was measured until the generator did not lag; the last counts"),
)
"""Table `hosted`: one load on every transport and host. Counts are of the window, unless another span is named.

The host counts a cut when it cuts, the users when they notice, milliseconds later. So do not compare the two sides'
counts of one row exactly: a cut at an end of the window may be in one of them only.
"""

LIVES = (
    *HOSTED_KEY,
    Column("what", "str", "", "opening, line, question, command, upkeep or message"),
    Column("begun_s", "float64", "s", "since the first user's first attempt to open; of a message: when it was meant"),
    Column("ended_s", "float64", "s", "when it was over; of a message: when the first user had it"),
    Column("went_well", "bool", "", "false: refused, late or cut; of a line: it did not last to the end"),
)
"""Table `lives`: what the first user of each went through. A line is what stays open; polling has questions instead."""
