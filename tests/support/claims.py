"""The verdicts of the claims ledger, one claim at a time."""

from collections.abc import Callable

from notebooks.analysis.claims.claim import Evidence, Finding, Observed
from notebooks.analysis.claims.ledger import CLAIMS


def judged(test: Callable[[Evidence], Observed], evidence: Evidence) -> Finding:
    """Return what the first claim with this test finds, by its rule in `claims.toml`."""
    return next(claim for claim in CLAIMS if claim.observe is test).test(evidence)
