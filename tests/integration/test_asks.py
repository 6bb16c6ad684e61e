"""What `uptake rebuild` and `uptake reconcile` wait for: asks that were open when they looked."""

from collections.abc import Iterator
from time import monotonic, time_ns

import pytest

from schemas.settings import ClickHouseSettings, Settings
from sinks.clickhouse import migrate
from sinks.clickhouse.client import Store
from sinks.clickhouse.repairs import DONE, WalkAsk
from tests.fixtures.store import running_store
from uptake.local.settle import Unsettled, pass_asks
from uptake.repair import lists

_SECONDS = 60.0
_EVENT = b"e" * 16
_TAKEN_BACK = f"""
INSERT INTO events_log (event_id, signal, occurred_at) SELECT '{_EVENT.decode()}', 'x', now64(3)
"""


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseSettings]:
    """A store with tables."""
    with running_store(tmp_path_factory.mktemp("store")) as store:
        migrate.run(Settings(clickhouse=store.settings), {})
        yield store.settings


@pytest.fixture
def clickhouse(tables: ClickHouseSettings) -> ClickHouseSettings:
    """The store, with nothing in the tables that are looked at."""
    with Store(tables) as store:
        for table in ("recalls", "voids", "events_log"):
            store.command(f"TRUNCATE TABLE {table}")
    return tables


def _asks(first: int, count: int) -> list[WalkAsk]:
    return [WalkAsk("ticket", "key", "", True, first + n, 1_000) for n in range(count)]


def test_asks_that_come_later_are_not_waited_for(clickhouse: ClickHouseSettings) -> None:
    with Store(clickhouse) as store:
        waited_for = _asks(0, 10)
        lists.ask_walks(store, waited_for)
        left = [*waited_for]

        def tick(_: str) -> None:
            """`uptake repair` ends an ask, and two more come."""
            lists.end_walks(store, [left.pop()], DONE, time_ns() // 1_000_000)
            lists.ask_walks(store, _asks(100 + 2 * len(left), 2))

        assert pass_asks(clickhouse, monotonic() + _SECONDS, tick)
        assert left == []
        assert len(lists.open_walks(store)) == 2 * len(waited_for)


def test_nothing_is_waited_for_where_nothing_is_open(clickhouse: ClickHouseSettings) -> None:
    with Store(clickhouse) as store:
        # Of an event that is still to come.
        store.insert("voids", [[_EVENT], [1_000], [0]])
    assert not pass_asks(clickhouse, monotonic() + _SECONDS, lambda _: None)


def test_an_event_that_was_taken_back_is_waited_for(clickhouse: ClickHouseSettings) -> None:
    with Store(clickhouse) as store:
        store.insert("voids", [[_EVENT], [1_000], [0]])
        store.command(_TAKEN_BACK)
        told: list[str] = []

        def tick(text: str) -> None:
            told.append(text)
            store.insert("voids", [[_EVENT], [0], [1]])

        assert pass_asks(clickhouse, monotonic() + _SECONDS, tick)
        assert told[0].startswith("1 recalled walks and events to be taken back are open")


def test_what_is_never_done_is_told_when_the_time_is_over(clickhouse: ClickHouseSettings) -> None:
    with Store(clickhouse) as store:
        lists.ask_walks(store, _asks(0, 3))
    with pytest.raises(
        Unsettled, match=r"3 recalled walks .* are open: is `uptake repair` running"
    ):
        pass_asks(clickhouse, monotonic(), lambda _: None)
