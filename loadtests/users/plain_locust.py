"""Locust without the settings of the person who runs it: `python -m loadtests.users.plain_locust`, with its options.

Teaches that a measurement must not depend on who starts it: Locust also reads variables (LOCUST_RUN_TIME, LOCUST_TAGS)
and files (`~/.locust.conf`, `locust.conf`), which could end this one early.
"""

import os


def main() -> None:
    """Run Locust by its command line alone."""
    for name in [name for name in os.environ if name.startswith("LOCUST_")]:
        del os.environ[name]
    from locust import argument_parser  # it reads some variables as soon as it is imported
    from locust.main import main as run

    argument_parser.get_empty_argument_parser.__defaults__ = (True, ())  # without its configuration files
    argument_parser.get_parser.__defaults__ = ((),)
    run()


if __name__ == "__main__":
    main()
