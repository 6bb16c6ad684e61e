"""SQL that counts the catalog's indicators again from the view `events_all`, a contribution a row.

Made from the catalog alone, so that a new indicator needs no new SQL. It says with sorts and
window functions what the stream says with walks and differences, and shares no code with it.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from streams.catalog.load import DELAY, Catalog, Indicator, Journey, Success, Within
from streams.model.facts import BUCKETS, NEVER
from uptake.reconcile.facts import (
    OWN,
    array,
    fact_text,
    has_fact,
    holds,
    label,
    text,
    whole_number,
)

COLUMNS = "indicator, t, learner, team, manager, region, num, den, labels"
"""Of a contribution. t: when, in ms since 1970 UTC. labels: (kind of cohort, cohort) of the
indicator's breakdowns."""

_UNCOUNTED = ("unmapped", "voided")
"""Signals that no indicator counts."""
_NEVER = 1 << 60
"""A time after all others, in ms."""
FIRST = "(received_at, generation, partition, offset)"
"""Of several rows with the id of one event, the first is the event."""


class Group(NamedTuple):
    """Indicators that are recounted in one query: those of a journey, or those on signals."""

    journey: str
    """Empty: they stand on signals."""
    indicators: dict[str, Indicator]


class Times(NamedTuple):
    """What happened from `first` on and before `end`: ms since 1970 UTC."""

    first: int
    end: int


def groups(catalog: Catalog) -> list[Group]:
    """All indicators of the catalog, each in one group."""
    found: dict[str, dict[str, Indicator]] = {}
    for name, indicator in catalog.indicators.items():
        found.setdefault(indicator.journey or "", {})[name] = indicator
    return [Group(journey, indicators) for journey, indicators in found.items()]


def contributions(catalog: Catalog, group: Group, times: Times, database: str) -> str:
    """A SELECT of COLUMNS: the contributions to the indicators of `group` in `times`."""
    if not group.journey:
        return _of_signals(group.indicators, times, database)
    journey = catalog.journeys[group.journey]
    return _of_journey(journey, group.indicators, times, database)


def key_of(journey: Journey) -> str:
    """The key of a journey that an event belongs to."""
    if not journey.key:
        return "object_id"
    place = f"attributes, {text(journey.key)}"
    named = f"JSONExtractString({place})"
    return f"if(JSONType({place}) = 'String' AND {named} != '', {named}, object_id)"


def values_over(catalog: Catalog, database: str) -> str:
    """A SELECT of the breakdowns that have more values than are counted: indicator, kind, CRC-32
    and text of the first value that is not counted. All events tell values, also those that are no
    cases or were taken back."""
    parts = []
    for name, indicator in catalog.indicators.items():
        if indicator.known_early:
            asked = _telling(catalog, indicator)
            parts.append(
                f"SELECT {text(name)} AS indicator, arrayJoin({_labels(indicator.known_early)})"
                f" AS told FROM (SELECT signal, attributes, {OWN} AS own"
                f" FROM {database}.events_all WHERE {asked})"
            )
    if not parts:
        return "SELECT '', '', 0, '' WHERE 0"
    most = catalog.breakdowns.most_values
    every = " UNION ALL ".join(parts)
    return f"""
SELECT indicator, told.1 AS kind, CRC32(told.2) AS place, told.2 AS value
FROM (SELECT DISTINCT indicator, told FROM ({every}) WHERE told.2 != '')
ORDER BY indicator, kind, place, value LIMIT {most}, 1 BY indicator, kind
"""


def _telling(catalog: Catalog, indicator: Indicator) -> str:
    """Which events tell values of the indicator's breakdowns."""
    if indicator.journey:
        steps = _step_of_signal(catalog.journeys[indicator.journey])
        return f"signal IN {_list(s for s, step in steps.items() if step in indicator.at)}"
    signals = indicator.signals or []
    if "*" in signals:
        return f"signal NOT IN {_list(_UNCOUNTED)}"
    return f"signal IN {_list(signals)}"


def within(column: str, times: Times) -> str:
    """A condition on a column of times that the primary key can use."""
    first, end = (f"fromUnixTimestamp64Milli({ms}, 'UTC')" for ms in times)
    return f"{column} >= {first} AND {column} < {end}"


def _of_signals(indicators: dict[str, Indicator], times: Times, database: str) -> str:
    conditions = ", ".join(f"toUInt8({_stands_on(each)})" for each in indicators.values())
    named = ", ".join(
        f"({text(name)}, {_labels(each.breakdowns)})" for name, each in indicators.items()
    )
    return f"""
SELECT
    named.1 AS indicator, event.1 AS t, event.2 AS learner, event.3 AS team, event.4 AS manager,
    event.5 AS region, toInt64(1) AS num, toInt64(0) AS den, named.2 AS labels
FROM
(
    SELECT event, event.8 AS attributes, event.9 AS own
    FROM
    (
        SELECT argMin((toUnixTimestamp64Milli(occurred_at), learner, toString(team),
            toString(manager), toString(region), toString(signal), eligible, attributes, {OWN}),
            {FIRST}) AS event
        FROM {database}.events_all
        WHERE signal NOT IN {_list(_UNCOUNTED)} AND NOT voided
            AND {within("occurred_at", times)}
        GROUP BY event_id
    )
)
ARRAY JOIN arrayFilter((one, counts) -> counts, [{named}], [{conditions}]) AS named
"""


def _stands_on(indicator: Indicator) -> str:
    signals = indicator.signals or []
    known = "1" if "*" in signals else f"event.6 IN {_list(signals)}"
    return f"{known} AND event.7" if indicator.measure == "share_of_eligible" else known


def _of_journey(
    journey: Journey, indicators: dict[str, Indicator], times: Times, database: str
) -> str:
    """Every step of each journey of which a case may lie in `times`, in its order; then what
    lies around each step; then the cases."""
    step_of = _step_of_signal(journey)
    at = {step for indicator in indicators.values() for step in indicator.at}
    standing = [signal for signal, step in step_of.items() if step in at]
    key = f"learner, {key_of(journey)}" if journey.walked_by == "one" else key_of(journey)
    around = [column for name, each in indicators.items() for column in around_case(name, each)]
    qualifying = [
        f"toUInt8({_qualifies(name, each)}) AS q_{name}" for name, each in indicators.items()
    ]
    qualifying += [
        f"{_waited(name, each.delay)} AS waited_{name}"
        for name, each in indicators.items()
        if each.delay is not None
    ]
    cases = [f"toUInt8({_is_case(name, each)}) AS c_{name}" for name, each in indicators.items()]
    values = [
        f"({text(name)}, {_values(name, each)}, {_labels(each.breakdowns, name)})"
        for name, each in indicators.items()
    ]
    chosen = ", ".join(f"c_{name}" for name in indicators)
    return f"""
SELECT
    case.1 AS indicator, t, who.2 AS learner, who.3 AS team, who.4 AS manager, who.5 AS region,
    case.2 AS num, case.3 AS den, case.4 AS labels
FROM
(
    SELECT *, {_lines(cases)}
    FROM
    (
        SELECT *, {_lines(qualifying)}
        FROM
        (
            SELECT *, who.1 AS step, who.6 AS attributes, who.7 AS own,
                row_number() OVER so_far AS pos
                {"".join(f", {column}" for column in around)}
            FROM
            (
                SELECT
                    ({key}) AS journey, toUnixTimestamp64Milli(occurred_at) AS t,
                    UUIDStringToNum(toString(event_id)) AS place,
                    argMin((transform(toString(signal), {array(step_of)},
                        {array(step_of.values())}, ''), learner, toString(team),
                        toString(manager), toString(region), attributes, {OWN}), {FIRST}) AS who
                FROM {database}.events_all
                WHERE signal IN {_list(step_of)} AND NOT voided AND ({key}) IN
                (
                    SELECT {key} FROM {database}.events_all
                    WHERE signal IN {_list(standing)} AND {within("occurred_at", times)}
                )
                GROUP BY journey, t, place
            )
            WINDOW {_WINDOWS}
        )
    )
    WINDOW {_WINDOWS}
)
ARRAY JOIN arrayFilter((one, counts) -> counts, [{", ".join(values)}], [{chosen}]) AS case
WHERE t >= {times.first} AND t < {times.end}
"""


_WINDOWS = """
    whole AS (PARTITION BY journey),
    so_far AS (PARTITION BY journey ORDER BY t, place
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
    earlier AS (PARTITION BY journey ORDER BY t, place
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
    from_now AS (PARTITION BY journey ORDER BY t DESC
        RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
"""
"""`from_now`: what happens at the same moment or later."""


def _step_of_signal(journey: Journey) -> dict[str, str]:
    """An event is one step of a journey, the first whose signals name its own."""
    found: dict[str, str] = {}
    for step, signals in journey.steps.items():
        for signal in signals:
            if signal not in _UNCOUNTED:
                found.setdefault(signal, step)
    return found


def around_case(name: str, indicator: Indicator) -> Iterator[str]:
    """Columns that say what lies around a step, as far as the indicator asks."""
    if indicator.since:
        yield f"{_time_of(indicator.since)} OVER whole AS begun_{name}"
    if indicator.delay:
        yield f"{_time_of(indicator.delay.step)} OVER from_now AS delayed_{name}"
    for which, asked in (("among", indicator.among), ("success", indicator.success)):
        if asked is not None:
            yield from _around(f"{which}_{name}", asked)


def _around(name: str, asked: Success) -> Iterator[str]:
    if asked.followed_by is not None:
        yield f"{_time_of(asked.followed_by.step)} OVER from_now AS wanted_{name}"
    if asked.not_followed_by is not None:
        yield f"{_time_of(asked.not_followed_by.step)} OVER from_now AS unwanted_{name}"
    if asked.followed_until is not None:
        yield f"{_time_of(asked.followed_until.step)} OVER from_now AS until_{name}"
    if (near := asked.near) is not None:
        yield (
            f"countIf(step = {text(near.step)}) OVER (PARTITION BY journey ORDER BY t"
            f" RANGE BETWEEN {near.before_ms} PRECEDING AND {near.after_ms} FOLLOWING)"
            f" AS near_{name}"
        )
    rule = asked.at_most_before
    if rule is not None:
        where = f" AND {holds(rule.where)}" if rule.where is not None else ""
        yield f"countIf(step = {text(rule.step)}{where}) OVER earlier AS before_{name}"


def _time_of(step: str) -> str:
    """The first such step that a window holds."""
    return f"min(if(step = {text(step)}, t, {_NEVER}))"


def _qualifies(name: str, indicator: Indicator) -> str:
    """Whether a case may stand at this step."""
    parts = [f"step IN {_list(indicator.at)}"]
    if indicator.needs:
        parts.append(has_fact(indicator.needs))
    if indicator.since:
        parts.append(f"begun_{name} <= t")
    if indicator.among:
        parts += _rules(f"among_{name}", indicator.among)
    return " AND ".join(parts)


def _is_case(name: str, indicator: Indicator) -> str:
    """Whether a case stands here, of all the steps at which one may."""
    if indicator.each == "every":
        return f"q_{name}"
    if indicator.each == "first":
        return f"q_{name} AND sum(q_{name}) OVER so_far = 1"
    last_case = f"max(if(q_{name}, pos, 0)) OVER earlier"
    last_reset = f"max(if(step IN {_list(indicator.resets)}, pos, 0)) OVER so_far"
    return f"q_{name} AND ({last_case} = 0 OR {last_reset} > {last_case})"


def _values(name: str, indicator: Indicator) -> str:
    """num and den of a case."""
    if indicator.since:
        return f"toInt64(t - begun_{name}), toInt64(1)"
    if indicator.success is None:
        return "toInt64(1), toInt64(0)"
    return (
        f"toInt64({' AND '.join(_rules(f'success_{name}', indicator.success)) or '1'}), toInt64(1)"
    )


def _rules(name: str, success: Success) -> Iterator[str]:
    if success.is_ is not None:
        yield f"step IN {_list(success.is_)}"
    if (rule := success.followed_by) is not None:
        yield f"wanted_{name} - t <= {rule.within_ms}"
    if (rule := success.not_followed_by) is not None:
        yield f"unwanted_{name} - t > {rule.within_ms}"
    if (until := success.followed_until) is not None:
        yield (
            f"({whole_number(until.attribute)} AND"
            f" until_{name} <= JSONExtractInt(attributes, {text(until.attribute)}))"
        )
    if success.near is not None:
        yield f"near_{name} > 0"
    if success.at_most_before is not None:
        yield f"before_{name} <= {success.at_most_before.count}"
    if success.attribute is not None:
        yield holds(success.attribute)


def _labels(breakdowns: Sequence[tuple[str, Sequence[str]]], name: str = "") -> str:
    """(kind, cohort) of each breakdown, also where the cohort is empty. `name`: of the indicator,
    whose delay it may name."""
    pairs = [
        f"({text(kind)}, "
        + label([f"waited_{name}" if fact == DELAY else fact_text(fact) for fact in facts])
        + ")"
        for kind, facts in breakdowns
    ]
    return f"CAST([{', '.join(pairs)}], 'Array(Tuple(String, String))')"


def _waited(name: str, rule: Within) -> str:
    """The bucket of the delay."""
    bounds, names = zip(*BUCKETS, strict=True)
    bucket = f"arrayFirst((one, ms) -> delayed_{name} - t <= ms, {array(names)}, {array(bounds)})"
    return f"if(delayed_{name} - t <= {rule.within_ms}, {bucket}, {text(NEVER)})"


def _list(values: Iterable[str]) -> str:
    """The right side of IN; a list that names nothing holds for nothing."""
    quoted = [text(value) for value in values]
    return f"({', '.join(quoted)})" if quoted else "(NULL)"


def _lines(parts: list[str]) -> str:
    return ",\n        ".join(parts)
