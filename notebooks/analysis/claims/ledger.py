"""The claims ledger: every claim of the source document with its experiment, figure and verdict, made from one run.

The ledger is generated, so that it always agrees with the run: `results/<run>/claims.json`. Notebook 09 shows all of
it, and the README the ten claims that matter most. The claims are listed in `claims.toml`.
"""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from notebooks.analysis.claims import deployments, rented, transports
from notebooks.analysis.claims.claim import Claim, Evidence, Finding, Verdict
from notebooks.analysis.records import read
from results.schema import CLAIMS_FILE

LISTED = Path(__file__).with_name("claims.toml")
BEGIN, END = "<!-- claims: made by `python -m notebooks.analysis claims` -->", "<!-- claims end -->"
COLUMNS = ("heading", "claim", "experiment", "figure", "known", "verdict", "when", "because")
SHOWN = ("claim", "experiment", "figure", "known", "verdict", "because")


def _claims() -> Iterator[Claim]:
    """Yield the listed claims, each with the function that tests it, or with the reason why nothing here can."""
    listed = tomllib.loads(LISTED.read_text(encoding="utf-8"))
    functions = {**vars(transports), **vars(rented), **vars(deployments)}
    for section in listed["section"]:
        for row in section["claims"]:
            if test := row.pop("test", ""):
                judged = listed["tests"][test]
                row.update(judged, observe=None if "figure" in judged else functions[test])
            else:
                row["because"] = f"{row.pop('untestable')} Source: {row.pop('source')}."
                row.setdefault("known", "no source")
            yield Claim(section["heading"], **row)


CLAIMS = tuple(_claims())


@dataclass(frozen=True, slots=True)
class Entry:
    """A claim with what was found."""

    claim: Claim
    finding: Finding

    def row(self) -> dict[str, str]:
        """Return the entry by the names of COLUMNS."""
        claim, found = self.claim, self.finding
        where = (claim.heading, claim.quote, claim.experiment)
        values = (*where, found.figure, claim.known, found.verdict, found.when, found.because)
        return dict(zip(COLUMNS, map(str, values), strict=True))


def ledger(folder: Path) -> tuple[Entry, ...]:
    """Test every claim on a run; raises BrokenRun when the run, or its captures, are not there."""
    evidence = Evidence(folder)
    return tuple(Entry(claim, claim.test(evidence)) for claim in CLAIMS)


def write(entries: tuple[Entry, ...], folder: Path) -> Path:
    """Write the ledger into a run's folder; return its path."""
    path = folder / CLAIMS_FILE
    rows = [entry.row() for entry in entries]
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def table(folder: Path) -> pd.DataFrame:
    """Return the ledger in a run's folder; raise BrokenRun when there is none."""
    return pd.DataFrame(read(folder / CLAIMS_FILE), columns=list(COLUMNS))


def totals(claims: pd.DataFrame) -> str:
    """Return how many claims of a ledger have each verdict; those by construction are counted apart."""
    constructed = claims["verdict"] == Verdict.BY_CONSTRUCTION
    counts = claims.loc[~constructed, "verdict"].value_counts()
    tested = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return f"{len(claims)} claims. {sum(counts)} do not follow from how we built it: {tested}. {constructed.sum()} do."


def markdown(claims: pd.DataFrame) -> str:
    """Return a ledger as two Markdown tables under the source document's headings, by construction second."""
    constructed = claims["verdict"] == Verdict.BY_CONSTRUCTION
    return "\n\n".join(_table(claims[chosen]) for chosen in (~constructed, constructed))


def _table(claims: pd.DataFrame) -> str:
    lines = [f"| {' | '.join(SHOWN)} |", "|---" * len(SHOWN) + "|"]
    for heading, rows in claims.groupby("heading", sort=False):
        lines.append(f"| **{heading}** {'| ' * len(SHOWN)}".rstrip())
        for row in rows.to_dict("records"):
            row["verdict"] = in_words(row["verdict"], row["when"])
            lines.append(" | ".join(["", *(str(row[name]) for name in SHOWN), ""]).strip())
    return "\n".join(lines)


def in_words(verdict: str, when: str) -> str:
    """Return a verdict with its condition, if there is one: holds when messages are rare."""
    return f"**{verdict}** {when}".strip()


def ten(entries: tuple[Entry, ...]) -> str:
    """Return the claims that matter most as a Markdown table, between the marks that `put_into` looks for."""
    rows = [entry.row() for entry in entries if entry.claim.matters]
    lines = [
        f"| {row['claim']} | {row['figure'] or row['because']} | {in_words(row['verdict'], row['when'])} |"
        for row in rows
    ]
    return "\n".join([BEGIN, "| claim | measured | verdict |", "|---|---|---|", *lines, END])


def put_into(text: str, block: str) -> str:
    """Return a text with the block between the marks replaced; raises ValueError when they are not there."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"expected {BEGIN} and {END}")
    return before + block + after
