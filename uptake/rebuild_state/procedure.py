"""Begin a new life of the topics between the stages, fill it, and clear away what was before.

Each step may be killed and done again. What is decided is decided once, in `begin`, and written
down before anything is changed; from there on until the topics are filled, intake does not start.
"""

import time
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from schemas.records import Life, version_of
from schemas.settings import Settings
from sinks.clickhouse.account import Account
from sinks.clickhouse.client import Store
from streams import admin
from streams import life as lives
from streams.intake import restore
from streams.state import fingerprint
from uptake.local.settle import Tick, settle
from uptake.rebuild_state import positions
from uptake.repair.lists import ask_for_older

_LOOK_SECONDS: Final = 0.5
_HIGHEST: Final = """
SELECT bitShiftRight(greatest(
    (SELECT max(version) FROM rolling), (SELECT max(version) FROM panes)
), 44), (SELECT max(batch_generation) FROM events_log)
"""
_HOLDS: Final = """
SELECT (SELECT count() FROM events_log) + (SELECT count() FROM learners)
    + (SELECT count() FROM assets) + (SELECT count() FROM consents)
"""
Progress = Callable[[int, int], None]


class StillAtWork(Exception):
    """Try again: processes that read or write what is to be deleted are members of their
    groups."""


def due(settings: Settings) -> str:
    """Why state has to be rebuilt before anything starts, in words; empty: it has not.

    What is only known when state is read, such as a damaged log, is not among the reasons. Raises
    KafkaException, StoreError, CatalogError and VocabularyError.
    """
    made_by = fingerprint.of(settings)
    unlike = admin.unlike(settings)
    life = lives.read(settings.kafka)
    if life is None:
        with Store(settings.clickhouse) as store:
            [(rows,)] = store.query(_HOLDS)
        told = "nothing says that state was made of the stored events" if rows else ""
        return "; ".join([told, *unlike] if told else unlike)
    if life.phase == "begun":
        return "a rebuild was begun and did not end"
    told = fingerprint.differences(life.made_by, made_by)
    if told:
        return f"changed since state was made: {told}"
    return "; ".join(unlike)


def note_new(settings: Settings) -> None:
    """Write down the first life, where none was, once all topics are there. Raises NotWritten and
    KafkaException."""
    if lives.read(settings.kafka) is None:
        made_by = fingerprint.of(settings)
        lives.write(settings.kafka, Life(settings.kafka.generation, "whole", made_by))


def at_work(settings: Settings) -> list[str]:
    """Who is a member of a group that must be empty, in words. Raises KafkaException."""
    groups = {
        "intake": settings.intake.group,
        "worker": settings.worker.group,
        "sink": settings.sink.group,
    }
    counts = admin.members(settings.kafka, list(groups.values()))
    return [f"{counts[group]} {name}" for name, group in groups.items() if counts[group]]


def begin(settings: Settings, seconds: float, tick: Tick) -> Life:
    """End the life before: afterwards the topics between the stages are there and empty, and
    intake will go on at what the store has.

    Waits up to `seconds` until nobody is at work. Raises StillAtWork, TopicError, NotWritten,
    KafkaException and StoreError.
    """
    limit = time.monotonic() + seconds
    while busy := at_work(settings):
        told = f"still at work: {', '.join(busy)}"
        if time.monotonic() > limit:
            raise StillAtWork(told)
        tick(told)
        time.sleep(_LOOK_SECONDS)
    admin.ensure_kept(settings)
    life = _decide(settings)
    lives.write(settings.kafka, life)
    with Store(settings.clickhouse) as store:
        positions.fit(store, settings.kafka.partitions)
    admin.remake(settings)
    positions.forget_progress(settings)
    positions.set_back(settings, life.positions)
    return life


def fill(settings: Settings, life: Life, progress: Progress) -> None:
    """Fill the topics; from here on intake may run. Raises as `restore.fill`."""
    restore.fill(settings, life, progress)
    lives.write(settings.kafka, replace(life, phase="filled"))


def finish(settings: Settings, life: Life, seconds: float, tick: Tick) -> list[Account]:
    """Wait until the numbers of this life are in the store, then mend or delete what is left of
    earlier lives.

    The processes must run. Raises Unsettled, StoreError, NotWritten.
    """
    accounts = settle(settings, seconds, tick)
    with Store(settings.clickhouse) as store:
        _clear(store, settings, life)
    settle(settings, seconds, tick)
    lives.write(settings.kafka, replace(life, phase="whole"))
    return accounts


def unfinished(settings: Settings) -> Life | None:
    """The life of which only `finish` is left. Raises KafkaException."""
    life = lives.read(settings.kafka)
    return life if life is not None and life.phase == "filled" else None


def _decide(settings: Settings) -> Life:
    kafka = settings.kafka
    known = lives.read(kafka)
    with Store(settings.clickhouse) as store:
        [highest] = store.query(_HIGHEST)
        if known is not None and known.phase == "begun":
            # Marks may have been changed since; nothing was read.
            where = known.positions
        else:
            where = positions.of_store(store, settings)
    number = max(known.number if known else 0, kafka.generation, *map(int, highest)) + 1
    return Life(number, "begun", fingerprint.of(settings), where)


def _clear(store: Store, settings: Settings, life: Life) -> None:
    """Numbers of earlier lives that this one did not say again: those of indicators that are no
    more go, and the rest, older than the memory of the stream or of contributions that are no
    more, is put on the repair list."""
    gone = "indicator NOT IN (SELECT indicator FROM catalog FINAL WHERE NOT removed)"
    for table in ("rolling", "panes"):
        store.command(f"ALTER TABLE {table} DELETE WHERE {gone} SETTINGS mutations_sync = 2")
    if not settings.clickhouse.events_days:
        # Parts of other partitions: not to be added up with those of now.
        old = f"version < {version_of(life.number, 0)}"
        store.command(f"ALTER TABLE panes DELETE WHERE {old} SETTINGS mutations_sync = 2")
    ask_for_older(store, version_of(life.number, 0))
