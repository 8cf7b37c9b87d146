"""The browser's client behaves as the client in Python: its inbox, ids and pauses; every command has a time limit."""

import json
import subprocess
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from clients.backoff import Backoff
from clients.client_ids import latency_ms, new_client_id
from clients.inbox import Inbox
from servers.core.wire import Cursor, Page, Refusal
from tests.clients.test_backoff import scripted
from tests.clients.test_inbox import page
from tests.support.deadline import DEADLINE_S

pytestmark = pytest.mark.process

SCRIPTS = Path(__file__).parent / "twins"


def run_script(name: str, *arguments: str, stdin: str = "") -> str:
    command = ["node", str(SCRIPTS / name), *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=True, timeout=DEADLINE_S)
    return done.stdout.strip()


EPOCHS = st.sampled_from(["e1", "e1", "e1", "e2"])
PAGES = st.builds(
    lambda after, more, epoch: page(after, after + more, epoch), st.integers(0, 12), st.integers(0, 4), EPOCHS
)
RECEIVED = st.tuples(st.integers(0, 5), st.lists(PAGES, max_size=8))


@settings(max_examples=10, phases=[Phase.generate])  # each starts a process: simplifying one would start hundreds
@given(st.lists(RECEIVED, min_size=20, max_size=40))
def test_both_inboxes_return_the_same_events_in_order(drawn: list[tuple[int, list[Page]]]) -> None:
    requests, expected = [], []
    for start, pages in drawn:
        inbox = Inbox(Cursor("e1", start))
        requests.append(msgspec.json.encode({"cursor": inbox.cursor, "pages": pages}).decode())
        out = [[event.seq for event in inbox.feed(page)] for page in pages]
        found = {"out": out, "cursor": inbox.cursor, "behind": inbox.behind, "lostLog": inbox.lost_log}
        expected.append(msgspec.to_builtins(found))
    answers = run_script("inbox.mjs", stdin="\n".join(requests)).splitlines()
    assert [json.loads(answer) for answer in answers] == expected


def test_each_client_reads_the_time_in_an_id_that_the_other_made() -> None:
    ours = new_client_id()
    assert ours.partition("-")[2] != new_client_id().partition("-")[2]
    theirs, read_ms = run_script("client_ids.mjs", ours).split()
    assert float(read_ms) == float(ours.partition("-")[0])
    latency = latency_ms(theirs, time.time_ns() / 1e6)
    assert latency is not None and latency < 60_000


def test_the_browser_pauses_as_long_as_the_clients_in_python() -> None:
    shares = [1, 0.5, 0.25, 0, 1, 1, 1, 1]
    backoff = Backoff(random=scripted(*shares))
    pauses_ms = [float(pause_ms) for pause_ms in run_script("backoff.mjs", *map(str, shares)).split()]
    assert pauses_ms == pytest.approx([1000 * backoff.next_s() for _ in shares])


def test_the_demos_page_limits_its_commands_and_connects_again_after_silence() -> None:
    found = json.loads(run_script("demo.mjs"))
    assert found == {"isLimited": True, "silenceMs": 10_000, "opened": 2, "closed": 1}


def test_the_demo_compares_the_lanes_that_have_shown_a_message() -> None:
    slow, silent, quick = ({"name": name, "latencies": ms} for name, ms in [("A", [700, 900]), ("B", []), ("C", [40])])
    compared = run_script("figures.mjs", json.dumps([silent, quick, slow]))
    assert compared == "A shows a message after 800 ms (median), the others after 40 ms."
    assert run_script("figures.mjs", json.dumps([silent, quick])) == ""


def test_reopening_a_connection_fails_its_command_and_too_many_unread_pages_close_it() -> None:
    assert run_script("raw_websocket.mjs").splitlines() == ["ConnectionLost", "356 closed with 1000"]


def test_the_browser_reads_a_line_separator_from_an_event_stream_as_part_of_the_text() -> None:
    text = "one\u2028two\u2029three"
    assert json.loads(run_script("server_sent_events.mjs", text)) == text


def test_a_message_that_a_new_log_still_has_is_delivered_once_in_the_browser_and_no_lost_notice_is_repeated() -> None:
    assert run_script("session.mjs") == "a,b a,b no more pages lost"


def test_the_tours_result_stays_closed_and_a_pause_ends_at_once_if_its_signal_is_aborted() -> None:
    assert json.loads(run_script("summary.mjs")) == {"hidden": [False, False, True, True, False], "first": "aborted"}


def test_no_page_waits_for_a_heartbeat_in_the_browser_or_comes_after_its_head_and_reconnecting_asks_anew() -> None:
    before_response, after_response, are_given_up = json.loads(run_script("pusher_adapter.mjs"))
    assert before_response == {"page": 1, "heartbeats": 1}
    assert after_response == {"pages": [2, 3], "reads": 0}
    assert are_given_up == [True, False], "to ask where the push service is: the first attempt, but not the second"


@pytest.mark.parametrize("at_ms", [1_000_000_000, 1_003_600_000, 996_400_000])
@pytest.mark.parametrize("reader_ms", [0, 1_000_000_000])
def test_a_browser_counts_a_typing_notice_from_its_arrival_and_forgets_visitors(at_ms: int, reader_ms: int) -> None:
    found = json.loads(run_script("room_view.mjs", str(at_ms), str(reader_ms)))
    assert found == {"typing": [1, 0], "members": 1000, "receipts": 999}


@pytest.mark.parametrize(
    ("header", "header_ms"), [("7", 7000), ("Fri, 31 Dec 1999 23:59:59 GMT", 0), ("9" * 400, 60_000)]
)
def test_a_browser_tries_again_no_sooner_than_the_server_says(header: str, header_ms: int) -> None:
    refusal = msgspec.json.encode(Refusal("too_many", "500 commands a second", retry_after_s=1.5)).decode()
    found = json.loads(run_script("retry_after.mjs", refusal, header))
    assert found == {"afterMs": [1500, 1500, header_ms], "final": {body: [400, 404] for body in "<{n"}}


def test_a_browser_quotes_the_name_of_a_room_in_a_path() -> None:
    assert run_script("events_path.mjs", "a/b?c#d").startswith("/rooms/a%2Fb%3Fc%23d/events?after=e.1&")
