"""How long a test waits for what must happen: much longer than that takes on a busy machine."""

DEADLINE_S = 60.0
