"""The verdicts of the claims ledger, one claim at a time, and records of the reference to change."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from notebooks.analysis.claims.claim import Evidence, Finding, Observed
from notebooks.analysis.claims.ledger import CLAIMS
from notebooks.analysis.runs import ROOT

REFERENCE = ROOT / "results" / "reference"


def judged(test: Callable[[Evidence], Observed], evidence: Evidence) -> Finding:
    """Return what the first claim with this test finds, by its rule in `claims.toml`."""
    return next(claim for claim in CLAIMS if claim.observe is test).test(evidence)


@contextmanager
def changed(path: Path) -> Iterator[Any]:
    """Yield the reference's record of that name, and write it to this path once it has been changed."""
    record = json.loads((REFERENCE / path.name).read_text(encoding="utf-8"))
    yield record
    path.write_text(json.dumps(record), encoding="utf-8")
