"""Locust without the settings of the person who runs it: `python -m loadtests.users.plain_locust`, with its options.

Teaches that a measurement must not depend on who starts it: Locust also reads variables (LOCUST_RUN_TIME, LOCUST_TAGS)
and files (`~/.locust.conf`, `locust.conf`), which could end a test early. With `--attached` this process ends, as our
servers do, when its standard input closes; processes that it has forked always end with it. Importing Locust takes
longer than starting a server: with `--prepared` this process imports Locust first, and then reads a line from its
standard input with the server's address, further options and variables.
"""

import json
import os
import signal
import sys
from _thread import start_new_thread  # this and `sleep` as they are before Locust replaces them by greenlets
from functools import partial
from time import sleep

STDIN = 0
STOP_S = 10.0


def main() -> None:
    """Run Locust by its command line alone."""
    attached = "--attached" in sys.argv
    prepared = "--prepared" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument not in ("--attached", "--prepared")]
    reader, writer = os.pipe()  # only this process can write to the pipe, so the pipe closes when the process ends
    os.register_at_fork(after_in_child=partial(os.close, writer))
    os.register_at_fork(after_in_child=partial(start_new_thread, end_at_eof, (reader,)))
    for name in [name for name in os.environ if name.startswith("LOCUST_")]:
        del os.environ[name]
    from locust import argument_parser  # it reads some variables as soon as it is imported
    from locust.main import main as run

    argument_parser.get_empty_argument_parser.__defaults__ = (True, ())  # no configuration files
    argument_parser.get_parser.__defaults__ = ((),)
    if prepared or "--help" in sys.argv:  # which Locust prints before it imports a file with options of its own
        import loadtests.chat_user  # noqa: F401
    if prepared:
        later = json.loads(sys.stdin.readline() or sys.exit(1))
        sys.argv += later["arguments"]
        os.environ |= later["environment"]
    if attached:
        start_new_thread(end_at_eof, (STDIN,))
    run()


def end_at_eof(descriptor: int) -> None:
    """End this process when a pipe closes, after STOP_S at the latest. Blocks."""
    while os.read(descriptor, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    sleep(STOP_S)
    os._exit(1)


if __name__ == "__main__":
    main()
