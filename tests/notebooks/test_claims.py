"""The claims ledger is complete and generated from the reference, and the README quotes it."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from notebooks.analysis.claims import ledger, transports
from notebooks.analysis.claims.claim import Claim, Evidence, Finding, Observed, Verdict
from notebooks.analysis.quantiles import HOW_TO_READ
from notebooks.analysis.runs import ROOT
from results.schema import CELLS_FILE, CLAIMS_FILE, KINDS_FILE
from tests.support.claims import REFERENCE, judged
from tests.support.synthetic_run import ALL, SyntheticRun, write

NOTHING = Evidence(Path())
KNOWN = {"measured", "counted", "modelled", "computed from counts and list prices", "first hand", "second hand"}
KNOWN |= {"as built", "no source"}
LATENCY = re.compile(r"\bp\d\d \d")


@pytest.fixture(scope="module")
def entries() -> tuple[ledger.Entry, ...]:
    return ledger.ledger(REFERENCE)


def test_the_committed_ledger_is_the_one_that_the_reference_gives(entries: tuple[ledger.Entry, ...]) -> None:
    committed = json.loads((REFERENCE / CLAIMS_FILE).read_text(encoding="utf-8"))
    assert committed == [entry.row() for entry in entries], "run `make notebooks`"


def test_the_readme_quotes_the_ten_that_matter_most(entries: tuple[ledger.Entry, ...]) -> None:
    assert sum(entry.claim.matters for entry in entries) == 10
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert " ".join(ledger.ten(entries).split()) in readme, "run `make notebooks`"
    assert HOW_TO_READ in readme


def test_each_claim_is_listed_once_with_its_reason_and_a_figure_if_measured(entries: tuple[ledger.Entry, ...]) -> None:
    assert len({(entry.claim.heading, entry.claim.quote) for entry in entries}) == len(entries) >= 64
    assert all(entry.finding.because.endswith((".", ")")) for entry in entries)
    observed = {(bool(entry.claim.observe or entry.claim.figure), bool(entry.finding.figure)) for entry in entries}
    assert observed == {(True, True), (False, False)}
    in_words = [entry.claim for entry in entries if entry.claim.figure]
    assert all(claim.rule == "by_construction" and not re.search(r"\d", claim.figure) for claim in in_words)
    assert {claim.known for claim in in_words} == {"as built", "modelled"}


def test_a_claim_that_holds_sometimes_says_when(entries: tuple[ledger.Entry, ...]) -> None:
    sometimes = {(entry.finding.verdict is Verdict.HOLDS_WHEN, bool(entry.finding.when)) for entry in entries}
    assert sometimes == {(True, True), (False, False)}


def test_a_latency_in_the_ledger_says_on_which_network_it_was_measured(entries: tuple[ledger.Entry, ...]) -> None:
    figures = [entry.finding.figure for entry in entries if LATENCY.search(entry.finding.figure)]
    assert len(figures) > 10
    assert [figure for figure in figures if "on one machine" not in figure] == []


def test_every_claim_says_how_it_is_known_and_cites_sources(entries: tuple[ledger.Entry, ...]) -> None:
    assert {entry.claim.known.partition(";")[0] for entry in entries} <= KNOWN
    cited = [entry for entry in entries if not entry.claim.rule]
    assert cited
    assert all(" Source: " in entry.claim.because for entry in cited)
    assert {entry.claim.known for entry in cited} <= {"first hand", "second hand", "no source"}


def test_claims_that_are_true_by_construction_are_counted_apart(entries: tuple[ledger.Entry, ...]) -> None:
    rows = pd.DataFrame([entry.row() for entry in entries])
    constructed = rows["verdict"].eq("by construction").sum()
    assert constructed >= 20
    tested, _, apart = ledger.totals(rows).rpartition(". ")
    assert f"{len(rows) - constructed} do not follow from how we built it" in tested
    assert apart == f"{constructed} do."
    assert "by construction" not in tested
    before, _, after = ledger.markdown(rows).partition("**by construction**")
    assert before.count("**holds") > 5 and "**holds" not in after


def test_a_model_cannot_prove_a_claim_about_a_vendor(entries: tuple[ledger.Entry, ...]) -> None:
    (vercel,) = [entry for entry in entries if entry.claim.quote == "Works perfectly with Vercel"]
    assert (vercel.finding.verdict, vercel.claim.known) == (Verdict.NOT_TESTABLE, "modelled")


@pytest.mark.parametrize(
    ("rule", "shown", "otherwise"),
    [
        ("holds_if", Verdict.HOLDS, Verdict.NO_LONGER),
        ("holds_when", Verdict.HOLDS_WHEN, Verdict.HOLDS),
        ("no_longer_if", Verdict.NO_LONGER, Verdict.HOLDS),
        ("never_if", Verdict.NEVER, Verdict.HOLDS),
        ("by_construction", Verdict.BY_CONSTRUCTION, Verdict.NO_LONGER),
        ("on_a_model", Verdict.NOT_TESTABLE, Verdict.NO_LONGER),
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
    slow = Evidence(write(tmp_path, SyntheticRun(repeats=2, push_s=dict.fromkeys(ALL, 3.0))))
    assert judged(transports.polls_every_2_s, slow).verdict is Verdict.HOLDS
    fast = Evidence(write(tmp_path, SyntheticRun(repeats=2)))
    assert judged(transports.polls_every_2_s, fast).verdict is Verdict.HOLDS_WHEN
    assert judged(transports.not_instant, fast).verdict is Verdict.BY_CONSTRUCTION
    polled_often = Evidence(write(tmp_path, SyntheticRun(repeats=2, interval_s=0.05)))
    assert judged(transports.not_instant, polled_often).verdict is Verdict.NO_LONGER


def test_closed_connections_are_compared_with_kept_ones_of_the_same_repeat(tmp_path: Path) -> None:
    for path in REFERENCE.iterdir():
        (tmp_path / path.name).symlink_to(path)
    cells = pd.read_csv(REFERENCE / CELLS_FILE, keep_default_na=False)
    (tmp_path / CELLS_FILE).unlink()
    cells.loc[(cells["point"] == "connections kept") & (cells["repeat"] == 0), "verdict"] = "void"
    cells.to_csv(tmp_path / CELLS_FILE, index=False)
    figures = (judged(transports.connection_closes, Evidence(run)).figure for run in (REFERENCE, tmp_path))
    whole, found = (re.findall(r"[+-]\d+ %", figure) for figure in figures)
    assert found == [*whole[1:3], *whole[4:6]], "of each of two transports the first of three repeats is void"


def test_a_claim_quotes_no_p99_of_fewer_than_1000_deliveries(tmp_path: Path) -> None:
    for path in REFERENCE.iterdir():
        (tmp_path / path.name).symlink_to(path)
    kinds = pd.read_csv(REFERENCE / KINDS_FILE, keep_default_na=False)
    (tmp_path / KINDS_FILE).unlink()
    for deliveries, percent in ((1000, "p99"), (999, "p95")):
        kinds.assign(delivered=deliveries).to_csv(tmp_path / KINDS_FILE, index=False)
        figure = judged(transports.pushes_instantly, Evidence(tmp_path)).figure
        assert re.findall(r"p9\d", figure) == [percent]


def test_the_block_in_a_text_is_replaced_and_the_rest_kept() -> None:
    claim = Claim("H", "it is so", "Ask the vendor. Source: its site.", matters=True)
    block = ledger.ten((ledger.Entry(claim, claim.test(NOTHING)),))
    text = f"before\n{ledger.BEGIN}\nold\n{ledger.END}\nafter"
    assert ledger.put_into(text, block) == f"before\n{block}\nafter"
    assert "| it is so | Ask the vendor. Source: its site. | **not testable here** |" in block
    with pytest.raises(ValueError, match="expected <!-- claims"):
        ledger.put_into("no marks", block)
