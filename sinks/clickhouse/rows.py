"""Records -> columns of the tables, by name of table and in the order of tables.INSERTED. Pure.

Times stay integers (milliseconds), which the client takes as they are. Everything is built by
column: a dict or an object for each row would cost more than the rest of the sink.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from schemas.consent import ConsentEntry
from schemas.experiments.book import Entry
from schemas.records import (
    AssetEntry,
    Attribute,
    DeadLetter,
    Enriched,
    IndicatorRow,
    Indicators,
    LearnerEntry,
    Mark,
    Panes,
    version_of,
)
from schemas.topics import SOURCES

Columns = list[Sequence[Any]]

_PaneSeries = tuple[str, str, str, str, int]
"""Indicator, kind of cohort, cohort; agent and its partition."""
_Versioned = tuple[int, list[int]]
"""A cell and its version, the version first."""

VOIDED: Final = "voided"
"""Signal of an event that takes another one back."""

GRAINS: Final = ("minute", "hour", "day")
_GRAIN_MS: Final = (60_000, 3_600_000, 86_400_000)
_NO_ID: Final = bytes(16)
_Entry = TypeVar("_Entry", LearnerEntry, AssetEntry, ConsentEntry)

_of_row: Final = attrgetter("n", "num", "den", "people", "standing", "removed")
_of_letter: Final = attrgetter(
    "received_at", "dead_at", "source", "stage", "reason", "detail", "topic", "partition",
    "offset", "generation", "code_version", "key", "value", "headers",
)  # fmt: skip
_of_learner: Final = attrgetter(
    "learner", "team", "manager", "region", "eligible", "since", "removed", "changed_at"
)
_of_asset: Final = attrgetter(
    "asset_id", "kind", "module", "title", "removed", "changed_at", "quality"
)

_of_consent: Final = attrgetter("learner", "opted_out", "notes", "removed", "changed_at")

_whose: Final = attrgetter("learner")
_named: Final = attrgetter("asset_id")

_encode_json: Final = msgspec.json.Encoder().encode
_decode_attributes: Final = msgspec.json.Decoder(dict[str, Attribute]).decode


def events(records: Sequence[Enriched]) -> Columns:
    """Columns of `events_log`: one row an event that is stored."""
    stored = [entry for record in records for entry in record.stored]
    if not stored:
        return []
    packed = [entry.event for entry in stored]
    return [
        [event.event_id for event in packed],
        [event.occurred_at for event in packed],
        [event.received_at for event in packed],
        [SOURCES[event.source] for event in packed],
        [entry.signal for entry in stored],
        [event.verb for event in packed],
        [event.object_id for event in packed],
        [event.object_type for event in packed],
        [event.parent for event in packed],
        [event.learner for event in packed],
        [entry.team for entry in stored],
        [entry.manager for entry in stored],
        [entry.region for entry in stored],
        [entry.eligible for entry in stored],
        [entry.module for entry in stored],
        [event.success for event in packed],
        [event.completion for event in packed],
        [event.score for event in packed],
        [event.duration_ms for event in packed],
        [attributes_text(event.attributes) if event.attributes else "" for event in packed],
        [event.partition for event in packed],
        [event.offset for event in packed],
        [event.generation for event in packed],
        _repeated(records, "batch_partition"),
        _repeated(records, "batch_offset"),
        _repeated(records, "generation"),
    ]


def attributes_text(values: dict[str, Attribute]) -> str:
    """Attributes as JSON text from which `attributes_of` makes the same values and types."""
    return _encode_json(values).decode()


def attributes_of(text: str) -> dict[str, Attribute]:
    """Attributes back from the column of that name. Raises msgspec.ValidationError."""
    return _decode_attributes(text) if text else {}


def _repeated(records: Sequence[Enriched], name: str) -> list[int]:
    values: list[int] = []
    for record in records:
        values += [getattr(record, name)] * len(record.stored)
    return values


def set_aside(records: Iterable[Enriched]) -> Columns:
    """Columns of `set_aside`: one row a duplicate or dead event, or of one who opted out."""
    rows: list[tuple[object, ...]] = []
    for record in records:
        for dead in record.dead:
            rows.append((
                "dead", SOURCES[dead.source], dead.partition, dead.offset, dead.generation,
                dead.received_at, dead.reason, _NO_ID, "", 0, 0, 0,
            ))  # fmt: skip
        for again in record.duplicates:
            first = again.first
            rows.append((
                "duplicate", SOURCES[again.source], again.partition, again.offset,
                again.generation, again.received_at, "", again.event_id,
                SOURCES[first.source], first.partition, first.offset, first.generation,
            ))  # fmt: skip
        for out in record.opted_out:
            rows.append((
                "opted_out", SOURCES[out.source], out.partition, out.offset, out.generation,
                out.received_at, "", _NO_ID, "", 0, 0, 0,
            ))  # fmt: skip
    return _by_column(rows)


def marks(records: Iterable[Enriched]) -> Columns:
    """Columns of `marks`: one row a source partition and batches partition, the furthest."""
    furthest: dict[tuple[int, int, int, int], Mark] = {}
    for record in records:
        for mark in record.marks:
            key = (mark.source, mark.generation, mark.partition, record.batch_partition)
            known = furthest.get(key)
            if known is None or known.next_offset <= mark.next_offset:
                furthest[key] = mark
    return _by_column([
        (
            SOURCES[source], generation, partition, batch_partition,
            mark.first_offset, mark.next_offset, mark.skipped,
        )
        for (source, generation, partition, batch_partition), mark in furthest.items()
    ])  # fmt: skip


def voids(records: Iterable[Enriched]) -> Columns:
    """Columns of `voids`: one row an event that is taken back, once."""
    asked = {
        target: entry.event.received_at
        for record in records
        for entry in record.stored
        if entry.signal == VOIDED
        for target in _target(entry.event.attributes.get("voids"))
    }
    return _by_column([(target, at, 0) for target, at in asked.items()])


def _target(named: Attribute | None) -> list[bytes]:
    """The id that a voiding event names; what is no id names nothing."""
    try:
        return [UUID(named).bytes] if isinstance(named, str) else []
    except ValueError:
        return []


def learners(records: Iterable[Enriched]) -> Columns:
    """Columns of `learners`: one row a directory line, the newest."""
    entries = (entry for record in records for entry in record.learners)
    return _newest(entries, _whose, _of_learner)


def assets(records: Iterable[Enriched]) -> Columns:
    """Columns of `assets`: one row a directory line, the newest. Each batches partition repeats
    the lines."""
    entries = (entry for record in records for entry in record.assets)
    return _newest(entries, _named, _of_asset)


def consents(records: Iterable[Enriched]) -> Columns:
    """Columns of `consents`: one row a person, the newest."""
    entries = (entry for record in records for entry in record.consents)
    return _newest(entries, _whose, _of_consent)


def _newest(
    entries: Iterable[_Entry],
    key: Callable[[_Entry], object],
    row: Callable[[_Entry], tuple[Any, ...]],
) -> Columns:
    """A row of the newest entry of each key."""
    newest: dict[object, _Entry] = {}
    for entry in entries:
        name = key(entry)
        known = newest.get(name)
        if known is None or known.changed_at <= entry.changed_at:
            newest[name] = entry
    return _by_column([row(entry) for entry in newest.values()])


def experiments(entries: Iterable[Entry]) -> Columns:
    """Columns of `experiments`: one row an experiment."""
    return _by_column([
        (
            entry.name, entry.definition, entry.running, _encode_json(entry.switches).decode(),
            len(entry.switches), entry.changed_at,
        )
        for entry in entries
    ])  # fmt: skip


def panes(records: Iterable[Panes]) -> Columns:
    """Columns of `panes`: one row a cell, the newest version. Quiet records hold values that are
    not whole yet and say nothing."""
    # Most rows of the sink are these, so a cell costs one look-up by two numbers.
    newest: dict[_PaneSeries, dict[tuple[int, int], _Versioned]] = {}
    for record in records:
        if record.quiet:
            continue
        version = version_of(record.generation, record.position)
        for series in record.series:
            name = (series.indicator, series.cohort_kind, series.cohort)
            cells = newest.setdefault((*name, record.agent, record.partition), {})
            for cell in series.cells:
                key = (cell[0], cell[1])
                known = cells.get(key)
                if known is None or known[0] <= version:
                    cells[key] = (version, cell)
    return _of_panes(newest)


def _of_panes(newest: dict[_PaneSeries, dict[tuple[int, int], _Versioned]]) -> Columns:
    names: list[list[Any]] = [[] for _ in range(5)]
    for name, of_series in newest.items():
        for column, value in zip(names, name, strict=True):
            column += [value] * len(of_series)
    indicator, cohort_kind, cohort, agent, partition = names
    if not indicator:
        return []
    found = [each for cells in newest.values() for each in cells.values()]
    cells = [cell for _, cell in found]
    return [
        indicator,
        cohort_kind,
        cohort,
        [GRAINS[cell[0]] for cell in cells],
        [cell[1] * _GRAIN_MS[cell[0]] for cell in cells],
        agent,
        partition,
        *([cell[place] for cell in cells] for place in range(2, 8)),
        [version for version, _ in found],
    ]


def rolling(records: Iterable[Indicators]) -> Columns:
    """Columns of `rolling`: one row an indicator, cohort, window and slide, the newest version."""
    newest: dict[tuple[object, ...], tuple[int, int, IndicatorRow]] = {}
    for record in records:
        version = version_of(record.generation, record.position)
        written_at = record.written_at
        for row in record.rows:
            key = (row.indicator, row.cohort_kind, row.cohort, row.window, row.window_end)
            known = newest.get(key)
            if known is None or known[0] <= version:
                newest[key] = (version, written_at, row)
    return _by_column([
        (*key, *_of_row(row), written_at, version)
        for key, (version, written_at, row) in newest.items()
    ])  # fmt: skip


def dead_letters(letters: Iterable[DeadLetter]) -> Columns:
    """Columns of `dead_letters_log`: one row a dead letter."""
    return _by_column([_of_letter(letter) for letter in letters])


def _by_column(rows: Sequence[tuple[Any, ...]]) -> Columns:
    return list(zip(*rows, strict=True))
