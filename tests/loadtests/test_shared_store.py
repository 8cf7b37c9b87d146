"""Shared stores under load: comparisons with two workers, and the parts of `python -m loadtests shared_store`."""

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from loadtests.accounts import verdict
from loadtests.accounts.cell import digest, scheduled
from loadtests.accounts.verdict import Status, Verdict
from loadtests.experiments.shared_store import command
from loadtests.experiments.shared_store.command import NONE, STORES, measure_appends, steps
from loadtests.experiments.shared_store.cross_process import account, latencies, measure_cross_process
from loadtests.harness import manifest
from loadtests.harness.children import NotMeasured
from loadtests.harness.provisioned_store import SHARED, StoreChoice
from loadtests.plan.workload import Workload
from loadtests.scenarios import Planned
from results.schema import CROSS_PROCESS
from servers.addresses import without_passwords
from servers.deploy.empty_database import empty_database
from servers.transports import TRANSPORTS, find
from tests.support.engines import Engines
from tests.support.loadtest_rows import BOTH, cell, noted, received, sent
from tests.support.loadtest_run import ANYWHERE, compared
from tests.support.stores import draft, opened

LOAD = Workload(users=8, room_size=4, rate_per_s=2.0, measured_s=1.0, poll_interval_s=0.5)


@pytest.mark.xdist_group("measuring")
@pytest.mark.process
def test_a_comparison_with_two_generators_workers_and_a_shared_engine_counts_all_of_them(tmp_path: Path) -> None:
    run = compared(tmp_path, "--transport raw_websocket --store postgresql --workers 2 --generators 2")
    (row,) = run.cells
    assert "All servers used postgresql, 2 workers" in run.output
    assert (row["users"], row["offered"]) == ("8", digest(scheduled(LOAD)))
    assert (row["store"], row["workers"]) == ("postgresql", "2")
    assert min(float(row["store_cpu_s"]), float(row["api_cpu_s"])) > 0
    assert (run.manifest["store"], run.manifest["workers"]) == ("postgresql", 2)
    assert run.manifest["settings"]["raw_websocket"]["engine"].startswith("postgresql ")


@pytest.mark.xdist_group("measuring")
@pytest.mark.process
def test_a_message_is_timed_to_the_recipients_of_both_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "VOID_S", 1.0)  # on a busy machine the generator may lag
    row = measure_cross_process(Planned(find("raw_websocket"), "hop", LOAD), StoreChoice("redis"), ANYWHERE)
    assert float(row["other_n"]) == 2 * float(row["same_n"]) > 0
    assert [row[name] for name in ("lost", "duplicates", "out_of_order", "send_failures")] == [0, 0, 0, 0]
    assert set(row) == {column.name for column in CROSS_PROCESS} - {"transport", "store", "repeat", "trials"}


@pytest.mark.xdist_group("measuring")
@pytest.mark.process
def test_an_append_is_measured_and_one_that_stores_nothing_has_no_engine() -> None:
    stored, not_stored = (measure_appends(store, 20, ANYWHERE) for store in ("postgresql", NONE))
    assert not_stored["store_cpu_s"] == 0 < float(stored["store_cpu_s"])
    assert 0 < float(stored["acked_p50_s"]) <= float(stored["acked_p95_s"])


def test_each_measurement_has_a_key_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Or a resumed record would take one for the other."""
    keep = Mock()
    monkeypatch.setattr(command, "describe", lambda *_: {})
    monkeypatch.setattr(command, "keep", keep)
    command.measure_shared_store(tmp_path, quick=False)
    keys = [(trial.table, *trial.key.items()) for trial in keep.call_args.args[0]]
    assert len(set(keys)) == len(keys) > len(TRANSPORTS)


def test_deliveries_are_separated_by_whether_the_recipient_has_the_senders_server() -> None:
    took_s = (0.03, 0.01, 0.04, 0.02)
    came = [received(1, user)._replace(received_s=105.0 + each_s) for user, each_s in enumerate(took_s)]
    row = latencies(noted([], sent(1)._replace(sender=1), *came))
    assert (row["same_n"], row["other_n"]) == (1, 2)
    assert [row["same_p50_s"], row["other_p50_s"]] == pytest.approx([0.02, 0.035])


def test_a_void_measurement_is_kept_only_if_its_row_shows_why() -> None:
    late = replace(cell(BOTH), verdict=Verdict(Status.VOID, "sends fell behind their schedule"))
    with pytest.raises(NotMeasured, match="fell behind"):
        account(late)
    assert account(replace(late, figures=late.figures | {"lost": 1}))["lost"] == 1
    assert account(replace(late, verdict=Verdict(Status.VALID)))["lost"] == 0


def test_each_repeat_measures_everything_in_an_order_of_its_own() -> None:
    first, second = (list(steps(TRANSPORTS, repeat)) for repeat in (0, 1))
    assert first != second
    assert Counter(first) == Counter(second)
    assert len(set(first)) == len(first) == len(TRANSPORTS) * (len(STORES) + len(SHARED))


def test_a_url_with_tls_names_the_same_engine() -> None:
    assert StoreChoice("rediss://h/1", 2).label == "redis, 2 workers"
    assert StoreChoice("postgres://h/chat?sslmode=require").scheme == "postgresql"


def test_a_password_gets_neither_into_the_manifest_nor_into_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["loadtests", "compare", "--store", "redis://me:pa/ss@h/1"])
    monkeypatch.setattr(manifest, "commit", lambda: "")
    monkeypatch.setattr(manifest, "machine", dict)
    assert manifest.describe([], [], ANYWHERE)["command"] == "python -m loadtests compare --store redis://h/1"
    assert without_passwords("postgresql://h/chat?password=pass&x=1") == "postgresql://h/chat?password=***&x=1"
    for url in ("mysql://me:secret@h/1", "mysql://h/1?password=secret"):
        with pytest.raises(ValueError, match="expected sqlite") as refused:
            StoreChoice(url)
        assert "secret" not in str(refused.value)


@pytest.mark.process
@pytest.mark.parametrize("scheme", SHARED)
async def test_an_engine_that_runs_lends_an_empty_database_again_and_again(scheme: str, engines: Engines) -> None:
    url = engines.fresh_url(scheme)
    for _ in range(2):
        with empty_database(url) as (url_of_one, facts):
            assert url_of_one.startswith(f"{scheme}://")
            assert facts["pids"] == {}
            async with opened(url_of_one, 1) as (store,):
                assert (await store.append("room", draft("hello"))).seq == 1
            if scheme == "redis":
                with pytest.raises(ValueError, match="name an empty one"), empty_database(url):
                    pass
