"""The claims ledger: whole, generated, and quoted in the README as it is."""

import json
from pathlib import Path

import pytest

from notebooks.analysis.claims import ledger, transports
from notebooks.analysis.claims.claim import Claim, Evidence, Finding, Observed, Verdict, format_amount, format_time
from notebooks.analysis.intervals import Interval
from notebooks.analysis.runs import ROOT
from results.schema import CLAIMS_FILE
from tests.support.claims import REFERENCE, judged
from tests.support.synthetic_run import ALL, SyntheticRun, write

NOTHING = Evidence(Path())
MEASURED = {Verdict.HOLDS, Verdict.HOLDS_WHEN, Verdict.NO_LONGER}


@pytest.fixture(scope="module")
def entries() -> tuple[ledger.Entry, ...]:
    return ledger.ledger(REFERENCE)


def test_the_committed_ledger_is_the_one_that_the_reference_gives(entries: tuple[ledger.Entry, ...]) -> None:
    committed = json.loads((REFERENCE / CLAIMS_FILE).read_text(encoding="utf-8"))
    assert committed == [entry.row() for entry in entries], "run `make notebooks`"


def test_the_readme_quotes_the_ten_that_matter_most(entries: tuple[ledger.Entry, ...]) -> None:
    assert sum(entry.claim.matters for entry in entries) == 10
    assert ledger.ten(entries) in (ROOT / "README.md").read_text(encoding="utf-8"), "run `make notebooks`"


def test_each_claim_is_listed_once_with_its_reason_and_a_figure_if_measured(entries: tuple[ledger.Entry, ...]) -> None:
    assert len({(entry.claim.heading, entry.claim.quote) for entry in entries}) == len(entries) >= 45
    assert all(entry.finding.because.endswith((".", ")")) for entry in entries)
    wrong = [entry for entry in entries if (entry.finding.verdict in MEASURED) != bool(entry.finding.figure)]
    assert [entry.claim.quote for entry in wrong] == []


@pytest.mark.parametrize(
    ("rule", "shown", "otherwise"),
    [
        ("holds_if", Verdict.HOLDS, Verdict.NO_LONGER),
        ("holds_when", Verdict.HOLDS_WHEN, Verdict.HOLDS),
        ("no_longer_if", Verdict.NO_LONGER, Verdict.HOLDS),
    ],
)
def test_a_verdict_and_its_reason_change_with_what_a_run_shows(rule: str, shown: Verdict, otherwise: Verdict) -> None:
    def found(is_shown: bool | None) -> Finding:
        return Claim("H", "so", "In time.", rule=rule, observe=lambda _: Observed(is_shown, "9 ms")).test(NOTHING)

    assert found(True) == Finding(shown, "9 ms", "In time.")
    assert found(False).verdict is otherwise
    assert found(None).verdict is Verdict.NO_LONGER
    assert "In time." not in (found(False).because, found(None).because)


def test_a_run_in_which_everything_is_slow_changes_the_verdicts_that_say_instant(tmp_path: Path) -> None:
    slow = write(tmp_path, SyntheticRun(repeats=2, push_s=dict.fromkeys(ALL, 3.0)))
    evidence = Evidence(slow)
    assert judged(transports.polls_every_2_s, evidence).verdict is Verdict.HOLDS
    fast = Evidence(write(tmp_path, SyntheticRun(repeats=2)))
    assert judged(transports.polls_every_2_s, fast).verdict is Verdict.HOLDS_WHEN
    assert judged(transports.not_instant, fast).verdict is Verdict.HOLDS
    quick = Evidence(write(tmp_path, SyntheticRun(repeats=2, interval_s=0.05)))
    assert judged(transports.not_instant, quick).verdict is Verdict.NO_LONGER


def test_figures_are_written_with_their_intervals() -> None:
    assert format_time(Interval(1031.0, 990.0, 1040.0)) == "1.03 s (990 ms to 1.04 s)"
    assert format_time(Interval(4.0, 4.0, 4.0)) == "4.0 ms"
    assert format_amount(Interval(0.34, 0.33, 0.36), "requests") == "0.34 (0.33 to 0.36) requests"


def test_the_block_in_a_text_is_replaced_and_the_rest_kept() -> None:
    claim = Claim("H", "it is so", "Ask the vendor. Source: its site.", matters=True)
    block = ledger.ten((ledger.Entry(claim, claim.test(NOTHING)),))
    text = f"before\n{ledger.BEGIN}\nold\n{ledger.END}\nafter"
    assert ledger.put_into(text, block) == f"before\n{block}\nafter"
    assert "| it is so | Ask the vendor. Source: its site. | not testable here |" in block
    with pytest.raises(ValueError, match="expected <!-- claims"):
        ledger.put_into("no marks", block)
