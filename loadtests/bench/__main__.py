"""`python -m loadtests.bench [NAME...]`: see `commands`."""

from loadtests.bench.commands import app

app()
