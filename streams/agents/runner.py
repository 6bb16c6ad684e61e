"""Runs one stage on every partition the worker holds: the same for all three agents."""

import asyncio
import logging
from collections.abc import AsyncIterable, Callable, Coroutine, Mapping
from time import monotonic, time
from typing import Any, cast

from faust import Stream
from faust.types import TP, AppT, EventT

from schemas.metrics import (
    LAG_RECORDS,
    LAG_SECONDS,
    MEMORY_HELD,
    MEMORY_HORIZON,
    MEMORY_OVER_BUDGET,
    OFFSET_CHECKS,
    RECORDS,
    STATE_ROWS,
)
from schemas.records import Fingerprint
from schemas.settings import Settings
from schemas.topics import state_topic
from streams.agents.heartbeat import Heartbeat
from streams.agents.lane import Lane, Verdict
from streams.agents.patches import commit_offsets, read_position, seek
from streams.model.horizon import KEPT_DAYS
from streams.model.stage import NEVER, Memory, Output, StageFactory
from streams.state.errors import Guard, InputStuck
from streams.state.fingerprint import sign
from streams.state.log import Acknowledged, EpochLog, Trimmer
from streams.state.rows import EpochRows
from streams.state.table import EpochTable

_SEEK_AGAIN_SECONDS = 1.0
_STUCK_SECONDS = 30.0
_COMMIT_SECONDS = 1.0
_SWALLOWED_SECONDS = 3.0
_DAY_SECONDS = 86_400

_MANY_RECORDS = 16
"""So many unread records of a partition mean that the worker is behind; a poll of intake makes
one or two."""

_log = logging.getLogger(__name__)


class FaustSender:
    """Sends through the app's producer."""

    def __init__(self, app: AppT) -> None:
        self._app = app

    async def send(self, output: Output) -> "asyncio.Future[Acknowledged]":
        """See `streams.state.log.Sender`."""
        future = await self._app.producer.send(
            output.topic, None, output.value, output.partition, None, None
        )
        return cast("asyncio.Future[Acknowledged]", future)


class _Gap:
    """Since when a partition's next record is missing."""

    def __init__(self) -> None:
        self.since = monotonic()
        self.sought = 0.0


class AgentRunner:
    """One agent: its table, its lanes. Implements `streams.state.table.Owner`."""

    def __init__(
        self,
        app: AppT,
        agent: str,
        source: str,
        factory: StageFactory,
        settings: Settings,
        made_by: Fingerprint,
        heartbeat: Heartbeat,
        fail: Callable[[Exception], None],
    ) -> None:
        self.agent = agent
        self.source = source
        # The embedded broker says wrong ends, so nothing may be concluded from them.
        self._alone = not settings.kafka.memory_only
        self.table = EpochTable(app, agent, source, settings.kafka.partitions, self._alone)
        self.table.belongs_to(self)
        self._app = app
        self._factory = factory
        self._settings = settings
        self._made_by = made_by
        self._heartbeat = heartbeat
        self._fail = fail
        self._sender = FaustSender(app)
        self._trimmer = Trimmer(settings.kafka)
        self._lanes: dict[int, Lane] = {}
        self._gaps: dict[int, _Gap] = {}
        self._committed: dict[TP, int] = {}
        self._next_commit = 0.0
        self._read_at: dict[int, float] = {}
        self._awaited: dict[int, tuple[int, float]] = {}
        self._over_budget: set[int] = set()
        self._tasks: dict[object, asyncio.Task[None]] = {}

    # What the table says

    def lost(self) -> None:
        """Every partition is gone: a rebalance begins."""
        for partition in self._lanes:
            STATE_ROWS.labels(self.agent, partition).set(0)
            self._note_memory(partition, Memory(NEVER, 0, False))
        self._lanes.clear()
        self._gaps.clear()
        self._awaited.clear()
        self._committed.clear()

    def gained(self, parts: Mapping[int, EpochRows]) -> None:
        """The state of these partitions is whole; their input comes next."""
        for partition, rows in parts.items():
            self._lanes[partition] = self._lane(partition, rows)
        # To rebuild what is derived from a large state takes seconds.
        self._heartbeat.excuse()
        count = sum(len(rows) for rows in parts.values())
        _log.info("%s: partitions %s are ready, %d rows", self.agent, sorted(parts), count)

    def _lane(self, partition: int, rows: EpochRows) -> Lane:
        stage = self._factory(rows, partition)
        stage.recovered()
        sign(rows, self._made_by, f"{self.agent}/{partition}")
        log = EpochLog(state_topic(self.agent), partition, self._sender, self._trimmer)
        worker = self._settings.worker
        return Lane(self.agent, rows, stage, log, self._sender, worker, self._alone, self._fail)

    def failed(self, error: Exception) -> None:
        """The state could not be read."""
        self._fail(error)

    # What Faust says

    async def consume(self, stream: Stream[Any]) -> None:
        """The body of the Faust agent. An error stops the worker: never go on with half a record
        applied."""
        events = cast(AsyncIterable[EventT[Any]], stream.noack().events())
        with Guard(self._fail):
            async for event in events:
                await self._take(event)

    async def _take(self, event: EventT[Any]) -> None:
        message = event.message
        lane = self._lanes.get(message.partition)
        if lane is None:
            return
        self._heartbeat.check()
        verdict = await lane.take(cast(bytes, event.value), message.offset)
        if verdict is Verdict.TAKEN:
            RECORDS.labels(self.agent).inc()
            self._gaps.pop(message.partition, None)
            self._read_at[message.partition] = message.timestamp or 0.0
            return
        OFFSET_CHECKS.labels(self.agent, verdict.value).inc()
        if verdict is Verdict.EARLY and message.partition not in self._gaps:
            # Faust resumes a partition before it seeks (upstream 596), and skips after rebalances.
            self._gaps[message.partition] = _Gap()

    # Time

    def tick(self) -> None:
        """To be called often; begins what is due, each beside the others."""
        now = monotonic()
        for partition, lane in self._lanes.items():
            if lane.is_due(now, self._unread(partition, lane) >= _MANY_RECORDS):
                self._begin(partition, lane.end_epoch())
        if self._gaps:
            self._begin("seek", self._seek_missing())
        if now >= self._next_commit:
            self._next_commit = now + _COMMIT_SECONDS
            self._begin("commit", self._commit())
            self._note_state()
            if not any(lane.is_taking for lane in self._lanes.values()):
                self._find_swallowed(now)

    def _begin(self, name: object, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` as a task, unless the last one of this name still runs."""
        if name in self._tasks:
            work.close()
            return
        task = asyncio.create_task(self._guarded(work))
        self._tasks[name] = task
        task.add_done_callback(lambda _: self._tasks.pop(name))

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        with Guard(self._fail):
            await work

    def _note_state(self) -> None:
        for partition, lane in self._lanes.items():
            STATE_ROWS.labels(self.agent, partition).set(len(lane.rows))
            self._note_memory(partition, lane.memory)
            unread = self._unread(partition, lane)
            age = time() - self._read_at.get(partition, time()) if unread else 0.0
            LAG_RECORDS.labels("worker", self.source, partition).set(unread)
            LAG_SECONDS.labels("worker", self.source, partition).set(max(0.0, age))

    def _note_memory(self, partition: int, memory: Memory) -> None:
        MEMORY_HELD.labels(self.agent, partition).set(memory.held)
        MEMORY_OVER_BUDGET.labels(self.agent, partition).set(memory.over_budget)
        MEMORY_HORIZON.labels(self.agent, partition).set(max(0, memory.horizon) * _DAY_SECONDS)
        if memory.over_budget and partition not in self._over_budget:
            _log.warning(
                "%s/%d: memory holds %d MB, more than its budget, and lets nothing more go: "
                "the last %d days are always kept; raise worker.memory_mb, over a clean stop",
                self.agent,
                partition,
                memory.held // 1_000_000,
                KEPT_DAYS,
            )
        (self._over_budget.add if memory.over_budget else self._over_budget.discard)(partition)

    def _unread(self, partition: int, lane: Lane) -> int:
        """How many records wait, by what the last fetch said of the end."""
        end = self._app.monitor.tp_end_offsets.get(TP(self.source, partition)) or 0
        return max(0, end - lane.rows.position - 1)

    def _find_swallowed(self, now: float) -> None:
        """Find records that Faust took and gave to nobody, with none behind them to show it.

        In a rebalance Faust drops what it has fetched, and may go on behind it.
        """
        for partition, lane in self._lanes.items():
            offset = lane.rows.position + 1
            read = read_position(self._app, TP(self.source, partition)) or 0
            if read <= offset:
                self._awaited.pop(partition, None)
                continue
            awaited, since = self._awaited.get(partition, (-1, now))
            if awaited != offset:
                self._awaited[partition] = (offset, now)
            elif now - since >= _SWALLOWED_SECONDS and partition not in self._gaps:
                place = f"{self.source}/{partition}"
                _log.warning("%s: record %d was read and not handed over", place, offset)
                self._gaps[partition] = _Gap()

    async def _seek_missing(self) -> None:
        """A seek can get lost, for it races with fetches under way; so it is repeated."""
        now = monotonic()
        for partition, gap in [*self._gaps.items()]:
            lane = self._lanes.get(partition)
            if lane is None or now - gap.sought < _SEEK_AGAIN_SECONDS:
                continue
            offset = lane.rows.position + 1
            if now - gap.since > _STUCK_SECONDS:
                raise InputStuck(f"{self.source}/{partition}: record {offset} does not come")
            gap.sought = now
            await seek(self._app, TP(self.source, partition), offset)

    async def _commit(self) -> None:
        """Commit what the log has reached; it only tells others how far we are."""
        news = {
            tp: offset
            for tp, offset in self._positions().items()
            if self._committed.get(tp) != offset
        }
        if news and not self._app.rebalancing and await commit_offsets(self._app, news):
            self._committed.update(news)

    def _positions(self) -> dict[TP, int]:
        return {
            TP(self.source, partition): lane.done + 1 for partition, lane in self._lanes.items()
        }

    # Ends

    @property
    def is_busy(self) -> bool:
        """Whether partitions are held."""
        return bool(self._lanes)

    async def release(self) -> None:
        """Write what was applied, before partitions are given back.

        Raises StoodStill and what the stage and the producer raise.
        """
        self._heartbeat.check()
        # Whoever may not commit was thrown out of the group, and may not write either.
        if self._lanes and await commit_offsets(self._app, self._positions()):
            for lane in self._lanes.values():
                await lane.end_epoch()
            for lane in self._lanes.values():
                await lane.landed()
            await commit_offsets(self._app, self._positions())
        self.lost()
