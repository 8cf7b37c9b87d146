"""Count the modules that a command runs, in all of its processes: put this folder on PYTHONPATH.

    export MODULES=/tmp/modules
    PYTHONPATH=.ci/trace .venv/bin/python -m loadtests compare --transport raw_websocket --seconds 4
    sort -u /tmp/modules.imported | wc -l
    sort -u /tmp/modules.called | wc -l

Python imports a module of this name when it starts. At its end each process adds the names of our modules to two files:
those that it has imported, and those of which it has called a function.
"""

import atexit
import os
import sys
import threading
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import FrameType

ROOT = Path.cwd()
FOLDERS = {"servers", "clients", "loadtests", "notebooks", "results"}
called: set[str] = set()


def note_call(frame: FrameType, event: str, _: object) -> None:
    """Note the file of a function that is called; the bodies of modules and classes run at import and do not count."""
    code = frame.f_code
    if event == "call" and code.co_flags & CO_OPTIMIZED and not code.co_name.startswith("<"):
        called.add(code.co_filename)


def ours(files: "set[str]") -> "set[str]":
    """Return which of these files are ours, relative to the root."""
    paths = {Path(name) for name in files}
    own = {path.relative_to(ROOT) for path in paths if path.is_relative_to(ROOT)}
    return {str(path) for path in own if path.parts[0] in FOLDERS and path.name != "__init__.py"}


def write() -> None:
    sys.setprofile(None)
    imported = {str(getattr(module, "__file__", "")) for module in list(sys.modules.values())}
    for name, files in (("imported", imported), ("called", called)):
        with Path(f"{os.environ['MODULES']}.{name}").open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in sorted(ours(set(files))))


if "MODULES" in os.environ:
    atexit.register(write)
    threading.setprofile(note_call)
    sys.setprofile(note_call)
