"""One cycle of the sink: the records between two commits, and the rows they become. Pure."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from schemas import records, topics
from schemas.experiments.book import Entry
from schemas.experiments.book import decode as decode_entry
from schemas.records import DeadLetter, Enriched, Indicators, Panes
from sinks.clickhouse import ratings, repairs, rows, tables, unchecked
from sinks.clickhouse.rows import Columns
from sinks.clickhouse.unchecked import Key, Stored


class Write(NamedTuple):
    """Rows for one table."""

    table: str
    columns: Columns


class Cycle:
    """Collects records; a failed `add` changes nothing."""

    def __init__(self) -> None:
        self.rows = 0
        """Rows collected, before whole values of equal key are collapsed."""
        self._enriched: list[Enriched] = []
        self._panes: list[Panes] = []
        self._indicators: list[Indicators] = []
        self._letters: list[DeadLetter] = []
        self._experiments: dict[str, Entry] = {}
        self._add: Final[dict[str, Callable[[bytes], int]]] = {
            topics.ENRICHED: self._add_enriched,
            topics.PANES: self._add_panes,
            topics.INDICATORS: self._add_indicators,
            topics.DEAD_LETTERS: self._add_letter,
            topics.EXPERIMENTS: self._add_experiment,
        }

    def add(self, topic: str, value: bytes) -> None:
        """Take one record.

        Raises msgspec.DecodeError or msgspec.ValidationError for bytes that are no record of the
        topic: our own bug.
        """
        self.rows += self._add[topic](value)

    def _add_enriched(self, value: bytes) -> int:
        record = records.decode_enriched(value)
        self._enriched.append(record)
        outside = len(record.duplicates) + len(record.dead) + len(record.opted_out)
        return len(record.stored) + outside + len(record.marks)

    def _add_panes(self, value: bytes) -> int:
        record = records.decode_panes(value)
        self._panes.append(record)
        return sum(len(series.cells) for series in record.series)

    def _add_indicators(self, value: bytes) -> int:
        record = records.decode_indicators(value)
        self._indicators.append(record)
        return len(record.rows) + len(record.repairs) + len(record.walks)

    def _add_letter(self, value: bytes) -> int:
        self._letters.append(records.decode_dead_letter(value))
        return 1

    def _add_experiment(self, value: bytes) -> int:
        entry = decode_entry(value)
        self._experiments[entry.name] = entry
        return 1

    def unchecked(self) -> list[Key]:
        """Of events that are to be looked up in the store before anything is inserted."""
        return unchecked.keys(self._enriched)

    def decide(self, known: Stored) -> None:
        """Take what the store has already for duplicates."""
        unchecked.set_aside(self._enriched, known)

    def writes(self, now_ms: int) -> Iterator[Write]:
        """What is to be inserted, in this order.

        Marks come after everything that they speak for, so that no query in between takes an
        event for lost. A duplicate comes after the event that it repeats: were it the other way
        round, a kill in between could make each the duplicate of the other. Repairs come after
        the rows that they put in doubt.
        """
        yield Write("dead_letters_log", rows.dead_letters(self._letters))
        yield Write("events_log", rows.events(self._enriched))
        yield Write("voids", rows.voids(self._enriched))
        yield Write("ratings", ratings.columns(self._enriched))
        yield Write("set_aside", rows.set_aside(self._enriched))
        yield Write("marks", rows.marks(self._enriched))
        yield Write("learners", rows.learners(self._enriched))
        yield Write("assets", rows.assets(self._enriched))
        yield Write("consents", rows.consents(self._enriched))
        yield Write("experiments", rows.experiments(self._experiments.values()))
        yield Write("panes", rows.panes(self._panes))
        yield Write("rolling", rows.rolling(self._indicators))
        asks = repairs.asked_repairs(self._indicators, now_ms)
        yield Write("repairs", repairs.columns(asks))
        yield Write("recalls", repairs.columns(repairs.asked_walks(self._indicators, now_ms)))


def received_by_source(events: Columns) -> dict[str, list[int]]:
    """From columns of `events_log`: when events were received (ms), by source."""
    source, received_at = _picked("events_log", events, "source", "received_at")
    return {
        name: [time for one, time in zip(source, received_at, strict=True) if one == name]
        for name in set(source)
    }


def outcomes(write: Write) -> Counter[tuple[str, str]]:
    """Events by (source, outcome): stored, duplicate, dead, opted_out. Empty for tables without
    events."""
    if not write.columns or write.table not in ("events_log", "set_aside"):
        return Counter()
    if write.table == "events_log":
        (source,) = _picked("events_log", write.columns, "source")
        return Counter({(name, "stored"): count for name, count in Counter(source).items()})
    return Counter(zip(*_picked("set_aside", write.columns, "source", "kind"), strict=True))


def _picked(table: str, columns: Columns, *names: str) -> list[Sequence[Any]]:
    order = tables.names(table)
    return [columns[order.index(name)] if columns else () for name in names]
