"""Walks of which memory had let go: their steps as the store knows them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Final
from uuid import UUID

from schemas.partition import learner_partition, object_partition
from schemas.records import Attribute, Batch, Cohort, Recalled, Step, encode
from schemas.topics import BATCHES, STEPS
from sinks.clickhouse.repairs import RepairAsk, WalkAsk
from sinks.clickhouse.rows import attributes_of
from streams.catalog.load import DELAY, Catalog, Indicator
from streams.model.facts import BUCKETS, NEVER, OWN, labels
from streams.model.journeys import compile_journeys, steps_by_signal
from streams.model.tally import labels_of
from uptake.reconcile.contributions import FIRST, key_of
from uptake.reconcile.facts import OWN as EACH_OWN
from uptake.reconcile.facts import array, text
from uptake.reconcile.sql import WINDOWS

_MOST_KEYS: Final = 500
"""Walks in one query."""
BATCH_BYTES: Final = 500_000
"""A batch is ended above this size; one walk is never cut."""

Query = Callable[[str], Sequence[tuple[Any, ...]]]


def log_of(walk: WalkAsk, partitions: int) -> tuple[str, int]:
    """Topic and partition that the stage reads which keeps the walk."""
    if walk.learner:
        return BATCHES, learner_partition(bytes.fromhex(walk.learner), partitions)
    return STEPS, object_partition(walk.journey, walk.key, partitions)


def recalled(
    query: Query,
    catalog: Catalog,
    asks: Sequence[WalkAsk],
    as_of: Mapping[WalkAsk, int],
    voided: bool = False,
) -> list[Recalled]:
    """Each walk with its steps in their order, as the stream keeps them; all of one catalog's
    journeys. `as_of`: where `log_of` ended before all of that arrived. `voided`: also steps that
    were taken back. Raises what `query` raises."""
    found = {(ask.journey, ask.key, ask.learner): _empty(ask, as_of[ask]) for ask in asks}
    for journey in sorted({ask.journey for ask in asks}):
        wanted = [ask for ask in asks if ask.journey == journey]
        for begin in range(0, len(wanted), _MOST_KEYS):
            part = wanted[begin : begin + _MOST_KEYS]
            for key, learner, step in _steps(query, catalog, journey, part, voided):
                walk = found.get((journey, key, learner))
                if walk is not None:
                    walk.steps.append(step)
    return list(found.values())


def batches(
    walks: Iterable[Recalled], generation: int, partitions: int, written_at: int
) -> Iterator[tuple[int, bytes]]:
    """Records of `uptake.batches` that carry the walks: partition and value."""
    waiting: dict[int, list[Recalled]] = {}
    held: dict[int, int] = {}
    for walk in walks:
        number = (
            learner_partition(walk.learner, partitions)
            if walk.learner
            else object_partition(walk.journey, walk.key, partitions)
        )
        waiting.setdefault(number, []).append(walk)
        held[number] = held.get(number, 0) + len(encode(walk))
        if held[number] >= BATCH_BYTES:
            yield number, encode(Batch(generation, written_at, recalled=waiting.pop(number)))
            held[number] = 0
    for number, rest in waiting.items():
        yield number, encode(Batch(generation, written_at, recalled=rest))


def stretches(catalog: Catalog, walk: Recalled, asked: int, asked_at: int) -> list[RepairAsk]:
    """The rows in which the walk may count: its journey's indicators, in the cohorts of its
    steps, in all windows that hold one of its steps or that one has just left."""
    if not walk.steps:
        return []
    times = [step.occurred_at for step in walk.steps]
    whole = {label for step in walk.steps for label in labels_of(step.cohort)}
    named = [
        (name, label)
        for name, each in catalog.indicators.items()
        if each.journey == walk.journey
        for label in sorted(whole | _of_breakdowns(each, walk))
    ]
    return [
        RepairAsk(
            indicator, *label, window.name, *window.ends(min(times), max(times)), asked, asked_at
        )
        for (indicator, label), window in product(named, WINDOWS)
    ]  # fmt: skip


def _empty(ask: WalkAsk, as_of: int) -> Recalled:
    return Recalled(ask.journey, ask.key, bytes.fromhex(ask.learner), as_of=as_of)


def _of_breakdowns(indicator: Indicator, walk: Recalled) -> set[tuple[str, str]]:
    """Cohorts of breakdowns in which the walk may count, with any delay."""
    delays = [NEVER, *(name for _, name in BUCKETS)]
    facts = ({**step.attributes, DELAY: delay} for step in walk.steps for delay in delays)
    return {label for each in facts for label in labels(each, indicator.breakdowns)}


def _steps(
    query: Query, catalog: Catalog, journey: str, asks: Sequence[WalkAsk], voided: bool
) -> Iterator[tuple[str, str, Step]]:
    """Key, learner (hexadecimal, or empty) and step."""
    steps = _step_of(catalog, journey)
    kept = compile_journeys(catalog)[journey].attributes
    alone = catalog.journeys[journey].walked_by == "one"
    keys = {ask.key for ask in asks}
    rows = query(_sql(steps, key_of(catalog.journeys[journey]), keys, voided))
    for key, at, event_id, signal, learner, team, manager, region, eligible, kept_as, own in rows:
        facts = {**attributes_of(kept_as), **dict(zip(OWN, _own(*own), strict=True))}
        one = Step(
            journey, key, steps[signal], UUID(str(event_id)).bytes, at, bytes.fromhex(learner),
            Cohort(team, manager, region, eligible),
            {name: v for name, v in facts.items() if name in kept and v is not None},
        )  # fmt: skip
        yield key, learner if alone else "", one


def _own(
    tool: str, thing: str, parent: str, module: str, success: int, completion: int
) -> tuple[Attribute | None, ...]:
    """The facts of OWN in their order."""
    answers = (None if answer < 0 else bool(answer) for answer in (success, completion))
    return (tool, thing, parent or None, module or None, *answers)


def _step_of(catalog: Catalog, journey: str) -> dict[str, str]:
    """Signal -> the step of the journey that it is: the first that names it."""
    return {
        signal: next(step for name, step in found if name == journey)
        for signal, found in steps_by_signal(catalog).items()
        if any(name == journey for name, _ in found)
    }


def _sql(signals: Iterable[str], key: str, keys: set[str], voided: bool) -> str:
    """Of several events with one id and time the first is the step, as everywhere."""
    named = ", ".join(text(key) for key in sorted(keys))
    return f"""
SELECT
    key, t, event_id, one.1, one.2, one.3, one.4, one.5, one.6, one.7, one.8
FROM
(
    SELECT
        {key} AS key, toUnixTimestamp64Milli(occurred_at) AS t, event_id,
        UUIDStringToNum(toString(event_id)) AS place,
        argMin((toString(signal), learner, toString(team), toString(manager), toString(region),
            eligible, attributes, {EACH_OWN}), {FIRST}) AS one
    FROM events_all
    WHERE signal IN {array(signals)} AND key IN ({named}){"" if voided else " AND NOT voided"}
    GROUP BY key, t, event_id
)
ORDER BY t, place
"""
