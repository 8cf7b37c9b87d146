"""The SQL of a store, in a file beside its module: each statement below a line `-- name: <its name>`."""

import re
from importlib.resources import files

NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def statements(file: str) -> dict[str, str]:
    """Return the statements of a file in this folder, by name; text above the first name is a comment."""
    text = files(__package__).joinpath(file).read_text(encoding="utf-8")
    _, *parts = NAME.split(text)  # a name and its statement in turn
    return {name: statement.strip() for name, statement in zip(parts[::2], parts[1::2], strict=True)}
