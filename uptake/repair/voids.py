"""Events that others took back: the stream is told once in each life of the topics between the
stages, with all that the store knows of the event."""

from collections.abc import Iterable, Iterator, Sequence
from time import time_ns

from schemas.partition import learner_partition
from schemas.records import Batch, Event, encode
from schemas.settings import KafkaSettings
from schemas.topics import BATCHES
from sinks.clickhouse.client import Store
from streams.intake import stored
from streams.intake.writer import Writer

_MOST = 5_000
"""Events told at once; the others wait for the next time."""
_BATCH_EVENTS = 500
_WRITE_SECONDS = 60.0


def any_untold(store: Store, life: int) -> bool:
    """Whether there are any, be they in the store or still to come. Raises StoreError."""
    [(count,)] = store.query(f"SELECT count() FROM voids FINAL WHERE turn <= {life}")
    return bool(count)


def untold(store: Store, life: int) -> list[Event]:
    """Those that are in the store, of which the stream was not told in this life. Raises
    StoreError."""
    rows = store.query(
        f"SELECT {stored.COLUMNS}, 1 FROM events_log FINAL {stored.RATED}"
        " WHERE signal != 'voided' AND event_id IN"
        f" (SELECT target FROM voids FINAL WHERE turn <= {life}) ORDER BY event_id LIMIT {_MOST}"
    )
    return list(stored.events(list(zip(*rows, strict=True)))) if rows else []


def _batches(
    events: Sequence[Event], life: int, partitions: int, written_at: int
) -> Iterator[tuple[int, bytes]]:
    """Records of `uptake.batches` that say so: partition and value."""
    by_partition: dict[int, list[Event]] = {}
    for event in events:
        by_partition.setdefault(learner_partition(event.learner, partitions), []).append(event)
    for partition, part in by_partition.items():
        for begin in range(0, len(part), _BATCH_EVENTS):
            voids = part[begin : begin + _BATCH_EVENTS]
            yield partition, encode(Batch(life, written_at, voids=voids))


def tell(kafka: KafkaSettings, client: str, events: Sequence[Event], life: int) -> None:
    """Tell the stream that the events were taken back; `client` names the producer. Raises
    NotWritten."""
    writer = Writer(kafka, client)
    written_at = time_ns() // 1_000_000
    for partition, value in _batches(events, life, kafka.partitions, written_at):
        writer.write(BATCHES, value, partition=partition)
    writer.finish(_WRITE_SECONDS)


def told(store: Store, events: Iterable[Event], life: int) -> None:
    """Note that the stream was told in this life. Raises StoreError."""
    targets = sorted({event.event_id for event in events})
    rows = [(target, 0, life + 1) for target in targets]
    store.insert("voids", list(zip(*rows, strict=True)))
