"""The tables and columns that the code expects, as declared data.

`INSERTED` lists, by table, the columns that rows.py fills, in its order. `EXPECTED` adds what
ClickHouse fills by itself. A test compares it with system.columns of a migrated database.
"""

from typing import Final

_TIME: Final = "DateTime64(3, 'UTC')"
_WORD: Final = "LowCardinality(String)"

INSERTED: Final[dict[str, dict[str, str]]] = {
    "events_log": {
        "event_id": "FixedString(16)",
        "occurred_at": _TIME,
        "received_at": _TIME,
        "source": _WORD,
        "signal": _WORD,
        "verb": _WORD,
        "object_id": "String",
        "object_type": _WORD,
        "parent": "String",
        "learner": "FixedString(16)",
        "team": _WORD,
        "manager": _WORD,
        "region": _WORD,
        "eligible": "Bool",
        "module": _WORD,
        "success": "Nullable(Bool)",
        "completion": "Nullable(Bool)",
        "score": "Nullable(Float64)",
        "duration_ms": "Nullable(Int64)",
        "attributes": "String",
        "partition": "Int32",
        "offset": "Int64",
        "generation": "UInt32",
        "batch_partition": "Int32",
        "batch_offset": "Int64",
        "batch_generation": "UInt32",
    },
    "set_aside": {
        "kind": _WORD,
        "source": _WORD,
        "partition": "Int32",
        "offset": "Int64",
        "generation": "UInt32",
        "received_at": _TIME,
        "reason": _WORD,
        "event_id": "UUID",
        "first_source": _WORD,
        "first_partition": "Int32",
        "first_offset": "Int64",
        "first_generation": "UInt32",
    },
    "marks": {
        "source": _WORD,
        "generation": "UInt32",
        "partition": "Int32",
        "batch_partition": "Int32",
        "first_offset": "Int64",
        "next_offset": "Int64",
        "skipped": "Int64",
    },
    "source_ends": {
        "source": _WORD,
        "generation": "UInt32",
        "partition": "Int32",
        "first_offset": "Int64",
        "end_offset": "Int64",
        "batch_partitions": "UInt32",
        "seen_at": _TIME,
    },
    "panes": {
        "indicator": _WORD,
        "cohort_kind": _WORD,
        "cohort": _WORD,
        "grain": _WORD,
        "slot_start": _TIME,
        "agent": _WORD,
        "partition": "Int32",
        "n": "Int64",
        "num": "Int64",
        "den": "Int64",
        "p": "Int64",
        "q": "Int64",
        "standing": "Int64",
        "version": "UInt64",
    },
    "rolling": {
        "indicator": _WORD,
        "cohort_kind": _WORD,
        "cohort": _WORD,
        "window": _WORD,
        "window_end": _TIME,
        "n": "Int64",
        "num": "Int64",
        "den": "Int64",
        "people": "Int64",
        "standing": "Int64",
        "removed": "Bool",
        "written_at": _TIME,
        "version": "UInt64",
    },
    "dead_letters_log": {
        "received_at": _TIME,
        "dead_at": _TIME,
        "source": _WORD,
        "stage": _WORD,
        "reason": _WORD,
        "detail": "String",
        "topic": _WORD,
        "partition": "Int32",
        "offset": "Int64",
        "generation": "UInt32",
        "code_version": _WORD,
        "key": "Nullable(String)",
        "value": "Nullable(String)",
        "headers": "Array(Tuple(name String, value Nullable(String)))",
    },
    "dead_letter_fates": {
        "topic": _WORD,
        "generation": "UInt32",
        "partition": "Int32",
        "offset": "Int64",
        "stage": _WORD,
        "fate": _WORD,
        "decided_at": _TIME,
        "to_generation": "UInt32",
        "to_partition": "Int32",
        "to_offset": "Int64",
    },
    "learners": {
        "learner": "FixedString(16)",
        "team": _WORD,
        "manager": _WORD,
        "region": _WORD,
        "eligible": "Bool",
        "since": _TIME,
        "removed": "Bool",
        "changed_at": _TIME,
    },
    "assets": {
        "asset_id": "String",
        "kind": _WORD,
        "module": _WORD,
        "title": "String",
        "removed": "Bool",
        "changed_at": _TIME,
    },
    "repairs": {
        "indicator": _WORD,
        "cohort_kind": _WORD,
        "cohort": _WORD,
        "window": _WORD,
        "first_end": _TIME,
        "last_end": _TIME,
        "asked": "UInt64",
        "asked_at": _TIME,
        "outcome": _WORD,
        "done_at": _TIME,
        "turn": "UInt64",
    },
    "recalls": {
        "journey": _WORD,
        "key": "String",
        "learner": "String",
        "recall": "Bool",
        "asked": "UInt64",
        "asked_at": _TIME,
        "outcome": _WORD,
        "done_at": _TIME,
        "turn": "UInt64",
    },
    "voids": {
        "target": "FixedString(16)",
        "asked_at": _TIME,
        "turn": "UInt64",
    },
    "catalog": {
        "indicator": _WORD,
        "title": "String",
        "kind": _WORD,
        "measure": _WORD,
        "unit": "String",
        "good": _WORD,
        "scale": "Float64",
        "settle_ms": "Int64",
        "description": "String",
        "advice": "String",
        "board": "UInt8",
        "breakdowns": "Array(String)",
        "removed": "Bool",
        "loaded_at": _TIME,
    },
    "journeys": {
        "journey": _WORD,
        "step": _WORD,
        "place": "UInt8",
        "title": "String",
        "walked_by": _WORD,
        "signals": "Array(String)",
        "key": "String",
        "removed": "Bool",
        "loaded_at": _TIME,
    },
}

_FILLED_BY_CLICKHOUSE: Final[dict[str, dict[str, str]]] = {"events_log": {"stored_at": _TIME}}

VERSIONS: Final[dict[str, dict[str, str]]] = {
    "schema_versions": {
        "version": "UInt32",
        "name": "String",
        "checksum": "String",
        "code_version": "String",
        "applied_at": _TIME,
    },
}

EXPECTED: Final[dict[str, dict[str, str]]] = {
    **{
        table: {**columns, **_FILLED_BY_CLICKHOUSE.get(table, {})}
        for table, columns in INSERTED.items()
    },
    **VERSIONS,
}

VIEWS: Final = (
    "events",
    "indicators",
    "indicator_latest",
    "conservation",
    "dead_letters",
    "directory",
    "asset_directory",
    "freshness",
    "events_per_hour",
    "learners_active",
    "duplicates",
    "repairs_open",
)


def wire_types(table: str) -> list[str]:
    """Types in which columns are sent. ClickHouse finds the dictionary of a LowCardinality column
    faster than the client does."""
    declared = {**INSERTED, **VERSIONS}[table].values()
    return ["String" if kind == _WORD else kind for kind in declared]


def names(table: str) -> tuple[str, ...]:
    """Columns that are inserted into a table, in the order of rows.py."""
    return tuple({**INSERTED, **VERSIONS}[table])
