"""`python -m loadtests.bench [NAME...]`: see `commands`."""

from loadtests.bench.commands import app
from results.plain_characters import use_plain_characters

use_plain_characters()
app()
