"""The counts of an experiment, from the events in the store."""

from collections.abc import Iterator
from typing import Final

from schemas.experiments.book import Entry
from schemas.experiments.definition import Experiment
from sinks.clickhouse.client import Store
from streams.catalog.load import Catalog
from uptake.experiments.counting import Counted, Done, Kind, Measured, Shown, counted
from uptake.reconcile.contributions import Group, Times, contributions
from uptake.reconcile.facts import text

STEPS: Final = ("experiment.clicked", "experiment.completed", "experiment.applied")
"""Signals that may decide in the place of an indicator: whether a unit that was exposed did this
with the experiment's object."""

_EXPOSED: Final = "experiment.exposed"
_KINDS: Final[dict[str, Kind]] = {"rate": "mean", "mean": "mean", "count": "count"}


def count(
    store: Store, database: str, catalog: Catalog, experiment: Experiment, entry: Entry, now: int
) -> Counted:
    """Exposures and outcomes up to `now` (ms). Raises StoreError; KeyError for an indicator that
    the catalog does not have."""
    sql = _Sql(database, experiment)
    shown = [Shown(*row) for row in store.query(sql.shown())]
    if not shown:
        return Counted([], 0, 0)
    times = Times(min(one.at for one in shown), now + 1)
    named = [experiment.outcome.indicator, *(each.indicator for each in experiment.guardrails)]
    measured = {}
    for name in named:
        kind, scale, query = sql.measured(name, catalog, times)
        measured[name] = Measured(kind, scale, list(_done(store, query)))
    return counted(experiment, entry.switches, shown, measured, now)


def _done(store: Store, sql: str) -> Iterator[Done]:
    for block in store.stream(sql):
        yield from (Done(*row) for row in block)


class _Sql:
    def __init__(self, database: str, experiment: Experiment) -> None:
        self._database = database
        self._unit = "learner" if experiment.unit == "learner" else "toString(team)"
        name = experiment.name
        self._ours = f"(object_id = {text(name)} OR endsWith(object_id, {text('/' + name)}))"

    def shown(self) -> str:
        """A SELECT of Shown: a row a unit."""
        return f"""
SELECT unit, argMin(variant, (t, variant)) AS first, min(t) AS at, toInt64(uniqExact(variant))
FROM
(
    SELECT {self._unit} AS unit, toUnixTimestamp64Milli(occurred_at) AS t,
        JSONExtractString(attributes, 'variant') AS variant
    FROM {self._of_signal(_EXPOSED)}
)
WHERE unit != ''
GROUP BY unit
"""

    def measured(self, name: str, catalog: Catalog, times: Times) -> tuple[Kind, float, str]:
        """How the indicator's value is made, and a SELECT of Done: what units did that were shown
        a variant."""
        if name in STEPS:
            rows = f"""
SELECT {self._unit} AS unit, toUnixTimestamp64Milli(occurred_at) AS t, toInt64(1) AS num,
    toInt64(0) AS den
FROM {self._of_signal(name)}"""
            return "whether", 1.0, self._of_shown(rows)
        indicator = catalog.indicators[name]
        group = Group(indicator.journey or "", {name: indicator})
        made = contributions(catalog, group, times, self._database)
        rows = f"SELECT {self._unit} AS unit, t, num, den FROM ({made})"
        return _KINDS.get(indicator.measure, "whether"), indicator.scale, self._of_shown(rows)

    def _of_signal(self, signal: str) -> str:
        """The experiment's events of a signal that were not voided."""
        events = f"{self._database}.events"
        return f"""{events}
    WHERE signal = {text(signal)} AND {self._ours} AND toString(event_id) NOT IN
        (SELECT JSONExtractString(attributes, 'voids') FROM {events} WHERE signal = 'voided')"""

    def _of_shown(self, rows: str) -> str:
        return f"""
SELECT unit, toInt64(t), toInt64(num), toInt64(den) FROM ({rows})
WHERE unit IN (SELECT unit FROM ({self.shown()}))
"""
