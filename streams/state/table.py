"""The Faust table behind which an agent's epoch log lies.

Faust assigns the log's partitions together with the input's, and reads them back after each
rebalance; writing is not Faust's part. No partition is kept over a rebalance: a worker that was
thrown out and let in again finds old partitions in its hands that Faust calls neither revoked nor
new, so everything is dropped and read again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from time import monotonic
from typing import Any, Protocol

import faust
from faust.stores.base import Store
from faust.types import TP, AppT, EventT

from schemas.metrics import RECOVERY_SECONDS
from schemas.topics import state_topic
from streams.agents.patches import commit_offsets, committed_offset, forget_log
from streams.state.compact import compact
from streams.state.errors import Guard, InputLost, LogEmpty, LogNotRead
from streams.state.rows import EpochRows

_RECOVERY_BUFFER = 4
"""Records folded at once. 1 has another meaning in Faust; its default of 1,000 holds gigabytes."""


class Owner(Protocol):
    """Who works with the rows."""

    def lost(self) -> None:
        """Every partition is gone: a rebalance begins."""

    def gained(self, parts: Mapping[int, EpochRows]) -> None:
        """The state of these partitions is whole; their input comes next."""

    def failed(self, error: Exception) -> None:
        """The state could not be read: stop the worker."""


class EpochStore(Store[int, EpochRows]):
    """The rows of the partitions we hold; Faust folds the log into it.

    `life` counts the rebalances. `begun` has the offset of the first record that was folded since
    the last one, by partition.
    """

    def __post_init__(self) -> None:
        self.parts: dict[int, EpochRows] = {}
        self.begun: dict[int, int] = {}
        self.error: Exception | None = None
        self.life = 0
        self._asked_in = 0
        self.began = monotonic()
        self.lost: Callable[[], None] = _nothing

    def part(self, partition: int) -> EpochRows:
        """The rows of one partition; empty when nothing was read."""
        return self.parts.setdefault(partition, EpochRows())

    def apply_changelog_batch(
        self,
        batch: Iterable[EventT[Any]],
        to_key: Callable[[Any], int],
        to_value: Callable[[Any], EpochRows],
    ) -> None:
        """Fold records. An error is kept: Faust would log it and try the same records for ever."""
        ours = self.table.changelog_topic.get_topic_name()
        with Guard(self._keep_error):
            for message in [event.message for event in batch]:
                # Faust hands a record that is left over from before a rebalance to any table.
                if self.error is None and message.topic == ours and message.value is not None:
                    self.begun.setdefault(message.partition, message.offset)
                    self.part(message.partition).fold(message.value, message.offset)

    def _keep_error(self, error: Exception) -> None:
        self.error = error

    def persisted_offset(self, tp: TP) -> int | None:
        """Always read from the beginning. Faust asks when it begins to read after a rebalance."""
        self._asked_in = self.life
        return None

    def is_of(self, life: int) -> bool:
        """Whether what was read is that of this life: no rebalance came since, and Faust has begun
        to read after the last one. Between the two it may finish a reading of before."""
        return self.life == self._asked_in == life

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],
        newly_assigned: set[TP],
        generation_id: int = 0,
    ) -> None:
        """Drop everything, also what Faust remembers of how far it has read."""
        self.lost()
        self.life += 1
        self.began = monotonic()
        self.parts.clear()
        self.begun.clear()
        self.error = None
        forget_log(self.app, self.table.changelog_topic.get_topic_name())

    def reset_state(self) -> None:
        """Nothing lies on disk."""

    async def backup_partition(
        self, tp: TP | int, flush: bool = True, purge: bool = False, keep: int = 1
    ) -> None:
        """Nothing lies on disk."""

    def restore_backup(self, tp: TP | int, latest: bool = True, backup_id: int = 0) -> None:
        """Nothing lies on disk."""

    def _clear(self) -> None:
        self.parts.clear()

    def __len__(self) -> int:
        return len(self.parts)

    def __iter__(self) -> Iterator[int]:
        return iter(self.parts)

    def __getitem__(self, partition: int) -> EpochRows:
        return self.parts[partition]

    def __setitem__(self, partition: int, rows: EpochRows) -> None:
        raise TypeError("rows come from the log alone")

    def __delitem__(self, partition: int) -> None:
        raise TypeError("rows go at a rebalance")


def _nothing() -> None:
    """Before there is an owner."""


class EpochTable(faust.Table[int, Any]):
    """The state of one agent."""

    def __init__(self, app: AppT, agent: str, source: str, partitions: int, alone: bool) -> None:
        topic = app.topic(
            state_topic(agent),
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
            partitions=partitions,
            acks=False,
            internal=True,
            maxsize=_RECOVERY_BUFFER * 16,
            allow_empty=True,
        )
        super().__init__(
            app,
            name=agent,
            partitions=partitions,
            key_type=bytes,
            value_type=bytes,
            changelog_topic=topic,
            recovery_buffer_size=_RECOVERY_BUFFER,
        )
        self.agent = agent
        self.source = source
        self._exact_ends = alone
        self._owner: Owner | None = None

    def belongs_to(self, owner: Owner) -> None:
        """Say who works with the rows."""
        self._owner = owner
        self.store.lost = owner.lost

    @property
    def store(self) -> EpochStore:
        """The rows of the partitions we hold."""
        store = self.data
        assert isinstance(store, EpochStore)
        return store

    def _new_store(self) -> EpochStore:
        return EpochStore("epoch://", self.app, self, table_name=self.name)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """The log was read: check it, set where the input is read from, hand the rows over.

        Faust waits for this before it goes on, but never looks at its errors.
        """
        owner = self._owner
        assert owner is not None
        with Guard(owner.failed):
            await self._hand_over(active_tps, owner)
        await super().on_recovery_completed(active_tps, standby_tps)

    async def _hand_over(self, active_tps: set[TP], owner: Owner) -> None:
        store = self.store
        life = store.life
        if not store.is_of(life):
            return
        if store.error is not None:
            raise store.error
        partitions = sorted(
            tp.partition for tp in active_tps if tp.topic == self.changelog_topic_name
        )
        if not partitions:
            return
        sources = [TP(self.source, partition) for partition in partitions]
        logs = [TP(self.changelog_topic_name, partition) for partition in partitions]
        first = await self.app.consumer.earliest_offsets(*sources, *logs)
        end = await self.app.consumer.highwaters(*sources, *logs)
        taken = await self._taken([tp for tp in sources if store.part(tp.partition).is_new])
        if not store.is_of(life):
            return
        for source, log in zip(sources, logs, strict=True):
            rows = store.part(source.partition)
            self._check_read(log, first[log], end[log])
            if rows.is_new:
                self._check_new(source, first[source], taken[source])
            self._place(rows, source, first, end)
        compact([store.part(partition) for partition in partitions])
        # What was applied decides where reading begins, not what was committed.
        await commit_offsets(
            self.app, {tp: store.part(tp.partition).position + 1 for tp in sources}
        )
        if not store.is_of(life):
            return
        owner.gained({partition: store.part(partition) for partition in partitions})
        RECOVERY_SECONDS.labels(self.agent).set(monotonic() - store.began)

    async def _taken(self, sources: Sequence[TP]) -> dict[TP, int]:
        """How far the input of partitions without state was read, where that may be believed."""
        # The embedded broker may hide a log's only record; its input is all there to be read anew.
        if not self._exact_ends:
            return dict.fromkeys(sources, 0)
        return {tp: await committed_offset(self.app, tp) or 0 for tp in sources}

    def _check_read(self, log: TP, first: int, end: int) -> None:
        """Faust has read the log from its beginning. Raises LogNotRead.

        Else what lies in the log is no matter for a verdict on it. Where the log is cut off while
        it is read, its beginning only rises.
        """
        begun = self.store.begun.get(log.partition)
        if first < (end if begun is None else begun):
            read = "nothing" if begun is None else f"what comes from {begun} on"
            raise LogNotRead(
                f"{log.topic}/{log.partition} holds records from {first} up to {end}, and {read}"
                " was read of it"
            )

    def _check_new(self, source: TP, first: int, taken: int) -> None:
        """There is no state: then nothing may have been taken of the input. Raises StateError."""
        if taken > 0:
            raise LogEmpty(
                f"{self.changelog_topic_name}/{source.partition} is empty, but"
                f" {source.topic}/{source.partition} was read up to {taken}"
            )
        if first > 0:
            raise InputLost(
                f"{source.topic}/{source.partition} begins at {first}, and"
                f" {self.changelog_topic_name}/{source.partition} is empty"
            )

    def _place(
        self, rows: EpochRows, source: TP, first: Mapping[TP, int], end: Mapping[TP, int]
    ) -> None:
        """Check that the state's position lies inside its input. Raises StateError."""
        rows.check()
        if rows.is_new:
            rows.begin_at(first[source])
            return
        reached = rows.position + 1
        if reached < first[source]:
            raise InputLost(
                f"{source.topic}/{source.partition} begins at {first[source]}, "
                f"read was only up to {reached}: its retention is too short"
            )
        # The embedded broker names an end a few records too low.
        if self._exact_ends and reached > end[source]:
            raise InputLost(
                f"{source.topic}/{source.partition} ends at {end[source]}, the state has read "
                f"up to {reached}: the topic was made again, or its last records were lost"
            )
