"""Replays dead letters: sends the original records again, or inserts refused rows again.

A record that is sent again is a new record: it counts once more as received, and ends stored,
dead or as a duplicate like any other; the letter stays a dead event of its first place. Its event
has the same id whenever it is sent, so that it counts once however often that happens. What was
done is noted after Kafka has acknowledged it: a replay that was killed sends at most the records
of one step twice, and the second ones are duplicates.

A row that the store refused is inserted again at its old place: nothing more is received, and the
event is stored instead of dead. A row of an indicator may be out of date: others may have been
made in its place since, by a repair or a rebuild of state. So it is put on the repair list. So
are the rows of indicators that count an event whose row is inserted: a repair may have recounted
them without it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from confluent_kafka import Message

from schemas.records import DeadLetter
from schemas.settings import Settings
from schemas.topics import DEAD_LETTERS, DIRECTORY, ENRICHED, EVENTS, INDICATORS
from sinks.clickhouse import refused, tables
from sinks.clickhouse.client import Store
from sinks.clickhouse.errors import NeverValid
from sinks.clickhouse.repairs import RepairAsk
from streams.catalog.load import load
from streams.intake.dead_letters import CUT, REPLAY_HEADER, REPLAYED_AT_HEADER
from streams.intake.stored import of_row
from streams.intake.writer import Writer
from uptake.dead_letters import letters, outcomes
from uptake.dead_letters.drop import drop
from uptake.dead_letters.letters import REPLAYED, Fate
from uptake.dead_letters.outcomes import Sent
from uptake.repair import lists
from uptake.repair.late_rows import LateRows

Policy = Literal["stop", "re-insert", "drop"]
Tick = Callable[[str], None]

MOST_AT_ONCE: Final = 256
_ACKNOWLEDGE_SECONDS: Final = 30.0
_REPLAYABLE: Final = frozenset({*EVENTS, DIRECTORY})
_SINK_ONLY: Final = frozenset({ENRICHED, INDICATORS, DEAD_LETTERS})
"""Internal topics that only the sink reads: what it could not read may come once more."""


class NotReplayable(Exception):
    """Never valid: this letter can not be replayed as it is."""


@dataclass
class Result:
    """How many letters ended how."""

    stored: int = 0
    """Valid now; also rows that the store takes now."""
    duplicate: int = 0
    """Their event had come meanwhile."""
    dead: int = 0
    """Refused again."""
    sent: int = 0
    """No events: lines of the directory, records for the sink. Nobody tells how they end."""
    dropped: int = 0
    taken_back: int = 0
    """Events among those dropped that the stream had counted."""
    left: int = 0
    """Not replayed, since one before them failed again."""

    def line(self) -> str:
        """The result as a sentence."""
        named = (
            ("stored", self.stored),
            ("duplicates of events that had come meanwhile", self.duplicate),
            ("dead again", self.dead),
            ("sent that are no events", self.sent),
            ("dropped", self.dropped),
            ("events taken back from the indicators for it", self.taken_back),
            ("left as they are", self.left),
        )
        told = [f"{count:,} {name}" for name, count in named if count]
        return ", ".join(told) or "nothing to replay"


def replay(
    settings: Settings,
    store: Store,
    chosen: Sequence[DeadLetter],
    policy: Policy,
    seconds: float,
    tick: Tick,
) -> Result:
    """Replay, in this order.

    stop: in steps of 1, 2, 4 letters and so on; after a step in which one is refused again, no
    more are. re-insert: all; what is refused again is a new dead letter. drop: none; see `drop`.

    Nothing is done when one of them can not be replayed (NotReplayable). Raises NotWritten when
    Kafka does not take them, StoreError, RebuildUnfinished, and Unsettled when it is not known
    after `seconds` for a step how they ended.
    """
    result = Result()
    if policy == "drop":
        result.taken_back = drop(settings, store, chosen)
        result.dropped = len(chosen)
        return result
    for letter in chosen:
        check(letter)
    done = 0
    for step in _steps(chosen, 1 if policy == "stop" else MOST_AT_ONCE):
        _step(settings, store, step, seconds, tick, result)
        done += len(step)
        if policy == "stop" and result.dead:
            break
    result.left = len(chosen) - done
    return result


def check(letter: DeadLetter) -> None:
    """Raises NotReplayable."""
    where = f"{letter.topic} partition {letter.partition} offset {letter.offset}"
    if _is_row(letter):
        if refused.row_of(letter) is None:
            raise NotReplayable(f"{where}: it does not say of which table the row is")
        return
    topics = _SINK_ONLY if letter.stage == refused.STAGE else _REPLAYABLE
    if letter.topic not in topics:
        raise NotReplayable(f"{where}: only records of tools, and for the sink alone, can be sent")
    if letter.detail.endswith(CUT) or (letter.value is None and letter.stage == refused.STAGE):
        raise NotReplayable(f"{where}: not all of its bytes were kept")


def _is_row(letter: DeadLetter) -> bool:
    """It is a row of a table, no record."""
    return letter.stage == refused.STAGE and letter.reason == refused.REASON


def _steps(chosen: Sequence[DeadLetter], first: int) -> Iterator[Sequence[DeadLetter]]:
    at, size = 0, first
    while at < len(chosen):
        yield chosen[at : at + size]
        at += size
        size = min(2 * size, MOST_AT_ONCE)


def _step(
    settings: Settings,
    store: Store,
    step: Sequence[DeadLetter],
    seconds: float,
    tick: Tick,
    result: Result,
) -> None:
    rows = [letter for letter in step if _is_row(letter)]
    if rows:
        _insert(store, LateRows(load(settings.worker.catalog)), rows, result)
    records = [letter for letter in step if not _is_row(letter)]
    if not records:
        return
    fates = list(zip(records, _send(settings, records), strict=True))
    letters.note(store, fates)
    sent = {
        Sent(source, fate.generation, fate.partition, fate.offset)
        for letter, fate in fates
        if (source := outcomes.source_of(letter.topic))
    }
    ended = outcomes.wait(store, sent, seconds, tick)
    result.sent += len(records) - len(sent)
    for kind in ended.values():
        setattr(result, kind, getattr(result, kind) + 1)


def _insert(store: Store, late: LateRows, rows: Sequence[DeadLetter], result: Result) -> None:
    """One by one, so that each is judged by itself. One that is refused again stays as it is."""
    for letter in rows:
        found = refused.row_of(letter)
        assert found is not None, "checked before"
        table, row = found
        try:
            store.insert(table, [[value] for value in row])
        except NeverValid:
            result.dead += 1
            continue
        if table == "rolling":
            lists.ask(store, [_repair_of(row)])
        if table == "events_log":
            _ask_for_numbers(store, late, letter, row)
        letters.note(store, [(letter, Fate(REPLAYED, _now(), 0, -1, -1))])
        result.stored += 1


def _ask_for_numbers(
    store: Store, late: LateRows, letter: DeadLetter, row: tuple[Any, ...]
) -> None:
    """That what counts the event is computed again, now that it is stored."""
    signal = dict(zip(tables.names("events_log"), row, strict=True))["signal"]
    for event in of_row(letter.value or b""):
        lists.ask(store, late.row_asks(event, signal, _now()))
        lists.ask_walks(store, late.walk_asks(event, signal, _now()))


def _repair_of(row: tuple[Any, ...]) -> RepairAsk:
    """That the row is computed again."""
    named = dict(zip(tables.names("rolling"), row, strict=True))
    series = (named["indicator"], named["cohort_kind"], named["cohort"], named["window"])
    end = named["window_end"]
    return RepairAsk(*series, end, end, named["version"], _now())


def _send(settings: Settings, records: Sequence[DeadLetter]) -> list[Fate]:
    """Write the records; return where each lies when all are acknowledged."""
    lying: dict[int, Fate] = {}
    now = _now()

    def at(number: int) -> Callable[[Message], None]:
        def acknowledged(message: Message) -> None:
            place = message.partition(), message.offset()
            lying[number] = Fate(REPLAYED, now, settings.kafka.generation, *_known(*place))

        return acknowledged

    writer = Writer(settings.kafka, "uptake-replay")
    for number, letter in enumerate(records):
        writer.write(
            letter.topic,
            letter.value,
            partition=letter.partition if letter.topic in _SINK_ONLY else -1,
            key=letter.key,
            timestamp=letter.received_at,
            headers=headers(letter, now),
            acknowledged=at(number),
        )
    writer.finish(_ACKNOWLEDGE_SECONDS)
    return [lying[number] for number in range(len(records))]


def headers(letter: DeadLetter, now: int) -> list[tuple[str, bytes | None]]:
    """Those of the original, where it lay first, and when (ms) it is sent again."""
    kept = [(name, text) for name, text in letter.headers if name != REPLAYED_AT_HEADER]
    if not any(name == REPLAY_HEADER for name, _ in kept):
        origin = f"{letter.generation}/{letter.topic}/{letter.partition}/{letter.offset}"
        kept.append((REPLAY_HEADER, origin.encode()))
    return [*kept, (REPLAYED_AT_HEADER, b"%d" % now)]


def _known(partition: int | None, offset: int | None) -> tuple[int, int]:
    assert partition is not None, "it was acknowledged"
    assert offset is not None, "it was acknowledged"
    return partition, offset


def _now() -> int:
    return time.time_ns() // 1_000_000
