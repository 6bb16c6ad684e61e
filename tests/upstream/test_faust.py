"""The places of Faust that are replaced or leaned on. When one of these tests fails after an update
of Faust, read what changed there before anything else."""

import asyncio
import inspect
from pathlib import Path
from time import monotonic
from typing import Any, cast

import aiokafka
import faust
from faust.stores.base import Store
from faust.tables.base import Collection
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer as BaseConsumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP
from faust.types.tuples import Message

from streams.agents import patches
from streams.state.table import EpochStore
from tests.fixtures.faust_parts import made


def _app(folder: Path, memory_only: bool = False) -> faust.App:
    return made(folder, memory_only).app


def _source(function: object) -> str:
    return inspect.getsource(cast(Any, function))


def test_the_producer_is_idempotent(tmp_path: Path, loop: asyncio.AbstractEventLoop) -> None:
    async def made() -> aiokafka.AIOKafkaProducer:
        return cast(Any, _app(tmp_path).producer)._new_producer()

    producer = loop.run_until_complete(made())
    assert producer._txn_manager is not None
    producer._closed = True


def test_faust_still_has_no_setting_for_it(tmp_path: Path, loop: asyncio.AbstractEventLoop) -> None:
    async def extra() -> dict[str, Any]:
        app = _app(tmp_path, memory_only=True)
        return dict(cast(Any, app.producer)._settings_extra())

    assert loop.run_until_complete(extra()) == {}


def test_a_fetch_waits_shortly(tmp_path: Path, loop: asyncio.AbstractEventLoop) -> None:
    async def waits() -> tuple[int, int]:
        app = _app(tmp_path)
        thread = cast(Any, app.consumer)._thread
        ours = thread._create_worker_consumer(app.transport)
        theirs = AIOKafkaConsumerThread._create_worker_consumer(thread, cast(Any, app.transport))
        return ours._fetch_max_wait_ms, theirs._fetch_max_wait_ms

    assert loop.run_until_complete(waits()) == (patches.FETCH_WAIT_MS, 1500)


def test_no_second_is_slept_when_all_buffers_are_full(
    tmp_path: Path, loop: asyncio.AbstractEventLoop
) -> None:
    async def slept() -> float:
        consumer = cast(Any, _app(tmp_path).consumer)
        begun = monotonic()
        await consumer._wait_next_records(1.0)
        return monotonic() - begun

    assert loop.run_until_complete(slept()) < 0.5
    assert "await self.sleep(1)" in _source(BaseConsumer._wait_next_records)


def test_the_wait_for_records_is_short_while_some_buffers_are_full(
    tmp_path: Path, loop: asyncio.AbstractEventLoop
) -> None:
    seen: list[float] = []

    async def ask() -> None:
        consumer = cast(Any, _app(tmp_path).consumer)

        async def getmany(partitions: object, timeout: float) -> dict[TP, list[object]]:
            seen.append(timeout)
            return {}

        consumer._thread.getmany = getmany
        consumer._active_partitions = {TP("t", 0)}
        await consumer._wait_next_records(1.0)
        consumer.on_buffer_full(TP("t", 1))
        await consumer._wait_next_records(1.0)

    loop.run_until_complete(ask())
    assert seen[0] == 1.0
    assert seen[1] < 0.1


def test_the_transport_makes_our_consumer() -> None:
    assert issubclass(patches.PromptTransport, Transport)
    assert "self._thread.commit(offsets)" in _source(Consumer._commit)
    assert "self.assignment()" in _source(AIOKafkaConsumerThread._commit)


def test_topics_without_acks_are_never_committed_by_faust(
    tmp_path: Path, loop: asyncio.AbstractEventLoop
) -> None:
    async def acknowledged() -> tuple[bool, dict[TP, list[int]]]:
        app = _app(tmp_path)
        message = Message("uptake.batches", 0, 5, 0.0, 0, {}, b"", b"", None, tp=TP("b", 0))
        return app.consumer.ack(message), dict(cast(Any, app.consumer)._acked)

    assert loop.run_until_complete(acknowledged()) == (False, {})


def test_the_tables_have_our_store_and_exactly_named_logs(
    tmp_path: Path, loop: asyncio.AbstractEventLoop
) -> None:
    async def tables() -> dict[str, Any]:
        return dict(cast(Any, _app(tmp_path).tables))

    found = loop.run_until_complete(tables())
    assert {name: table.changelog_topic_name for name, table in found.items()} == {
        "learners": "uptake.state.learners",
        "objects": "uptake.state.objects",
        "rolling": "uptake.state.rolling",
    }
    assert all(isinstance(table.store, EpochStore) for table in found.values())
    assert "self._data = self._new_store()" in _source(cast(property, Collection.data).fget)


def test_a_log_is_read_from_its_beginning_after_every_rebalance(
    tmp_path: Path, loop: asyncio.AbstractEventLoop
) -> None:
    async def forgotten() -> tuple[set[TP], int]:
        app = _app(tmp_path)
        recovery = cast(TableManager, app.tables).recovery
        table = cast(Any, app.tables)["learners"]
        ours, others = TP("uptake.state.learners", 0), TP("uptake.state.rolling", 0)
        recovery.active_offsets[ours] = 7
        recovery.active_offsets[others] = 8
        recovery.buffers[table].append(cast(Any, object()))
        await table.on_rebalance({ours}, set(), set(), 1)
        return set(recovery.active_offsets), len(recovery.buffers)

    left, buffers = loop.run_until_complete(forgotten())
    assert left == {TP("uptake.state.rolling", 0)}
    assert buffers == 0
    assert "table.persisted_offset(tp)" in _source(Recovery._add)


def test_tables_are_told_of_their_recovery_before_input_is_read() -> None:
    source = _source(Recovery.on_recovery_completed)
    told = source.index("table.on_recovery_completed(")
    assert source.index("self.actives_for_table[table]") > told
    assert told < source.index("consumer.resume_partitions(") < source.index("perform_seek()")


def test_what_faust_folds_comes_through_the_store() -> None:
    assert list(inspect.signature(Collection.apply_changelog_batch).parameters) == ["self", "batch"]
    assert "self.data.apply_changelog_batch(" in _source(Collection.apply_changelog_batch)
    assert list(inspect.signature(Store.on_rebalance).parameters) == [
        "self",
        "assigned",
        "revoked",
        "newly_assigned",
        "generation_id",
    ]


def test_partitions_are_given_back_before_the_group_is_joined_again() -> None:
    source = _source(faust.App._on_partitions_revoked)
    assert "await T(self.on_partitions_revoked.send)(revoked)" in source


def test_shutdown_is_told_before_the_producer_ends() -> None:
    source = _source(faust.App.on_stop)
    assert source.index("self.on_before_shutdown.send()") < source.index("self._producer_flush")
