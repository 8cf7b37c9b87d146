"""Provide an empty database: `python -m servers.deploy.empty_database redis --attached`.

Prints one JSON line when the database is ready. With an engine's name, the engine is started in a temporary folder, on
a free port. With a URL, a running engine is used: in PostgreSQL a further database is created, and dropped at the end;
in Redis the named database must be empty, and is emptied at the end.
"""

import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from servers.addresses import without_passwords
from servers.deploy.engines import ENGINES, NEEDED, NotStarted, engine_of, program
from servers.standard_streams import STDIN, print_ready, replace_unencodable


@contextmanager
def engine_folder() -> Iterator[Path]:
    """Make a temporary folder, and yield the path in it where an engine that does not run as root may keep its data."""
    with tempfile.TemporaryDirectory(prefix="engine-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder / "data"


@contextmanager
def empty_database(engine: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the URL of an empty database that lasts until the block ends, and facts about its engine.

    engine: a name or a URL. Raises ValueError if it is neither, or not empty, and NotStarted.
    """
    if engine in ENGINES:
        with engine_folder() as folder, ENGINES[engine](folder) as running:
            yield running.fresh_url(), {"pids": {"store": running.pid}, "engine": version_of(engine)}
        return
    database_of = {"redis": _redis_database, "postgresql": _postgres_database}.get(engine_of(engine))
    if database_of is None:
        expected = f"{' or '.join(ENGINES)}, or the URL of one that runs"
        raise ValueError(f"expected {expected}; got {without_passwords(engine)!r}")
    with database_of(engine) as url:
        yield url, {"pids": {}, "engine": ""}


def version_of(engine: str) -> str:
    """Return name and version of the engine that would be started."""
    output = _run(NEEDED[engine][0], "--version")
    version = re.search(r"\d+(\.\d+)+", output)
    return f"{engine} {version.group() if version else output}"


@contextmanager
def _redis_database(url: str) -> Iterator[str]:
    """Use the database of a Redis that a URL names, and empty it at the end."""
    if held := int(_run("redis-cli", "-u", url, "dbsize").split()[-1]):
        raise ValueError(f"database {urlsplit(url).path or '/0'} of this Redis holds {held} keys: name an empty one")
    try:
        yield url
    finally:
        _run("redis-cli", "-u", url, "flushdb")


@contextmanager
def _postgres_database(url: str) -> Iterator[str]:
    """Create a further database in the PostgreSQL that a URL names, and drop it at the end."""
    name = f"chat_{secrets.token_hex(4)}"
    _run("createdb", f"--maintenance-db={url}", name)
    try:
        yield urlsplit(url)._replace(path=f"/{name}").geturl()
    finally:
        _run("dropdb", "--force", f"--maintenance-db={url}", name)


def _run(name: str, *arguments: str) -> str:
    """Return the output of a program; raises NotStarted if it fails."""
    result = subprocess.run([program(name) or name, *arguments], check=False, capture_output=True, text=True, cwd="/")
    if result.returncode or result.stdout.startswith("ERR"):
        raise NotStarted(f"{name}: {without_passwords(result.stderr or result.stdout).strip()}")
    return result.stdout


def main(
    engine: Annotated[str, typer.Argument(help=f"{' or '.join(ENGINES)}, or the URL of one that runs.")],
    attached: Annotated[bool, typer.Option(help="Stop when standard input closes (for a parent process).")] = False,
) -> None:
    """Provide an empty database until a signal, or the end of standard input."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        with empty_database(engine) as (url, facts):
            print_ready(url, facts)
            while attached and os.read(STDIN, 4096):
                pass
            if not attached:
                signal.pause()
    except (ValueError, NotStarted, FileNotFoundError) as error:
        raise typer.BadParameter(str(error)) from error


if __name__ == "__main__":
    replace_unencodable()
    typer.run(main)
