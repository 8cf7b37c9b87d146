"""The claims ledger: every claim of the source document with its experiment, figure and verdict, made from one run.

It is generated, so that it cannot drift: `results/<run>/claims.json`, all of it in notebook 08, and the ten claims that
matter most in the README.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from notebooks.analysis.claims import explained, hosted
from notebooks.analysis.claims.claim import Claim, Evidence, Finding
from notebooks.analysis.runs import BrokenRun
from results.schema import CLAIMS_FILE

CLAIMS: tuple[Claim, ...] = (*explained.CLAIMS, *hosted.CLAIMS)
BEGIN, END = "<!-- claims: made by `python -m notebooks.analysis claims` -->", "<!-- claims end -->"
COLUMNS = ("heading", "claim", "experiment", "figure", "verdict", "because")


@dataclass(frozen=True, slots=True)
class Entry:
    """A claim with what was found."""

    claim: Claim
    finding: Finding

    def row(self) -> dict[str, str]:
        """Return the entry by the names of COLUMNS."""
        found = self.finding
        values = (
            self.claim.heading,
            self.claim.quote,
            self.claim.experiment,
            found.figure,
            found.verdict,
            found.because,
        )
        return dict(zip(COLUMNS, map(str, values), strict=True))


def ledger(folder: Path) -> tuple[Entry, ...]:
    """Test every claim on a run; raises BrokenRun when the run, or its captures, are not there."""
    evidence = Evidence(folder)
    return tuple(Entry(claim, claim.test(evidence)) for claim in CLAIMS)


def write(entries: tuple[Entry, ...], folder: Path) -> Path:
    """Write the ledger into a run's folder; return where."""
    path = folder / CLAIMS_FILE
    rows = [entry.row() for entry in entries]
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def table(folder: Path) -> pd.DataFrame:
    """Return the ledger that lies in a run's folder; raise BrokenRun when there is none."""
    if not (folder / CLAIMS_FILE).is_file():
        raise BrokenRun(f"{folder} has no {CLAIMS_FILE}: `python -m notebooks.analysis claims {folder}` makes it")
    return pd.DataFrame(json.loads((folder / CLAIMS_FILE).read_text(encoding="utf-8")), columns=list(COLUMNS))


def markdown(claims: pd.DataFrame) -> str:
    """Return a ledger as a Markdown table under the headings of the source document."""
    lines = ["| claim | experiment | figure | verdict | because |", "|---|---|---|---|---|"]
    for heading, rows in claims.groupby("heading", sort=False):
        lines.append(f"| **{heading}** | | | | |")
        lines += [
            " | ".join(["", *(str(row[name]) for name in COLUMNS[1:]), ""]).strip() for row in rows.to_dict("records")
        ]
    return "\n".join(lines)


def ten(entries: tuple[Entry, ...]) -> str:
    """Return the claims that matter most as a Markdown table, between the marks by which it is found again."""
    rows = [entry.row() for entry in entries if entry.claim.matters]
    lines = [f"| {row['claim']} | {row['figure'] or row['because']} | {row['verdict']} |" for row in rows]
    return "\n".join([BEGIN, "| claim | measured | verdict |", "|---|---|---|", *lines, END])


def put_into(text: str, block: str) -> str:
    """Return a text with what stands between the marks replaced; raises ValueError when they are not there."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"expected {BEGIN} and {END}")
    return before + block + after
