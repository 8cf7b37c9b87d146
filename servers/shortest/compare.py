"""Count the shortest chats: `python -m servers.shortest.compare results/reference` writes code_comparison.json there.

pygount counts the lines of code. The operating system counts the moving parts of the running chats: server processes,
ports they listen on, and open connections. Each pair of JavaScript server and client is run in node, and its result
recorded; Pusher's with the local push service. Leaves out the price, which lines of code do not show.
"""

import json
import os
import re
import secrets
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil

from servers.deploy.child_process import ChildProcess, python_module, started
from servers.shortest.processes import JAVASCRIPT, line_of, node, running

os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # else pygount, which can read from git, needs git to start
from pygount import SourceAnalysis

FOLDER = Path(__file__).parent
FILE = "code_comparison.json"
CREDENTIALS = re.compile(r"PUSHER_(?:APP_ID|KEY|SECRET)\b")
IMPORTED = {
    ".py": re.compile(r"^(?:from|import) (\w+)[\w.]*(?: import .+)?$", re.MULTILINE),
    ".mjs": re.compile(r'from "([^."][^"]*)"'),
}
SERVER_AS_WRITTEN = "websocket_server_as_written.mjs"
SERVER_CORRECTED = "websocket_server_corrected.mjs"
CLIENT_AS_WRITTEN = "websocket_client_as_written.mjs"
CLIENT_CORRECTED = "websocket_client_corrected.mjs"
PUBLISHER = "pusher_publish.mjs"
SUBSCRIBER = "pusher_client.mjs"

Counts = dict[str, Any]


def compare() -> dict[str, Counts]:
    """Count every example; run the chats and the pairs of JavaScript. Waits."""
    as_written = [result_of(SERVER_AS_WRITTEN, client) for client in (CLIENT_AS_WRITTEN, CLIENT_CORRECTED)]
    corrected = [result_of(SERVER_CORRECTED, CLIENT_CORRECTED)]
    return {
        "WebSocket in JavaScript, as written": count(JAVASCRIPT, SERVER_AS_WRITTEN, CLIENT_AS_WRITTEN)
        | {"in_node": as_written},
        "WebSocket in JavaScript, corrected": count(JAVASCRIPT, SERVER_CORRECTED, CLIENT_CORRECTED)
        | {"in_node": corrected},
        "Pusher in JavaScript, without an API": count(JAVASCRIPT, PUBLISHER, SUBSCRIBER, loaded=["pusher-js"])
        | {"in_node": [pusher_result()]},
        "WebSocket chat in Python": count(FOLDER, "raw_websocket_chat.py") | moving_parts("raw_websocket_chat"),
        "Pusher chat in Python": count(FOLDER, "pusher_chat.py") | moving_parts("pusher_chat", push_service=True),
    }


def count(folder: Path, *files: str, loaded: Sequence[str] = ()) -> Counts:
    """Count lines of code, installed packages and credentials. loaded: packages that are used but not imported."""
    texts = {path: path.read_text(encoding="utf-8") for path in map(folder.joinpath, files)}
    imported = {package for path, text in texts.items() for package in IMPORTED[path.suffix].findall(text)}
    return {
        "lines": sum(SourceAnalysis.from_file(str(path), "shortest", encoding="utf-8").code_count for path in texts),
        "packages": sorted((imported | set(loaded)) - sys.stdlib_module_names),
        "credentials": sorted({name for text in texts.values() for name in CREDENTIALS.findall(text)}),
    }


def result_of(server: str, client: str) -> Counts:
    """Run a server and a client in node; return both, and what the client received or threw. Raises ChildFailed."""
    with running(node(server)) as listening:
        command = node("run_websocket_client.mjs", f"./{client}", line_of(listening))
        with running(command) as process:
            return {"server": server, "client": client, "result": json.loads(line_of(process))}


def pusher_result() -> Counts:
    """Publish once a client of pusher-js is subscribed; return both, and what it received. Raises ChildFailed."""
    with ExitStack() as stack:
        env, _ = _push_service(stack)
        listening = stack.enter_context(running(node("run_pusher_client.mjs"), env))
        while "ready" not in json.loads(line_of(listening)):
            pass
        stack.enter_context(running(node(PUBLISHER, "Hello!"), env))
        return {"server": PUBLISHER, "client": SUBSCRIBER, "result": json.loads(line_of(listening))}


def moving_parts(chat: str, *, push_service: bool = False) -> Counts:
    """Run a chat, let one person join and send a message, and count; waits for both."""
    module = f"servers.shortest.{chat}"
    with ExitStack() as stack:
        env, servers = _push_service(stack) if push_service else ({}, [])
        server = stack.enter_context(running(python_module(module, "serve", "0"), env))
        servers.append(server)
        person = stack.enter_context(running(python_module(module, "talk", line_of(server)), env))
        line_of(person)
        while_listening = _sockets(person, psutil.CONN_ESTABLISHED)
        person.write_line("Hello!")
        line_of(person)
        return {
            "processes": len(servers),
            "endpoints": sum(_sockets(process, psutil.CONN_LISTEN) for process in servers),
            "listener_connections": while_listening,
            "sender_connections": _sockets(person, psutil.CONN_ESTABLISHED),
        }


def _push_service(stack: ExitStack) -> tuple[Mapping[str, str], list[ChildProcess]]:
    """Start the local push service; return the settings of its clients, and its process."""
    env = {"PUSHER_APP_ID": "1", "PUSHER_KEY": secrets.token_hex(8), "PUSHER_SECRET": secrets.token_hex(16)}
    service = stack.enter_context(started(["servers.pusher_service", "--port", "0"], env))
    host, _, port = service.address.removeprefix("http://").partition(":")
    return {**env, "PUSHER_HOST": host, "PUSHER_PORT": port}, [service]


def _sockets(process: ChildProcess, status: str) -> int:
    """Return how many TCP sockets of a process are in that state."""
    return [each.status for each in psutil.Process(process.pid).net_connections("tcp")].count(status)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [folder]:
            path = Path(folder) / FILE
            path.write_text(json.dumps(compare(), indent=2) + "\n", encoding="utf-8")
            print(path)
        case _:
            sys.exit("expected: the folder to write to, such as results/reference")
