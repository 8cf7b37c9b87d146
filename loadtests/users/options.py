"""The command-line options of a Locust file and, of these, the fields of the form in Locust's web interface.

Teaches that Locust makes a form's labels from the options' names: `bunch_s` becomes "Bunch S". So an option is stored
under its label, and its flag stays as it is. What only a parent process sets is not in the form.
"""

from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from loadtests.accounts.wire_bytes import SLACK_S
from loadtests.plan.hosts import address_problem
from loadtests.plan.workload import LINKS, OPTIONS, PLAIN, Workload

FIELDS = tuple(field for field in fields(Workload) if field.name in OPTIONS and field.name != "users")
SET_BY_PARENT = {"restart_at_s"}  # the server is restarted by the process that measures, not by the users


def add_options(parser: LocustArgumentParser) -> None:
    """Add the fields of a workload, and what a parent process sets."""
    for field in FIELDS:
        option = OPTIONS[field.name]
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            dest=option["label"],
            metavar="<number>",
            type=type(field.default),
            default=field.default,
            help=option["meaning"],
            include_in_web_ui=field.name not in SET_BY_PARENT,
        )
    meaning = "The link to the server: plain, or over TLS tls (HTTP/1.1) or h2 (HTTP/2), whose host begins with https."
    parser.add_argument("--link", choices=LINKS, default=PLAIN, help=meaning)
    for_parent = partial(parser.add_argument, include_in_web_ui=False)
    for_parent(
        "--wire-slack",
        type=float,
        default=SLACK_S,
        help="Seconds: how far apart users and servers may read their byte counters at the window's ends.",
    )
    for_parent("--generators", type=int, default=1, help="How many processes have users; a master sends it to workers.")
    for_parent("--record", default="", help="File for the raw samples; none by default.")
    for_parent("--json-phases", action="store_true", help="Print a JSON line for each phase, and nothing for a person.")


def workload_of(options: Mapping[str, Any]) -> Workload:
    """Return the workload that Locust's parsed options describe."""
    return Workload(link=options["link"], **{field.name: options[OPTIONS[field.name]["label"]] for field in FIELDS})


def locust_file_of(environment: Environment) -> Path:
    """Return the file whose users run."""
    return Path((environment.parsed_locustfiles or [environment.locustfile or ""])[0])


def start_problem(environment: Environment, host: str | None, options: Mapping[str, Any]) -> str:
    """Return why a test cannot be started with these, and what to do; empty if it can."""
    return address_problem(host, locust_file_of(environment)) or workload_of(options).problem
