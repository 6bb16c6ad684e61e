"""A large store, made inside of ClickHouse: events, and rows of every indicator."""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from schemas.settings import ClickHouseSettings
from sinks.clickhouse.client import Store

_CHUNK = 2_000_000

_WEIGHTS = {
    "lms": {
        "challenge.offered": 14, "challenge.checked": 6, "content.started": 5,
        "content.progressed": 5, "content.completed": 4, "video.started": 3, "video.played": 6,
        "video.completed": 2, "rubric.scored": 2, "confidence.reported": 1,
        "roleplay.assigned": 1, "roleplay.submitted": 1,
    },
    "ticketing": {
        "ticket.opened": 3, "ticket.assigned": 3, "ticket.replied": 4, "ticket.resolved": 4,
        "ticket.closed": 3, "ticket.reopened": 1, "nudge.shown": 3, "nudge.opened": 2,
        "nudge.acted": 1, "experiment.exposed": 1, "experiment.clicked": 1,
    },
    "crm": {"deal.opened": 3, "deal.updated": 3, "deal.won": 1, "deal.lost": 1},
}  # fmt: skip
"""Source -> signal -> how often, about as in the simulated organisation."""

_PAIRS = [
    (source, signal)
    for source, signals in _WEIGHTS.items()
    for signal, times in signals.items()
    for _ in range(times)
]
_STRIDE = 31
"""Has no factor in common with the number of pairs: so a cycle holds each of them once, mixed."""
_CYCLE = [_PAIRS[slot * _STRIDE % len(_PAIRS)] for slot in range(len(_PAIRS))]
_PER_CYCLE = Counter(source for source, _ in _CYCLE)
_PARTITIONS = 3

_EVENTS = """
INSERT INTO events_log (event_id, occurred_at, received_at, stored_at, source, signal, verb,
    object_id, object_type, parent, learner, team, manager, region, eligible, module, success,
    completion, score, duration_ms, attributes, partition, offset, generation, batch_partition,
    batch_offset, batch_generation)
WITH
    cityHash64(number) AS h,
    intDiv(h, 1000003) % {learners} AS person,
    intDiv(number, {pairs}) AS cycle, number % {pairs} + 1 AS place,
    {signals}[place] AS the_signal, {sources}[place] AS the_source,
    toString(person % {teams}) AS team_number,
    now64(3) - toIntervalMillisecond(toInt64({span_ms} * (1 - (number + 1) / {events}))) AS at
SELECT
    sipHash128(number), at, at, at, the_source, the_signal, 'https://example.org/verb',
    concat('https://example.org/', {kinds}[place], '/',
        toString(multiIf({kinds}[place] = 'experiment', h % 2, the_source = 'lms', h % 2000,
            intDiv(number, 40)))),
    'https://example.org/type', '', reinterpretAsFixedString(toUInt128(person)),
    concat('Team ', team_number), concat('Manager ', team_number),
    concat('Region ', toString(person % 5)), true, '', NULL, NULL,
    if(the_signal = 'rubric.scored', (h % 100) / 100, NULL), NULL,
    if({kinds}[place] = 'experiment',
        if(person % 2 = 0, '{{"variant":"control"}}', '{{"variant":"new"}}'), ''),
    toInt32(cycle % {partitions}),
    toInt64(intDiv(cycle, {partitions}) * {per_cycle}[place] + {ranks}[place]), 0,
    toInt32(person % {partitions}), toInt64(number), 0
FROM numbers({first}, {count})
"""
"""Offsets follow one another in each source partition, as Kafka gives them."""

_OPTED_OUT = """
INSERT INTO consents (learner, opted_out, notes, removed, changed_at)
SELECT reinterpretAsFixedString(toUInt128(number)), true, false, false, now64(3)
FROM numbers({learners}) WHERE number % 200 = 7
"""
_VOIDS = """
INSERT INTO voids (target, asked_at, turn)
SELECT sipHash128(number * 10007), now64(3), 1 FROM numbers(intDiv({events}, 10007))
"""

_ROLLING = """
INSERT INTO rolling (indicator, cohort_kind, cohort, window, window_end, n, num, den, people,
    standing, removed, written_at, version)
WITH cityHash64(i.indicator, c.2, number) AS h
SELECT i.indicator, c.1, c.2, '{window}',
    toDateTime64({slide} * (intDiv(toUnixTimestamp(now()), {slide}) + 1 - number), 3, 'UTC'),
    40 + h % 60, 20 + h % 20, 40 + h % 60, 12 + h % 200, 300, false, now64(3), 1
FROM (SELECT indicator FROM catalog FINAL WHERE NOT removed) AS i
CROSS JOIN (SELECT arrayJoin(arrayConcat([('all', 'all')],
    arrayMap(t -> ('team', concat('Team ', toString(t))), range({teams})),
    arrayMap(t -> ('manager', concat('Manager ', toString(t))), range({teams})),
    arrayMap(r -> ('region', concat('Region ', toString(r))), range(5)))) AS c) AS cohorts
CROSS JOIN numbers({rows}) AS slides
"""

_REPAIRS = """
INSERT INTO repairs (indicator, cohort_kind, cohort, window, first_end, last_end, asked, asked_at,
    turn)
SELECT i.indicator, 'team', concat('Team ', toString(number)), '7d', now64(3) - toIntervalDay(9),
    now64(3) - toIntervalDay(2), 1, now64(3), 2
FROM numbers(least({teams}, 5)) AS teams
CROSS JOIN (SELECT indicator FROM catalog FINAL WHERE NOT removed) AS i
"""
"""Some stretches wait to be computed again, as they do after late events."""


class Size(NamedTuple):
    """Of the store. `days`: over which the events are spread, until now."""

    events: int
    days: int
    learners: int
    teams: int


def fill(clickhouse: ClickHouseSettings, size: Size, say: Callable[[str], None]) -> None:
    """Fill the tables. Raises StoreError."""
    with Store(clickhouse) as store:
        for first in range(0, size.events, _CHUNK):
            count = min(_CHUNK, size.events - first)
            store.command(_events(size, first, count))
            say(f"{first + count:,} of {size.events:,} events")
        store.command(_OPTED_OUT.format(learners=size.learners))
        store.command(_VOIDS.format(events=size.events))
        store.command(_REPAIRS.format(teams=size.teams))
        for window, slide, rows in _windows(size):
            store.command(_ROLLING.format(window=window, slide=slide, rows=rows, teams=size.teams))
        store.command(
            "INSERT INTO marks (source, generation, partition, batch_partition, first_offset, "
            "next_offset, skipped) SELECT source, 0, partition, 0, min(offset), max(offset) + 1, "
            "max(offset) + 1 - min(offset) - count() FROM events_log GROUP BY source, partition"
        )
        [(rows,)] = store.query("SELECT count() FROM rolling")
        say(f"{rows:,} rows of indicators")


def _events(size: Size, first: int, count: int) -> str:
    sources = [source for source, _ in _CYCLE]
    return _EVENTS.format(
        learners=size.learners,
        teams=size.teams,
        pairs=len(_CYCLE),
        partitions=_PARTITIONS,
        signals=[signal for _, signal in _CYCLE],
        sources=sources,
        kinds=[signal.split(".")[0] for _, signal in _CYCLE],
        per_cycle=[_PER_CYCLE[source] for source in sources],
        ranks=[sources[:slot].count(source) for slot, source in enumerate(sources)],
        span_ms=size.days * 86_400_000,
        events=size.events,
        first=first,
        count=count,
    )


def _windows(size: Size) -> list[tuple[str, int, int]]:
    """(window, seconds between slides, rows): as long as their panes are kept."""
    return [
        ("1h", 60, 2 * 1_440),
        ("1d", 3_600, min(60, size.days) * 24),
        ("7d", 86_400, size.days),
        ("28d", 86_400, size.days),
    ]
