"""Count the shortest chats: `python -m servers.shortest.compare results/reference` writes code_comparison.json there.

Lines of code are counted by pygount, without comments, documentation and lines that are blank or brackets only.
Moving parts are counted in the running programs, by the operating system: who listens, and which lines are kept, when
one person has come and when that person has spoken. Of the JavaScript stands what its client tells when node runs it.
Leaves out what lines do not show: what it costs.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from servers.shortest.in_node import told
from servers.shortest.running import moving_parts
from servers.shortest.written import written

FOLDER = Path(__file__).parent
FILE = "code_comparison.json"


@dataclass(frozen=True, slots=True)
class Example:
    """files: from this folder. loaded: packages that a page loads beside them. chat: its module, if it is a whole chat.

    needs_push_service: whether the chat does. pairs: of a server and a client to run in node.
    """

    files: tuple[str, ...]
    loaded: tuple[str, ...] = ()
    chat: str = ""
    needs_push_service: bool = False
    pairs: tuple[tuple[str, str], ...] = ()


SERVER, CLIENT = (
    {which: f"websocket_{end}_{which}.mjs" for which in ("as_written", "corrected")} for end in ("server", "client")
)
EXAMPLES: Mapping[str, Example] = {
    "WebSocket in JavaScript, as written": Example(
        (f"javascript/{SERVER['as_written']}", f"javascript/{CLIENT['as_written']}"),
        pairs=((SERVER["as_written"], CLIENT["as_written"]), (SERVER["as_written"], CLIENT["corrected"])),
    ),
    "WebSocket in JavaScript, corrected": Example(
        (f"javascript/{SERVER['corrected']}", f"javascript/{CLIENT['corrected']}"),
        pairs=((SERVER["corrected"], CLIENT["corrected"]),),
    ),
    "Pusher in JavaScript, without an API": Example(
        ("javascript/pusher_publish.mjs", "javascript/pusher_client.mjs"), loaded=("pusher-js",)
    ),
    "WebSocket chat in Python": Example(("raw_websocket_chat.py",), chat="servers.shortest.raw_websocket_chat"),
    "Pusher chat in Python": Example(("pusher_chat.py",), chat="servers.shortest.pusher_chat", needs_push_service=True),
}


def compare() -> dict[str, dict[str, object]]:
    """Count all examples, and run the whole chats and the pairs."""
    return {name: _counted(example) for name, example in EXAMPLES.items()}


def _counted(example: Example) -> dict[str, object]:
    found = written([FOLDER / file for file in example.files], example.loaded)
    if example.pairs:
        return asdict(found) | {"in_node": [_told(*pair) for pair in example.pairs]}
    if not example.chat:
        return asdict(found)
    return asdict(found) | asdict(moving_parts(example.chat, needs_push_service=example.needs_push_service))


def _told(server: str, client: str) -> dict[str, object]:
    return {"server": server, "client": client, "told": told(server, client)}


def encoded(found: Mapping[str, object]) -> str:
    """Return what the file holds."""
    return json.dumps(found, indent=2) + "\n"


if __name__ == "__main__":
    match sys.argv[1:]:
        case [folder]:
            path = Path(folder) / FILE
            path.write_text(encoded(compare()), encoding="utf-8")
            print(path)
        case _:
            sys.exit("expected: the folder to write to, such as results/reference")
