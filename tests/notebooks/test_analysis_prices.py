"""What a delivered message costs: ratios of counts, the push service's share, and theory beside them."""

from pathlib import Path

import pytest

from notebooks.analysis.prices import BYTES, CPU, EMPTY, REQUESTS, price
from notebooks.analysis.runs import load
from tests.support.synthetic_run import SyntheticRun, write


def test_prices_are_ratios_of_counts_and_show_what_the_push_service_spent(tmp_path: Path) -> None:
    run = load(write(tmp_path, SyntheticRun(repeats=2, users=5)))
    cpu, wire = price(run, "pusher_adapter", CPU), price(run, "pusher_adapter", BYTES)
    assert cpu is not None and wire is not None
    assert [cpu.value, cpu.push_service] == pytest.approx([3000, 1000])
    assert [wire.value, wire.push_service] == pytest.approx([400, 100])


def test_measured_requests_lie_beside_what_theory_predicts(tmp_path: Path) -> None:
    run = load(write(tmp_path, SyntheticRun(messages=100)))
    assert price(run, "raw_websocket", EMPTY) is None, "it never reads"
    for slug in ("short_polling", "long_polling", "raw_websocket"):
        paid = price(run, slug, REQUESTS)
        assert paid is not None and paid.value == pytest.approx(paid.predicted, rel=0.02)


def test_without_the_cpu_time_of_its_engine_a_run_has_no_price_in_cpu_time(tmp_path: Path) -> None:
    run = load(write(tmp_path, SyntheticRun(slugs=["short_polling"], sees_store=False)))
    assert price(run, "short_polling", CPU) is None
    assert price(run, "short_polling", REQUESTS) is not None
