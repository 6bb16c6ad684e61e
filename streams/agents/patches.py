"""What is replaced in Faust 0.15, and why. tests/upstream fails when one of these places changes.

Faust reads without a pause only if its input is never full, waits 1.5 s for a fetch, and has no
setting for an idempotent producer.
"""

from collections.abc import Mapping
from typing import Any, cast

import aiokafka
from aiokafka.errors import IllegalStateError
from faust import App
from faust.tables.manager import TableManager
from faust.transport.drivers.aiokafka import (
    AIOKafkaConsumerThread,
    Consumer,
    Producer,
    Transport,
)
from faust.types import TP, AppT, CollectionT
from mode import Seconds

FETCH_WAIT_MS = 50
"""How long a fetch waits for records. While one waits, partitions that were not part of it wait
too, so this bounds the latency of each agent."""

_FULL_SECOND = 1.0
_WHILE_FULL_SECONDS = 0.002


class IdempotentProducer(Producer):
    """Each record once and in order, also when the producer tries again."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}


class PromptConsumerThread(AIOKafkaConsumerThread):
    """Fetches with FETCH_WAIT_MS; Faust has 1,500 written down."""

    def _create_worker_consumer(self, transport: Transport) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer


class PromptConsumer(Consumer):
    """Goes on as soon as an agent has room again.

    When the buffers of all partitions are full, Faust sleeps for a second; when some are, it waits
    up to a second for records of the others.
    """

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return PromptConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def sleep(self, n: Seconds) -> None:
        """Sleep; a full second is what `_wait_next_records` asks for when all is full."""
        await super().sleep(_WHILE_FULL_SECONDS if n == _FULL_SECOND else n)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        if self._buffered_partitions:
            timeout = _WHILE_FULL_SECONDS
        return await super()._getmany(active_partitions, timeout)


class PromptTransport(Transport):
    """Reads with the above, writes with Faust's own producer."""

    Consumer = PromptConsumer


class IdempotentTransport(PromptTransport):
    """Reads and writes with the above."""

    Producer = IdempotentProducer


def install(app: App, idempotent: bool) -> None:
    """Use the above in this app; before it starts.

    `idempotent` is not for the embedded broker, which refuses the old request by which aiokafka
    asks for a producer id. There a record is repeated only after a lost connection to a broker
    that is still there, on the same machine.
    """
    transport = IdempotentTransport if idempotent else PromptTransport
    app.transport = transport(app.conf.broker_consumer, app)


def check_group(app: AppT) -> None:
    """Raises KafkaError when aiokafka has given up on the group.

    Its coordination ends for good on an error that it does not expect, such as the assertion it
    makes when a broker that has just started names no brokers yet; it tells only those who fetch,
    and a worker without partitions does not: it would wait for ever. May be called from any
    thread.
    """
    # Not `app.consumer`, which makes one where there is none yet.
    ours = cast(PromptConsumer | None, cast(App, app)._consumer)
    consumer = ours._thread._consumer if ours is not None else None
    task = getattr(consumer._coordinator, "_coordination_task", None) if consumer else None
    if task is not None and task.done() and not task.cancelled():
        error = task.exception()
        if error is not None:
            raise error


def ask_for_missing(app: AppT) -> None:
    """Ask for the partitions of our topics again where the broker named none at the last joining.

    A broker that has just started names no topics for a moment. The leader of the group then gives
    out nothing, and aiokafka would look again only when its metadata is five minutes old. May be
    called from any thread.
    """
    ours = cast(PromptConsumer | None, cast(App, app)._consumer)
    consumer = ours._thread._consumer if ours is not None else None
    if ours is None or consumer is None:
        return
    known = getattr(consumer._coordinator, "_metadata_snapshot", {})
    if not all(known.values()):
        ours._thread.thread_loop.call_soon_threadsafe(consumer._client.force_metadata_update)


async def commit_offsets(app: AppT, offsets: Mapping[TP, int]) -> bool:
    """Commit where each input partition is read from next. False: not a member of the group now.

    Faust commits what was acknowledged and jumps over gaps in that (upstream 606), so nothing is
    ever acknowledged, and this is the only commit.
    """
    return await cast(Consumer, app.consumer)._commit(offsets)


async def committed_offset(app: AppT, tp: TP) -> int | None:
    """What the group has committed of an input partition that is ours; None: nothing."""
    thread = cast(PromptConsumer, app.consumer)._thread
    found: int | None = await thread.call_thread(thread._ensure_consumer().committed, tp)
    return found


def forget_log(app: AppT, topic: str) -> None:
    """Let Faust read a table's log from its beginning, whatever it has read of it before."""
    recovery = cast(TableManager, app.tables).recovery
    for table in [table for table in recovery.buffers if _log_of(table) == topic]:
        del recovery.buffers[table]
    for tp in [tp for tp in recovery.active_offsets if tp.topic == topic]:
        recovery.revoke(tp)


def _log_of(table: CollectionT) -> str:
    return table.changelog_topic.get_topic_name()


def read_position(app: AppT, tp: TP) -> int | None:
    """The offset behind the last record that the client has given to Faust; None: not ours."""
    client = cast(PromptConsumer, app.consumer)._thread._ensure_consumer()
    subscription = client._subscription.subscription
    if subscription is None or subscription.assignment is None:
        return None
    if tp not in subscription.assignment.tps:
        return None
    state = subscription.assignment.state_value(tp)
    return state.position if state.has_valid_position else None


async def seek(app: AppT, tp: TP, offset: int) -> None:
    """Read this partition from `offset` on; nothing happens when it is not ours any more."""
    try:
        await app.consumer.seek_wait({tp: offset})
    except IllegalStateError:
        return
