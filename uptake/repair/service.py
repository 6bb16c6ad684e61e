"""The repair process: what memory had let go of is computed again from the stored events.

It may be killed at any moment and run beside another of its kind: a stretch or a walk is done
again until it is noted as done, and doing it again changes nothing.
"""

import logging
from threading import Event
from time import monotonic, time_ns

from confluent_kafka import KafkaException

from schemas import health, metrics
from schemas.records import Recalled
from schemas.settings import Settings
from schemas.stopping import on_stop
from schemas.topics import BATCHES
from sinks.clickhouse.client import Store
from sinks.clickhouse.errors import TryAgain
from sinks.clickhouse.repairs import DONE, IMPOSSIBLE, RepairAsk, WalkAsk
from streams import life as lives
from streams.catalog.load import Catalog, load
from streams.intake.writer import NotWritten, Writer
from streams.life import RebuildUnfinished
from uptake.local.ends import Ends
from uptake.local.settle import Tick, Unsettled, arrive
from uptake.reconcile.check import Kept, row_days, slices
from uptake.reconcile.sql import Limits, Span, limits_of
from uptake.repair import lists, mend, voids, walks
from uptake.repair.stretches import Covered, Job, jobs

_POLL_SECONDS = 1.0
_ARRIVE_SECONDS = 120.0
_WRITE_SECONDS = 60.0
_LIFE_BIT = 44
_LIFE_SECONDS = 20.0
"""How often to look whether state was rebuilt: then the stream is told again."""
_log = logging.getLogger(__name__)


class _Interrupted(Exception):
    """Told to end in the middle."""


def run(settings: Settings) -> int:
    """Repair until SIGTERM or SIGINT; return 0.

    Raises CatalogError, OSError when the metrics port is taken, and StoreError when the database
    does not have the shape this code expects.
    """
    stop = Event()
    on_stop(stop.set)

    def tick(_: str) -> None:
        if stop.is_set():
            raise _Interrupted

    repairer = Repairer(settings, load(settings.worker.catalog), tick)
    seen = Event()
    port = health.serve(settings.metrics, "repair", seen.is_set)
    _log.info("repair: metrics on port %d", port)
    while not stop.is_set():
        try:
            repairer.round()
            seen.set()
        except _Interrupted:
            break
        except (TryAgain, KafkaException, NotWritten, Unsettled, RebuildUnfinished) as error:
            seen.clear()
            _log.warning("repair: tried again soon: %s", error)
        stop.wait(_POLL_SECONDS)
    return 0


class Repairer:
    """Does what the lists ask for. `tick` is called all the while and may raise to give up."""

    def __init__(self, settings: Settings, catalog: Catalog, tick: Tick) -> None:
        self._settings = settings
        self._catalog = catalog
        self._tick = tick
        self._limits: Limits = {}
        self._life = 0
        self._life_read = -_LIFE_SECONDS

    def round(self) -> int:
        """Look at the lists once, and do what they hold; return how many asks were ended.

        Raises StoreError, KafkaException, NotWritten, Unsettled and RebuildUnfinished; what was
        not ended is done at the next time.
        """
        with Store(self._settings.clickhouse) as store:
            voids = self._voids(store)
            if not _measure(store).total:
                return voids
            ended = voids + self._walks(store) + self._repairs(store)
            _measure(store)
        return ended

    def _voids(self, store: Store) -> int:
        """Tell the stream of events that were taken back, once they are there."""
        if monotonic() - self._life_read > _LIFE_SECONDS:
            self._life = lives.number(self._settings.kafka)
            self._life_read = monotonic()
        if not voids.any_untold(store, self._life):
            return 0
        self._life = lives.number(self._settings.kafka)
        found = voids.untold(store, self._life)
        if found:
            voids.tell(self._settings.kafka, "uptake-repair", found, self._life)
            voids.told(store, found, self._life)
            _log.info("repair: %d events taken back", len(found))
        return len(found)

    def _walks(self, store: Store) -> int:
        found = lists.open_walks(store)
        if not found:
            return 0
        began = monotonic()
        life = lives.number(self._settings.kafka)
        possible = [ask for ask in found if ask.journey in self._catalog.journeys]
        unknown = [ask for ask in found if ask.journey not in self._catalog.journeys]
        lists.end_walks(store, unknown, IMPOSSIBLE, _now())
        as_of = self._ends(possible)
        # What the asks follow from, and all before those ends, has reached the store then.
        arrive(self._settings, _ARRIVE_SECONDS, self._tick)
        asks = {(ask.journey, ask.key, ask.learner): ask for ask in possible if not ask.recall}
        now = _now()
        wanted: list[RepairAsk] = []
        # Where a step was taken back, its cases are gone.
        gone = walks.recalled(store.query, self._catalog, [*asks.values()], as_of, voided=True)
        for walk in gone:
            ask = asks[walk.journey, walk.key, walk.learner.hex()]
            wanted += walks.stretches(self._catalog, walk, ask.asked, now)
        lists.ask(store, wanted)
        waiting = [ask for ask in possible if _waits(ask, life)]
        self._send(walks.recalled(store.query, self._catalog, waiting, as_of), life)
        lists.end_walks(store, possible, DONE, _now())
        _note("walk", len(possible), len(unknown), began)
        return len(found)

    def _ends(self, asks: list[WalkAsk]) -> dict[WalkAsk, int]:
        """Where the log of each walk ends."""
        kafka = self._settings.kafka
        logs = {ask: walks.log_of(ask, kafka.partitions) for ask in asks}
        ends = Ends(kafka)
        try:
            found = ends.ends(sorted(set(logs.values())))
        finally:
            ends.close()
        return {ask: found.get(place, 0) for ask, place in logs.items()}

    def _send(self, known: list[Recalled], life: int) -> None:
        if not known:
            return
        kafka = self._settings.kafka
        writer = Writer(kafka, "uptake-repair")
        for partition, value in walks.batches(known, life, kafka.partitions, _now()):
            writer.write(BATCHES, value, partition=partition)
        writer.finish(_WRITE_SECONDS)

    def _repairs(self, store: Store) -> int:
        found = lists.open_repairs(store)
        if not found:
            return 0
        began = monotonic()
        kept = Kept(self._settings.clickhouse, self._catalog, _now())
        possible = [ask for ask in found if self._possible_repair(ask, kept)]
        left = set(possible)
        lists.end_repairs(store, [ask for ask in found if ask not in left], IMPOSSIBLE, _now())
        before = mend.versions(store, {ask.indicator for ask in possible})
        # What the asks follow from has reached the store then.
        arrive(self._settings, _ARRIVE_SECONDS, self._tick)
        self._limits = limits_of(store.query, self._catalog, self._settings.clickhouse.database)
        done = 0
        days = row_days(store, 0)
        for job in jobs(self._catalog, possible, days):
            if self._repair(store, job, days, before):
                lists.end_repairs(store, job.asks, DONE, _now())
                done += len(job.asks)
        _note("rows", done, len(found) - len(possible), began)
        return done + len(found) - len(possible)

    def _possible_repair(self, ask: RepairAsk, kept: Kept) -> bool:
        known = ask.indicator in self._catalog.indicators and ask.indicator not in kept.left_out
        return known and ask.first_end > kept.earliest

    def _repair(self, store: Store, job: Job, days: dict[int, int], before: mend.Versions) -> bool:
        """Mend the rows of a job; whether none of them has moved meanwhile."""
        covered = Covered(job.asks)
        still = True
        for part in slices(days, job.span, job.window):
            self._tick(f"{job.group.journey or 'signals'}, window {job.window.name}")
            rows = self._look(store, job, part)
            wrong = [row for row in rows if covered.holds(row.series, row.window_end)]
            stood = [row for row in wrong if mend.stood(row, before)]
            mend.write(store, job.window, stood, _now)
            still = still and len(stood) == len(wrong)
        return still

    def _look(self, store: Store, job: Job, part: Span) -> list[mend.Row]:
        database = self._settings.clickhouse.database
        return mend.look(store, self._catalog, job.group, job.window, part, database, self._limits)


def _measure(store: Store) -> lists.Waiting:
    """What is open, also told in the metrics."""
    found = lists.waiting(store)
    metrics.REPAIRS_OPEN.labels("rows").set(found.repairs)
    metrics.REPAIRS_OPEN.labels("walk").set(found.walks)
    age = (_now() - found.since) / 1000 if found.since else 0.0
    metrics.REPAIRS_OLDEST.set(max(0.0, age))
    return found


def _note(kind: str, done: int, impossible: int, began: float) -> None:
    seconds = monotonic() - began
    metrics.REPAIRS_ENDED.labels(kind, DONE).inc(done)
    metrics.REPAIRS_ENDED.labels(kind, IMPOSSIBLE).inc(impossible)
    metrics.REPAIR_SECONDS.labels(kind).observe(seconds)
    _log.info("repair: %d of kind %s done in %.1f s", done, kind, seconds)
    if impossible:
        _log.error(
            "repair: %d of kind %s cannot be repaired: old events are deleted, or the catalog or "
            "the broker is another one", impossible, kind,
        )  # fmt: skip


def _waits(ask: WalkAsk, life: int) -> bool:
    """Whether the worker waits for the walk. What waited in an earlier life of the topics between
    the stages is gone: state was rebuilt from all events since."""
    return ask.recall and ask.asked >> _LIFE_BIT == life


def _now() -> int:
    return time_ns() // 1_000_000
