"""An event stream through a real nginx: nothing on the way may keep its events, whoever forbids it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from servers.deploy.child_process import ChildProcess
from servers.transports import find
from tests.support.chat_harness import DEADLINE_S, serving
from tests.support.guest import Guest, guest
from tests.support.nginx import visited

pytestmark = pytest.mark.process
PATIENCE_S = 1.0
UNREAD = 600  # events of 24 KB each: more than the sockets in between take
GZIP_OFF, BUFFERING_OFF = "gzip off;", "proxy_buffering off;"
GZIP_ON = "gzip on; gzip_types text/event-stream; gzip_proxied any; gzip_min_length 0; "
IGNORES_HEADER = "proxy_ignore_headers X-Accel-Buffering;"


@pytest.fixture(scope="module")
def server() -> Iterator[ChildProcess]:
    with serving(find("server_sent_events"), "--ping", "20") as running:
        yield running


def received_at_once(ada: Guest, patience_s: float) -> bool:
    """Return whether the next event of a stream arrives before the stream ends."""
    ada.http.timeout = httpx.Timeout(patience_s)
    try:
        with closing(ada.http.send(ada.events, stream=True)) as stream:
            lines = stream.iter_lines()
            next(lines)
            ada.send("1").raise_for_status()
            return any("hello" in line for line in lines)
    except httpx.ReadTimeout:
        return False


def test_events_wait_in_a_compressor_unless_one_side_forbids_buffering(server: ChildProcess) -> None:
    """A buffer alone holds no small event up (nginx 1.22): it passes on what it has when there is no more to read."""
    settings = {
        "both": {GZIP_OFF: GZIP_ON},
        "the site": {GZIP_OFF: GZIP_ON + IGNORES_HEADER},
        "the server": {GZIP_OFF: GZIP_ON, BUFFERING_OFF: ""},
        "neither": {GZIP_OFF: GZIP_ON + IGNORES_HEADER, BUFFERING_OFF: ""},
        "neither, and nothing is compressed": {GZIP_OFF: IGNORES_HEADER, BUFFERING_OFF: ""},
    }
    received = {}
    for name, instead in settings.items():
        with visited(server, instead) as ada:
            received[name] = received_at_once(ada, PATIENCE_S if name == "neither" else DEADLINE_S)
    assert received == {name: name != "neither" for name in settings}


def test_nginx_reads_ahead_of_a_lagging_reader_only_if_it_buffers(server: ChildProcess) -> None:
    """The server must see that a client lags: then it leaves it behind, and keeps nothing for it."""

    def read_ahead(instead: dict[str, str]) -> bool:
        with TemporaryDirectory(prefix="nginx-log-") as name:
            folder = Path(name)
            folder.chmod(0o777)  # nginx runs as somebody else
            logged = {GZIP_OFF: f"error_log {folder}/error.log warn; {instead.get(GZIP_OFF, '')}"}
            with (
                visited(server, {**instead, **logged}) as ada,
                closing(ada.http.send(ada.events, stream=True)),
                guest(str(ada.http.base_url), ada.room) as bob,
            ):
                for n in range(UNREAD):
                    bob.send(f"{n}", text="\x01" * 4096).raise_for_status()
                    if "upstream response is buffered to a temporary file" in (folder / "error.log").read_text():
                        return True
        return False

    assert read_ahead({GZIP_OFF: IGNORES_HEADER, BUFFERING_OFF: ""})
    assert not read_ahead({GZIP_OFF: IGNORES_HEADER})
