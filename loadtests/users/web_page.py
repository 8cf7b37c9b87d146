"""What Locust's web interface says when a test cannot be started, and how it learns that one has ended.

Teaches that a form is checked before a test begins: Locust would start it, and every user would fail.
"""

from typing import Any

import gevent
from flask import Response, jsonify, request
from locust.env import Environment
from locust.runners import STATE_CLEANUP, STATE_RUNNING, STATE_SPAWNING, STATE_STOPPING, MasterRunner

from loadtests.users.coordinator import CHECK_S, FINISH_S
from loadtests.users.options import start_problem

START, STOP, STATISTICS = "/swarm", "/stop", "/stats/requests"
IS_STOPPING = (STATE_CLEANUP, STATE_STOPPING)
IS_RUNNING = "A test is running, and its users are fixed: stop it, and start a new one."


def extend_web_page(environment: Environment) -> None:
    """Have the web interface refuse a wrong start, and follow a test until it has ended."""
    assert environment.web_ui is not None and environment.web_ui.app is not None

    def refuse() -> Response | None:
        """Respond with the reason if a test cannot be started; Locust handles all else."""
        if request.method != "POST" or not request.path.endswith((START, STOP)):
            return None
        await_transition(environment)
        if request.path.endswith(STOP):
            return None
        problem = form_problem(environment, dict(request.form))
        return jsonify({"success": False, "message": problem, "host": environment.host}) if problem else None

    def keep_polling(response: Response) -> Response:
        """Report a test that is stopping as one that runs: in the state "stopping" the page would poll no more."""
        if request.path.endswith(STATISTICS) and response.is_json:
            figures = response.get_json()
            if figures["state"] in IS_STOPPING:
                response.set_data(jsonify({**figures, "state": STATE_RUNNING}).get_data())
        return response

    environment.web_ui.app.before_request(refuse)
    environment.web_ui.app.after_request(keep_polling)


def await_transition(environment: Environment) -> None:
    """Wait until the last test has stopped, or a master has started its users, or for FINISH_S.

    Locust ends the users of a test that is started while the last one stops, and dismisses workers that are stopped
    while they start users. A worker is ready a moment after it has started, or stopped.
    """
    runner = environment.runner
    options = vars(environment.parsed_options)
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
