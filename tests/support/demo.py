"""The demo, started for a test or for a picture."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.deploy.child_process import started


@contextmanager
def running_demo(web: Path | None = None) -> Iterator[str]:
    """Run the demo until the block ends; yields the address of its page. web: in place of clients/web."""
    with started(["servers.demo", "--port", "0", *(["--web", str(web)] if web else [])]) as demo:
        yield demo.address
