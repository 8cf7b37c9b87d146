"""What Locust's web interface shows beyond its own: a tab for the deliveries, and why a test cannot be started.

Teaches where deliveries belong: in a table of their own, since Locust counts as a request all that its statistics hold.
While a test runs, the tab shows its phase and the time left; when it is over, the deliveries of each kind.
"""

from collections.abc import Callable
from typing import Any

import gevent
from flask import Response, jsonify, request
from locust.env import Environment
from locust.runners import STATE_CLEANUP, STATE_RUNNING, STATE_SPAWNING, STATE_STOPPING, MasterRunner

from loadtests.accounts.summary import COLUMNS
from loadtests.users.coordinator import CHECK_S, FINISH_S, Coordinator
from loadtests.users.options import start_problem

TAB = "deliveries"
START, STOP, STATISTICS = "/swarm", "/stop", "/stats/requests"
IS_STOPPING = (STATE_CLEANUP, STATE_STOPPING)
IS_RUNNING = "A test is running, and its users are fixed: stop it, and start a new one."


def extend_web_page(environment: Environment, coordinator: Callable[[], Coordinator | None]) -> None:
    """Add it to the web interface, for the test that runs or ran last."""
    assert environment.web_ui is not None and environment.web_ui.app is not None
    environment.web_ui.template_args |= {
        "extended_tabs": [{"key": TAB, "title": "Deliveries"}],
        "extended_tables": [{"key": TAB, "structure": [{"key": key, "title": name} for key, name in COLUMNS.items()]}],
    }

    def refuse() -> Response | None:
        """Respond to a start that cannot be, with the reason; Locust handles all else."""
        if request.method != "POST" or not request.path.endswith((START, STOP)):
            return None
        await_transition(environment)
        if request.path.endswith(STOP):
            return None
        problem = form_problem(environment, dict(request.form))
        return jsonify({"success": False, "message": problem, "host": environment.host}) if problem else None

    def add_deliveries(response: Response) -> Response:
        if request.path.endswith(STATISTICS) and response.is_json:
            figures = {**response.get_json(), "extended_stats": [{"key": TAB, "data": rows(coordinator())}]}
            if figures["state"] in IS_STOPPING:  # in which its page stops polling
                figures["state"] = STATE_RUNNING
            response.set_data(jsonify(figures).get_data())
        return response

    environment.web_ui.app.before_request(refuse)
    environment.web_ui.app.after_request(add_deliveries)


def await_transition(environment: Environment) -> None:
    """Wait until the last test has stopped, or a master has started its users, or for FINISH_S.

    Locust ends the users of a test that is started while the last one stops, and dismisses workers that are stopped
    while they start users. A worker is ready a moment after it has started, or stopped.
    """
    runner, options = environment.runner, vars(environment.parsed_options)
    assert runner is not None
    workers = max(options["generators"], options["processes"] or 0)

    def in_transition() -> bool:
        if runner.state in IS_STOPPING or not isinstance(runner, MasterRunner):
            return runner.state in IS_STOPPING
        return runner.state == STATE_SPAWNING or runner.worker_count < workers

    with gevent.Timeout(FINISH_S, False):
        while in_transition():
            gevent.sleep(CHECK_S)


def form_problem(environment: Environment, form: dict[str, str]) -> str:
    """Return why a test cannot be started with what was filled in, and what to do; empty if it can."""
    assert environment.runner is not None
    if environment.runner.state in (STATE_RUNNING, STATE_SPAWNING, *IS_STOPPING):
        return IS_RUNNING
    options: dict[str, Any] = dict(vars(environment.parsed_options))
    for name, text in form.items():
        if isinstance(options.get(name), int | float) and not isinstance(options[name], bool):
            try:
                options[name] = type(options[name])(text)
            except ValueError:
                number = "a whole number" if isinstance(options[name], int) else "a number"
                return f"{name.replace('_', ' ').capitalize()}: expected {number}, got {text!r}."
    return start_problem(environment, form.get("host", environment.host), options)


def rows(coordinator: Coordinator | None) -> list[dict[str, str]]:
    """Return the rows of the tab."""
    if coordinator is None:
        return []
    if coordinator.is_over and coordinator.has_all_parts:
        return coordinator.summary().rows()
    row = {**dict.fromkeys(COLUMNS, ""), "kind": coordinator.status, "delivered": f"{coordinator.delivered:,}"}
    if live := coordinator.live_ms():
        row |= {"p50": f"{live[0]:,.1f}", "p95": f"{live[1]:,.1f}"}
    return [row]
