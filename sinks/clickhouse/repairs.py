"""The repair list and the walks that are called back: rows of `repairs` and `recalls`. Pure.

An ask is open from the sink's row on until a row with a later turn says how it ended. An ask that
the sink reads a second time is open again: the rows that came with it may have been put back too.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from schemas.records import Indicators, version_of
from sinks.clickhouse.rows import Columns

OPEN = ""
DONE = "done"
IMPOSSIBLE = "impossible"


class RepairAsk(NamedTuple):
    """A stretch of rows of `rolling` to be computed again; ends in ms, both included."""

    indicator: str
    cohort_kind: str
    cohort: str
    window: str
    first_end: int
    last_end: int
    asked: int
    asked_at: int


class WalkAsk(NamedTuple):
    """A walk of which memory had let go. `learner`: 32 hexadecimal digits, or empty."""

    journey: str
    key: str
    learner: str
    recall: bool
    asked: int
    asked_at: int


def asked_repairs(records: Iterable[Indicators], now_ms: int) -> list[RepairAsk]:
    """What the records ask for, each once."""
    return list(
        {
            RepairAsk(
                one.indicator, one.cohort_kind, one.cohort, one.window, one.first_end,
                one.last_end, version_of(record.generation, record.position), now_ms,
            ): None
            for record in records
            for one in record.repairs
        }
    )  # fmt: skip


def asked_walks(records: Iterable[Indicators], now_ms: int) -> list[WalkAsk]:
    """What the records ask for, each once."""
    return list(
        {
            WalkAsk(
                one.journey, one.key, one.learner.hex(), one.recall,
                version_of(record.generation, record.position), now_ms,
            ): None
            for record in records
            for one in record.walks
        }
    )  # fmt: skip


def columns(
    asks: Iterable[RepairAsk] | Iterable[WalkAsk], outcome: str = OPEN, done_at: int = 0
) -> Columns:
    """Columns of `repairs` or `recalls`: the asks as they are now."""
    done = int(outcome != OPEN)
    made: list[tuple[Any, ...]] = [
        (*ask, outcome, done_at, 2 * ask.asked_at + done) for ask in asks
    ]
    return list(zip(*made, strict=True))
