"""The confidence and capability index by cohort and period, from the view `scores`."""

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from reports.scores.index import (
    Capability,
    CohortIndex,
    Person,
    Scores,
    Source,
    capability,
    cohort_index,
)
from reports.scores.reliability import Reliability, reliability
from reports.scores.rising import Rising, rising_together
from schemas.settings import ScoresSettings
from sinks.clickhouse.client import Store

CohortKind = Literal["all", "team", "manager", "region"]
_SOURCES: Final[tuple[Source, ...]] = ("check", "observation", "feedback")


class Periods(NamedTuple):
    """`number` periods of `length` that end at `until`; ms, and since 1970 UTC."""

    until: int
    length: int
    number: int

    @property
    def since(self) -> int:
        return self.until - self.length * self.number


class Row(NamedTuple):
    """The mean (0 to 1) of the scores of one kind that a person of a cohort got in a period;
    periods count from 0, the oldest."""

    cohort: str
    period: int
    learner: str
    kind: str
    mean: float
    ratings: int


class OfPeriod(Struct, frozen=True):
    """`index`: mean of the members' index when everybody is the cohort to compare with, in its
    standard deviations; None where the cohort is too small or nobody has one."""

    cohort: CohortIndex
    index: float | None


class CohortScores(Struct, frozen=True):
    """One cohort; `periods`: the oldest first, None where nobody had both scores."""

    name: str
    periods: list[OfPeriod | None]
    rising: Rising


class Found(Struct, frozen=True):
    """`reliability`: of one rating, over all periods and cohorts."""

    reliability: Reliability
    cohorts: list[CohortScores]


def read(store: Store, kind: CohortKind, periods: Periods, settings: ScoresSettings) -> Found:
    """Raises StoreError."""
    single = _reliability(store, periods)
    column = "'all'" if kind == "all" else f"toString({kind})"
    rows = store.query(_ROWS.format(cohort=column), _parameters(periods))
    return found((Row(*row) for row in rows), single, periods.number, settings)


def found(rows: Iterable[Row], single: Reliability, count: int, settings: ScoresSettings) -> Found:
    """What the rows say. Pure."""
    people = _people(rows, settings)
    indices = [_indices(people, period, single.single, settings) for period in range(count)]
    cohorts = []
    for name in sorted({cohort for _, cohort, _ in people}):
        of_periods = [
            _of_period(people, name, period, single.single, settings, indices[period])
            for period in range(count)
        ]
        shown = [None if each is None else each.cohort for each in of_periods]
        cohorts.append(CohortScores(name, of_periods, rising_together(shown)))
    return Found(single, cohorts)


_Key = tuple[int, str, str]
"""Period, cohort, learner."""


def _people(rows: Iterable[Row], settings: ScoresSettings) -> dict[_Key, Person]:
    """Those with both scores."""
    sure: dict[_Key, float] = {}
    seen: dict[_Key, dict[Source, Scores]] = {}
    for row in rows:
        key = (row.period, row.cohort, row.learner)
        if row.kind == "confidence":
            sure[key] = row.mean
        for source in _SOURCES:
            if row.kind == source:
                seen.setdefault(key, {})[source] = Scores(row.mean, row.ratings)
    people = {}
    for key, scores in seen.items():
        able: Capability | None = capability(scores, settings)
        if able is not None and key in sure:
            people[key] = Person(sure[key], able.mean, able.ratings)
    return people


def _indices(
    people: dict[_Key, Person], period: int, single: float | None, settings: ScoresSettings
) -> dict[_Key, float]:
    """The index of each when everybody of the period is one cohort."""
    keys = [key for key in people if key[0] == period]
    everybody = cohort_index([people[key] for key in keys], single, settings)
    if not everybody.people:
        return {}
    return {key: one.index for key, one in zip(keys, everybody.people, strict=True)}


def _of_period(
    people: dict[_Key, Person],
    name: str,
    period: int,
    single: float | None,
    settings: ScoresSettings,
    indices: dict[_Key, float],
) -> OfPeriod | None:
    keys = [key for key in people if key[:2] == (period, name)]
    if not keys:
        return None
    made = cohort_index([people[key] for key in keys], single, settings)
    known: Sequence[float] = [indices[key] for key in keys if key in indices]
    shown = made.confidence is not None and len(known) == len(keys)
    return OfPeriod(made, fmean(known) if shown else None)


def _reliability(store: Store, periods: Periods) -> Reliability:
    given: dict[str, dict[str, float]] = {}
    for item, rater, value in store.query(_RATINGS, _parameters(periods)):
        given.setdefault(item, {})[rater] = value
    return reliability(given)


def _parameters(periods: Periods) -> dict[str, int]:
    return {"since": periods.since, "until": periods.until, "length": periods.length}


_WITHIN = """
    occurred_at >= fromUnixTimestamp64Milli({{since:Int64}}, 'UTC')
    AND occurred_at < fromUnixTimestamp64Milli({{until:Int64}}, 'UTC') AND value IS NOT NULL
"""
_ROWS = f"""
SELECT cohort, period, learner, kind, avg(mean), count()
FROM
(
    SELECT {{cohort}} AS cohort, learner, toString(kind) AS kind, assumeNotNull(avg(value)) AS mean,
        intDiv(toUnixTimestamp64Milli(any(occurred_at)) - {{{{since:Int64}}}},
            {{{{length:Int64}}}}) AS period
    FROM scores
    WHERE learner != '' AND {_WITHIN}
    GROUP BY event_id, cohort, learner, kind
)
WHERE cohort != ''
GROUP BY cohort, period, learner, kind
"""
"""An event is one rating, whatever its criteria."""
_RATINGS = f"""
SELECT concat(artefact, ' ', learner) AS item, rater, assumeNotNull(avg(value))
FROM scores
WHERE kind IN ('check', 'observation') AND rater != '' AND {_WITHIN}
GROUP BY item, rater
ORDER BY item, min(occurred_at), rater
""".replace("{{", "{").replace("}}", "}")
