"""Count the shortest chats: `python -m servers.shortest.compare results/reference` writes code_comparison.json there.

Lines of code are counted by pygount, without comments, documentation and lines that are blank or brackets only.
Moving parts are counted in the running programs, by the operating system: who listens, and which lines are kept, when
one person has come and when that person has spoken. Leaves out what lines do not show: what breaks, what it costs.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from servers.shortest.running import moving_parts
from servers.shortest.written import written

FOLDER = Path(__file__).parent
FILE = "code_comparison.json"


@dataclass(frozen=True, slots=True)
class Example:
    """files: from this folder. loaded: packages that a page loads beside them. chat: its module, if it is a whole chat.

    needs_push_service: whether the chat does.
    """

    files: tuple[str, ...]
    loaded: tuple[str, ...] = ()
    chat: str = ""
    needs_push_service: bool = False


EXAMPLES: Mapping[str, Example] = {
    "WebSocket in JavaScript, as written": Example(
        ("javascript/websocket_server_as_written.mjs", "javascript/websocket_client_as_written.mjs")
    ),
    "WebSocket in JavaScript, corrected": Example(
        ("javascript/websocket_server_corrected.mjs", "javascript/websocket_client_corrected.mjs")
    ),
    "Pusher in JavaScript, without an API": Example(
        ("javascript/pusher_publish.mjs", "javascript/pusher_client.mjs"), loaded=("pusher-js",)
    ),
    "WebSocket chat in Python": Example(("raw_websocket_chat.py",), chat="servers.shortest.raw_websocket_chat"),
    "Pusher chat in Python": Example(("pusher_chat.py",), chat="servers.shortest.pusher_chat", needs_push_service=True),
}


def compare() -> dict[str, dict[str, object]]:
    """Count all examples, and run the whole chats."""
    return {name: _counted(example) for name, example in EXAMPLES.items()}


def _counted(example: Example) -> dict[str, object]:
    found = written([FOLDER / file for file in example.files], example.loaded)
    if not example.chat:
        return asdict(found)
    return asdict(found) | asdict(moving_parts(example.chat, needs_push_service=example.needs_push_service))


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
