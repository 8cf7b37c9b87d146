"""A cell of a run: whether it had the scheduled load, its columns, and what theory predicts for it."""

from dataclasses import replace

import pytest

from loadtests.accounts.cell import acknowledged, digest, make_cell, scheduled
from loadtests.accounts.deliveries import Delivery
from loadtests.accounts.predictions import predict, predicted_latency_ms
from loadtests.accounts.rows import KINDS, Sent, Window
from loadtests.accounts.samples import Samples
from loadtests.accounts.tally import KindCount
from loadtests.accounts.verdict import Status
from loadtests.plan.schedule import schedule
from loadtests.scenarios import Planned
from results.schema import CELLS, DELIVERIES
from results.schema import KINDS as KIND_COLUMNS
from servers.transports import find
from tests.loadtests.test_schedule import BUSY
from tests.support.loadtest_rows import BOTH, PAIR, PLANNED, SPENT, cell, counted, made, received, samples, sent


def test_a_duplicate_on_one_connection_voids_the_cell_except_with_a_push_service() -> None:
    noted = samples([sent(1)], BOTH)
    noted.wire_duplicates = 1
    assert made(noted, replace(PLANNED, transport=find("pusher_adapter"))).verdict.adds_up
    verdict = made(noted, replace(PLANNED, transport=find("raw_websocket"))).verdict
    assert not verdict.adds_up
    assert verdict.reason.startswith("1 events came again over one connection")


def test_a_loss_in_the_warm_up_voids_the_cell_too() -> None:
    noted = samples([sent(1, at_s=100.5), sent(2)], [received(1, 0), received(2, 0), received(2, 1)])
    result = made(noted)
    assert not result.verdict.adds_up
    assert [result.figures[name] for name in ("expected", "delivered", "lost")] == [2, 2, 1]
    assert {row.seq for row in result.deliveries} == {2}


def test_a_window_without_messages_voids_the_cell() -> None:
    assert "no message fell into the window" in made(samples([], [])).verdict.reason


def test_a_load_that_is_not_the_scheduled_one_voids_the_cell() -> None:
    noted = samples([sent(1)], BOTH)
    verdict = make_cell(PLANNED, noted, SPENT, digest(scheduled(PAIR))).verdict
    assert verdict.status is Status.VOID
    assert "the load was not the scheduled one" in verdict.reason


def test_actions_count_by_their_scheduled_moment_however_late_they_are_sent() -> None:
    begin_s = 9160.485977031773  # as a monotonic clock reads: adding it must not change a rounded moment
    noted = Samples(window=Window(begin_s + BUSY.warm_up_s, begin_s + BUSY.warm_up_s + BUSY.measured_s))
    for user in range(BUSY.users):
        for seq, one in enumerate(schedule(BUSY, user), 1):
            due_s = begin_s + one.moment_s
            noted.sent.append(Sent(0, seq, user, KINDS.index(one.kind), due_s, due_s + 2.0, due_s + 2.1))
    assert sorted(acknowledged(BUSY, noted)) == sorted(scheduled(BUSY))
    assert len(scheduled(BUSY)) > 10_000


def test_loads_that_differ_in_user_moment_or_kind_have_different_digests() -> None:
    first = (0, 5, "message")
    last = (1, 7, "receipt")
    assert digest([first, last]) == digest([last, first])
    changed = [(0, 5, "typing"), (1, 5, "message"), (0, 6, "message")]
    assert len({digest([each, last]) for each in (first, *changed)}) == 4


def test_the_price_in_bytes_is_the_clients_count_where_there_is_one() -> None:
    assert cell(BOTH).bytes_per_delivery == (1 + 1 + 1) / 2  # by the servers: up, down and publishing
    noted = samples([sent(1)], BOTH)
    noted.client_bytes = counted(up=100, down=700)
    assert made(noted).bytes_per_delivery == (100 + 700 + 1) / 2


def test_a_cell_has_the_columns_of_the_schema() -> None:
    assert set(cell(BOTH).figures) == {column.name for column in CELLS}
    assert KindCount._fields == tuple(column.name for column in KIND_COLUMNS)
    assert Delivery._fields == tuple(column.name for column in DELIVERIES)


def test_short_polling_is_predicted_from_the_rate_that_was_measured() -> None:
    prediction = predict(cell(BOTH))  # one message in 10 s, polls every 1 s, and 1 ms to the acknowledgement
    assert predicted_latency_ms(cell(BOTH), 95) == pytest.approx(950)
    assert prediction.requests_per_delivery == pytest.approx(1 / 2 + 10 / 1.001)
    assert prediction.empty_share == pytest.approx(0.9048, abs=1e-3)


def test_distance_adds_its_transits_to_what_is_predicted() -> None:
    away = replace(PAIR, one_way_delay_s=0.1, push_link_delay_s=0.05)
    expected_ms = {"short_polling": 200 + 0.5 * 1200, "long_polling": 200, "raw_websocket": 200, "pusher_adapter": 250}
    for slug, median_ms in expected_ms.items():
        measured = replace(cell(BOTH), planned=Planned(find(slug), "test", away))
        assert predicted_latency_ms(measured, 50) == pytest.approx(median_ms)
