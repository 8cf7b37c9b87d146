"""Another server in our servers' place: its message ids, what it does not count, and one real run, short."""

import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.inbox import Inbox
from loadtests.compare import FAILED
from loadtests.harness.children import NotMeasured
from loadtests.harness.cores import Cores
from loadtests.harness.server_probe import Probe, Server
from loadtests.plan.workload import Workload
from loadtests.reports import report
from loadtests.targets.nchan import server as nchan
from loadtests.targets.nchan.nchan_session import START, empty_page, of_headers, page_of_frame, to_message_id, to_seq
from loadtests.targets.other_server import OtherServer
from servers.core.wire import Kind, Send, encode
from servers.transports import TRANSPORTS
from tests.support.loadtest_run import compared, run_loadtests

SECONDS = st.integers(1, 4_000_000_000)
PLACES = st.integers(0, 1_000_000)


@given(st.lists(st.tuples(SECONDS, PLACES), min_size=2, max_size=2))
def test_sequence_numbers_stand_in_the_order_of_message_ids(ids: list[tuple[int, int]]) -> None:
    one, other = (to_seq(f"{second}:{place}") for second, place in ids)
    assert (one < other) == (ids[0] < ids[1])
    assert [to_message_id(one), to_message_id(other)] == [f"{second}:{place}" for second, place in ids]


def test_a_frame_is_an_event_of_its_publisher_and_what_came_before_the_join_is_dropped() -> None:
    message_id = of_headers("Sun, 22 Nov 2026 23:33:16 GMT", "3")
    assert message_id == "1795390396:3"
    body, inbox = encode(Send(client_id="7-0", text="12.5 hello")), Inbox(empty_page(START).cursor)
    page = page_of_frame("room-1", START, b"id: 1795390396:3\ncontent-type: application/json\n\n" + body)
    (event,) = inbox.feed(page)
    assert (event.seq, event.kind, event.sender) == (to_seq(message_id), Kind.MESSAGE, "7")
    assert (event.body, event.client_id) == ("12.5 hello", "7-0")
    assert inbox.feed(page_of_frame("room-1", START, b"id: 1795390396:2\n\n" + body)) == []


def test_what_a_server_does_not_count_is_not_a_number_and_shown_as_a_dash() -> None:
    silent = Probe(Server("http://127.0.0.1:1", "", {}, {}), os.getpid())
    spent = silent.difference(silent.read(), silent.read())
    assert all(math.isnan(spent[name]) for name in ("requests_receive", "server_up_bytes", "api_cpu_s"))
    assert spent["generator_cpu_s"] >= 0
    assert report._formatted(math.nan, ",.0f") == "-"


def test_the_name_of_a_target_is_in_every_label() -> None:
    labels = [row.label for row in OtherServer("nchan").transports]
    assert labels == ["Short polling (nchan)", "Long polling (nchan)", "Raw WebSocket (nchan)"]


@pytest.mark.parametrize(
    ("against", "reason"),
    [
        ("", "not installed.*apt-get install nginx libnginx-mod-nchan"),
        ("http://127.0.0.1:1", r"does not answer(.|\n)*nginx -p"),
    ],
)
def test_what_is_missing_is_named_with_what_installs_or_starts_it(
    against: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nchan, "MODULE", tmp_path / "absent.so")
    target = OtherServer("nchan", against).serving(TRANSPORTS[0], Workload(), Cores(None, None), tmp_path, lambda: None)
    with pytest.raises(NotMeasured, match=reason), target:
        pass


@pytest.mark.xdist_group("measuring")
@pytest.mark.process
def test_another_server_delivers_everything_to_the_same_users(tmp_path: Path) -> None:
    """Where nginx cannot be had, the run fails with the reason; `.ci/setup` installs it on Debian as root."""
    options = "--target nchan --users 8 --room-size 4 --rate 1 --seconds 4 --poll 0.5 --transport short_polling"
    if not nchan.MODULE.exists():
        done = run_loadtests(tmp_path, f"compare {options}")
        assert (done.returncode, "apt-get install nginx" in done.stdout) == (FAILED, True)
        return
    run = compared(tmp_path, options)
    (cell,), (settings,) = run.cells, run.manifest["settings"].values()
    assert min(float(cell["requests_receive"]), float(cell["api_rss_bytes"])) > 0
    assert cell["server_up_bytes"] == "nan"
    assert run.manifest["target"] == settings["target"] == "nchan"
    assert settings["server"].startswith("nginx")
