"""The child processes of a measurement: each on a core of its own, with a file for its standard error.

Teaches where a failure belongs: a child that ends, or prints nothing in time, voids the measurement and says why.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from loadtests.harness.cores import Affinity, pinned
from servers.deploy.child_process import ChildFailed, ChildProcess


class NotMeasured(RuntimeError):
    """A transport could not be measured: a child ended, or printed nothing in time."""


class Overloaded(NotMeasured):
    """A server had so much to do that it could not even be read: under a growing load, that is its limit."""


@contextmanager
def running(
    command: Sequence[str], cores: Affinity, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[ChildProcess]:
    """Run a command on these cores until the block ends. environment: added to ours.

    Raises NotMeasured if a child fails within the block.
    """
    with pinned(cores):
        child = ChildProcess(command, environment, log)
    with child:
        try:
            yield child
        except ChildFailed as error:
            raise NotMeasured(str(error)) from error
