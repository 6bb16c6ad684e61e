"""Wait until all that was accepted is queryable, indicators included.

Each stage commits how far it has come only after what it made of its input was acknowledged. So
the stages are gone through in their order: note where a stage's input ends now, wait until the
stage has committed that, go on to the next. When the sink has come that far, everything that was
accepted before the wait began is in the store. The store's own account (view `conservation`) must
then add up, twice in a row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, sleep

from confluent_kafka import KafkaException

from schemas import topics
from schemas.settings import ClickHouseSettings, Settings
from sinks.clickhouse.account import Account, accounts
from sinks.clickhouse.client import Store
from sinks.clickhouse.errors import StoreError
from uptake.local.ends import Ends, Place, reachable
from uptake.repair.lists import asks, waiting

_LOOK_SECONDS = 0.2
Tick = Callable[[str], None]
"""Called all the while, with what is being waited for."""


class Unsettled(Exception):
    """The time is over; the text says what is still on its way."""


@dataclass(frozen=True)
class Stage:
    """Who reads what."""

    name: str
    group: str
    topics: tuple[str, ...]


def stages(settings: Settings) -> list[Stage]:
    """The way of an event, in its order."""
    worker = settings.worker.group
    made = (topics.ENRICHED, topics.PANES, topics.INDICATORS, topics.DEAD_LETTERS)
    sunk = (*made, topics.EXPERIMENTS)
    return [
        Stage("intake", settings.intake.group, (*topics.EVENTS, topics.DIRECTORY)),
        Stage("the learners agent", worker, (topics.BATCHES,)),
        Stage("the objects agent", worker, (topics.STEPS,)),
        Stage("the rolling agent", worker, (topics.PANES,)),
        Stage("the sink", settings.sink.group, sunk),
    ]


def settle(settings: Settings, seconds: float, tick: Tick) -> list[Account]:
    """Wait, also for open repairs; return the account of each source.

    Raises Unsettled when the time is over, also where Kafka or the store is away that long.
    """
    limit = monotonic() + seconds
    _arrive(settings, limit, tick)
    # A walk that is called back passes through the log again, and may ask for further repairs.
    while _pass_repairs(settings.clickhouse, limit, tick):
        _arrive(settings, limit, tick)
    return _add_up(settings.clickhouse, limit, tick)


def drain(settings: Settings, seconds: float, tick: Tick) -> list[Account]:
    """As `settle`, without a wait for repairs: those are kept in the store."""
    limit = monotonic() + seconds
    _arrive(settings, limit, tick)
    return _add_up(settings.clickhouse, limit, tick)


def arrive(settings: Settings, seconds: float, tick: Tick) -> None:
    """Wait until all that was accepted before the call is queryable, while more may come.

    Raises Unsettled as `settle` does.
    """
    _arrive(settings, monotonic() + seconds, tick)


def recalled(settings: Settings, seconds: float, tick: Tick) -> None:
    """As `arrive`, and until every walk was called back that is open then: what one of them
    changes is said by the stream, or it is on the repair list. Others may be asked for all the
    while."""
    limit = monotonic() + seconds
    _arrive(settings, limit, tick)
    # To take an event back may ask for its walk; a walk asks for nothing but rows.
    for _ in ("events", "walks"):
        if not pass_asks(settings.clickhouse, limit, tick):
            return
        _arrive(settings, limit, tick)


def pass_asks(settings: ClickHouseSettings, limit: float, tick: Tick) -> bool:
    """Wait until those walks and events taken back are done with that are open at the first look;
    whether there were any. `limit` is monotonic. Raises Unsettled."""
    left: set[int] | None = None

    def look(store: Store) -> tuple[int, str]:
        nonlocal left
        found = asks(store)
        left = found if left is None else left & found
        return len(left), f"{len(left):,} recalled walks and events to be taken back are open"

    return _pass_open(settings, limit, tick, look)


def missing(ends: dict[Place, int], committed: dict[Place, int]) -> dict[Place, int]:
    """Records of each partition that are not passed yet; without those that are."""
    left = {place: end - committed.get(place, 0) for place, end in ends.items()}
    return {place: count for place, count in left.items() if count > 0}


def _arrive(settings: Settings, limit: float, tick: Tick) -> None:
    while not reachable(settings.kafka.bootstrap):
        _wait(f"Kafka does not answer at {settings.kafka.bootstrap}", limit, tick)
    ends = Ends(settings.kafka)
    try:
        for stage in stages(settings):
            _pass(ends, stage, limit, tick)
    finally:
        ends.close()


def _pass(ends: Ends, stage: Stage, limit: float, tick: Tick) -> None:
    """Wait until the stage has committed everything that its topics hold now."""
    wanted: dict[Place, int] | None = None
    told = ""
    while True:
        try:
            if wanted is None:
                wanted = ends.ends(ends.places(stage.topics))
            left = missing(wanted, ends.committed(stage.group, wanted)) if wanted else {}
            told = f"{stage.name} has {sum(left.values()):,} records before it"
        except KafkaException as error:
            left = {("", 0): 1}
            told = f"Kafka does not answer: {error.args[0].str()}"
        if not left:
            return
        _wait(told, limit, tick)


def _pass_repairs(settings: ClickHouseSettings, limit: float, tick: Tick) -> bool:
    """Wait until nothing is open; whether there was anything."""

    def look(store: Store) -> tuple[int, str]:
        found = waiting(store)
        return found.total, found.line()

    return _pass_open(settings, limit, tick, look)


def _pass_open(
    settings: ClickHouseSettings,
    limit: float,
    tick: Tick,
    look: Callable[[Store], tuple[int, str]],
) -> bool:
    """Wait until `look` (how many are open, and that in words) finds none; whether there were
    any."""
    any_open = False
    with Store(settings) as store:
        while True:
            try:
                count, words = look(store)
                told = f"{words}: is `uptake repair` running?"
                if not count:
                    return any_open
            except StoreError as error:
                told = f"the store does not answer: {error}"
            any_open = True
            _wait(told, limit, tick)


def _add_up(settings: ClickHouseSettings, limit: float, tick: Tick) -> list[Account]:
    """Wait until the store's account adds up twice in a row."""
    store = Store(settings)
    before: list[Account] | None = None
    told = ""
    while True:
        try:
            rows = accounts(store)
            good = all(row.adds_up() for row in rows)
            told = "; ".join(row.line() for row in rows if not row.adds_up())
        except StoreError as error:
            rows, good = [], False
            told = f"the store does not answer: {error}"
        if good and rows == before:
            return rows
        before = rows if good else None
        _wait(told or "the account to add up twice", limit, tick)


def _wait(told: str, limit: float, tick: Tick) -> None:
    if monotonic() > limit:
        raise Unsettled(told)
    tick(told)
    sleep(_LOOK_SECONDS)
