"""What is written of an example: lines of code, packages that must be installed, credentials that somebody must keep.

pygount counts the lines, in Python and in JavaScript alike; lines that are nothing but a string, such as documentation,
are not code.
"""

import ast
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # pygount can read from git, and would refuse to start without it
from pygount import SourceAnalysis

CREDENTIALS = re.compile(r"PUSHER_(?:APP_ID|KEY|SECRET)\b")
IMPORTED = re.compile(r'from "([^.][^"]*)"')


@dataclass(frozen=True, slots=True)
class Written:
    """The counts of an example: its files together."""

    lines: int
    packages: tuple[str, ...]
    credentials: tuple[str, ...]


def written(files: Sequence[Path], loaded: Sequence[str] = ()) -> Written:
    """Count the files of an example. loaded: packages that it needs and does not import."""
    lines = sum(SourceAnalysis.from_file(str(path), "shortest", encoding="utf-8").code_count for path in files)
    packages = {*loaded, *(package for path in files for package in _packages(path))}
    credentials = {found for path in files for found in CREDENTIALS.findall(path.read_text(encoding="utf-8"))}
    return Written(lines, tuple(sorted(packages)), tuple(sorted(credentials)))


def _packages(path: Path) -> Iterator[str]:
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield from IMPORTED.findall(source)
        return
    for part in ast.walk(ast.parse(source)):
        named = [alias.name for alias in part.names] if isinstance(part, ast.Import) else []
        named += [part.module or ""] if isinstance(part, ast.ImportFrom) else []
        yield from {name.partition(".")[0] for name in named} - sys.stdlib_module_names
