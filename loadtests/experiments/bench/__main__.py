"""`python -m loadtests.experiments.bench [NAME...]`: see `commands`."""

from loadtests.experiments.bench.commands import app
from results.plain_characters import use_plain_characters

use_plain_characters()
app()
