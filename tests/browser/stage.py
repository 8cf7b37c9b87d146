"""The demo, started for a test or for a picture."""

from collections.abc import Iterator
from contextlib import contextmanager

from servers.deploy.processes import started


@contextmanager
def running_demo() -> Iterator[str]:
    """Run the demo until the block ends; yields the address of its page."""
    with started(["servers.demo", "--port", "0"]) as demo:
        yield demo.address
