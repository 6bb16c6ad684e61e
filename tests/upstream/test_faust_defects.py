"""Defects of Faust that the product works around, each shown with Faust's own parts.

A test that fails after an update of Faust says that the defect is mended: then the place that its
docstring names may go. docs/upstream.md lists them all.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import faust
import pytest
from faust import Stream
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer as BaseConsumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP
from faust.types.tuples import Message
from intervaltree import IntervalTree

from schemas.topics import BATCHES
from streams.agents import runner
from streams.state.rows import EpochRows
from tests.fixtures.faust_parts import Drained, PlayedClient, made, turns

_SOURCE = TP("t", 0)


class _Books:
    """What Faust's consumer keeps of one partition."""

    def __init__(self, committed: int | None, acknowledged: list[int]) -> None:
        self._committed_offset = {_SOURCE: committed}
        self._acked = {_SOURCE: acknowledged}
        self._acked_index = {_SOURCE: set(acknowledged)}
        self._gap = {_SOURCE: IntervalTree()}


@pytest.mark.parametrize("committed", [None, 50])
def test_a_record_that_was_not_acknowledged_is_committed_over(committed: int | None) -> None:
    """Upstream 606. Place: `patches.commit_offsets`, with `acks=False` of `worker._add_agent`.

    Offset `committed` is the next to be done and is not; those behind it are.
    """
    behind = list(range((committed or 0) + 1, 100))
    books = cast(Any, _Books(committed, behind))
    assert BaseConsumer._new_offset(books, _SOURCE) == 100


class _Tables(dict[str, Any]):
    """What the recovery of Faust asks its tables' manager for."""

    def __init__(self, told: list[str], **tables: Any) -> None:
        super().__init__(tables)
        self.changelog_topics: set[str] = set()
        self.changelog_queue: asyncio.Queue[Any] = asyncio.Queue()
        self.standbys_ready = True
        self.on_actives_ready = lambda: told.append("ready")
        self.on_standbys_ready = lambda: None


def test_input_is_resumed_before_it_is_sought_and_errors_of_tables_are_not_seen(
    loop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    """Upstream 596. Place: the offset check of `Lane.take` with `AgentRunner._seek_missing`.

    For the errors: the Guard in `EpochTable.on_recovery_completed`.
    """
    done: list[str] = []

    class Table:
        async def on_recovery_completed(self, active: set[TP], standby: set[TP]) -> None:
            done.append("told")
            raise RuntimeError("the state is not whole")

    async def seek() -> None:
        done.append("sought")

    async def recover() -> None:
        app = made(tmp_path).app
        consumer = cast(Any, app.consumer)
        consumer.assignment = lambda: {_SOURCE}
        consumer.perform_seek = seek
        consumer.resume_partitions = lambda _: done.append("resumed")
        recovery = Recovery(app, cast(Any, _Tables(done, table=Table())))
        cast(Any, app)._fetcher = SimpleNamespace(maybe_start=seek)
        await recovery.on_recovery_completed(app.consumer_generation_id)

    loop.run_until_complete(recover())
    assert done[:3] == ["told", "resumed", "sought"]
    assert done[-1] == "ready"


class _Told:
    """A table that keeps what Faust gives it to fold."""

    recovery_buffer_size = 1

    def __init__(self, error: Exception | None = None) -> None:
        self.given: list[str] = []
        self._error = error

    async def on_changelog_event(self, event: object) -> None:
        """Nothing to do."""

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """Keep the topics; raise what was asked for."""
        self.given += [event.message.tp.topic for event in batch]
        if self._error is not None:
            raise self._error


def _folded(loop: asyncio.AbstractEventLoop, folder: Path, table: _Told, *topics: str) -> None:
    """Let Faust read one record of each of these topics, of which `ours` is that of the table."""

    async def fold() -> None:
        tables = _Tables([])
        queue = tables.changelog_queue
        recovery = cast(Any, Recovery(made(folder).app, cast(Any, tables)))
        recovery._set_recovery_ended()
        recovery.active_tps.add(TP("ours", 0))
        recovery.tp_to_table[TP("ours", 0)] = table
        for offset, topic in enumerate(topics):
            message = SimpleNamespace(tp=TP(topic, 0), offset=offset)
            queue.put_nowait(SimpleNamespace(message=message))
        read = cast(Any, Recovery._slurp_changelogs.fun)(recovery)
        task: asyncio.Task[None] = asyncio.create_task(read)
        await turns(lambda: queue.empty() and len(table.given) >= len(topics))
        assert not task.done()
        task.cancel()
        await asyncio.wait([task])

    loop.run_until_complete(fold())


def test_an_error_while_a_log_is_folded_is_only_logged_and_the_record_tried_again(
    loop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    """Place: `EpochStore._keep_error`, which `EpochTable._hand_over` raises."""
    table = _Told(RuntimeError("no epoch"))
    _folded(loop, tmp_path, table, "ours", "ours")
    assert len(table.given) == 3


def test_a_record_of_another_log_is_folded_into_the_table_of_the_one_before(
    loop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    """Place: the topic check of `EpochStore.apply_changelog_batch`."""
    table = _Told()
    _folded(loop, tmp_path, table, "ours", "of nobody", "ours")
    assert table.given == ["ours", "of nobody", "ours"]


def test_our_tables_fold_no_record_of_another_log(
    loop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    async def fold() -> tuple[int, Exception | None]:
        store = made(tmp_path).runners[0].table.store
        message = SimpleNamespace(topic="uptake.state.rolling", partition=0, value=b"", offset=0)
        store.apply_changelog_batch(
            [cast(Any, SimpleNamespace(message=message))], int, cast(Any, int)
        )
        return len(store), store.error

    assert loop.run_until_complete(fold()) == (0, None)


def test_what_was_fetched_when_a_rebalance_begins_is_given_to_nobody(
    loop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    """Place: `AgentRunner._find_swallowed`, which the next test proves."""

    async def drain() -> tuple[list[int], int]:
        app = made(tmp_path).app
        client = PlayedClient(app, BATCHES, 3)
        drained = Drained(app, client)
        await swallow(app, client)
        await turns(lambda: client.asked > 3)
        await drained.end()
        return drained.offsets(), client.position

    # Not given to the agent, and the client goes on behind it.
    assert loop.run_until_complete(drain()) == ([], 3)


async def swallow(app: faust.App, client: PlayedClient) -> None:
    """The flow stands still as in a rebalance, with what was just fetched, and goes on."""
    await turns(lambda: client.asked > 0)
    assert not app.flow_control.is_active()
    client.consumer.stop_flow()
    await turns(lambda: client.consumer._read_offset.get(client.tp) == 0)
    client.consumer.resume_flow()
    app.flow_control.resume()


def test_a_worker_takes_what_was_swallowed_at_the_end_of_a_partition(
    loop: asyncio.AbstractEventLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No later record shows the gap: only the place that the client has reached does."""
    monkeypatch.setattr(runner, "_SWALLOWED_SECONDS", 0.05)
    monkeypatch.setattr(runner, "_COMMIT_SECONDS", 0.01)

    async def work() -> int:
        worker = made(tmp_path)
        client = PlayedClient(worker.app, BATCHES, 3)
        drained = Drained(worker.app, client)
        rows = EpochRows()
        learners = worker.runners[0]
        learners.gained({0: rows})
        stream = cast(Stream[Any], drained.stream())
        agent = asyncio.create_task(learners.consume(stream))
        await swallow(worker.app, client)

        def all_taken() -> bool:
            learners.tick()
            return rows.position == 2

        await turns(all_taken)
        agent.cancel()
        await asyncio.wait([agent])
        await drained.end()
        return len(client.sought)

    assert loop.run_until_complete(work()) == 1


def test_a_full_second_is_slept_when_nothing_may_be_fetched(
    loop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    """Place: `patches.PromptConsumer.sleep`."""
    slept: list[float] = []

    async def wait() -> None:
        consumer = cast(Any, made(tmp_path).app.consumer)

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        consumer.sleep = sleep
        await consumer._wait_next_records(1.0)

    loop.run_until_complete(wait())
    assert slept == [1]


def test_a_fetch_waits_a_second_and_a_half(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """Place: `patches.PromptConsumerThread`."""

    async def wait() -> int:
        app = made(tmp_path).app
        thread = cast(Any, app.consumer)._thread
        client = AIOKafkaConsumerThread._create_worker_consumer(thread, cast(Any, app.transport))
        client._closed = True
        return int(client._fetch_max_wait_ms)

    assert loop.run_until_complete(wait()) == 1500


def test_there_is_no_setting_for_an_idempotent_producer(
    loop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    """Place: `patches.IdempotentProducer`."""

    async def extra() -> dict[str, Any]:
        app = made(tmp_path, memory_only=True).app
        return {**cast(Any, app.producer)._settings_default()} | dict(
            cast(Any, app.producer)._settings_extra()
        )

    assert "enable_idempotence" not in loop.run_until_complete(extra())
    assert not any("idempoten" in name for name in faust.Settings.SETTINGS)


def test_the_end_of_the_worker_waits_for_what_is_never_acknowledged(
    loop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    """Place: `stream_wait_empty` of `worker._app_settings`, and the limits of `worker._Process`."""

    async def end() -> None:
        consumer = cast(Any, made(tmp_path).app.consumer)
        message = Message("t", 0, 5, 0.0, 0, {}, b"", b"", None, tp=_SOURCE)
        consumer.track_message(message)
        rounds = asyncio.Semaphore(0)

        async def again(timeout: float) -> None:
            rounds.release()
            await asyncio.sleep(0)

        consumer._wait_for_ack = again
        waiting = asyncio.create_task(consumer.wait_empty())
        for _ in range(5):
            await rounds.acquire()
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])

    loop.run_until_complete(end())
