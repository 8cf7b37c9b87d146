"""Sets the wall clock of a Python process forward or back, by as many seconds as the file in CLOCK_OFFSET holds.

Python imports this module before any other when its folder is in PYTHONPATH. Monotonic clocks stay as they are.
"""

import os
import time
from pathlib import Path

OFFSET = Path(os.environ["CLOCK_OFFSET"])
real_ns = time.time_ns


def shifted_ns() -> int:
    return real_ns() + int(OFFSET.read_text(encoding="ascii")) * 10**9


time.time_ns = shifted_ns
time.time = lambda: shifted_ns() / 1e9
