"""What is to be repaired when the row of an event comes after its numbers.

The stream has counted an event whose row the store refused. Whatever was recounted before the row
was inserted after all was recounted without it. Pure.
"""

from itertools import product

from schemas.records import NOBODY, Event
from sinks.clickhouse.repairs import RepairAsk, WalkAsk
from streams.catalog.load import Catalog, Indicator
from streams.model.facts import Label, facts_of, labels
from streams.model.journeys import steps_by_signal
from streams.model.tally import labels_of
from uptake.reconcile.sql import WINDOWS


class LateRows:
    """What counts an event, by one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._steps = steps_by_signal(catalog)

    def row_asks(self, event: Event, signal: str, now: int) -> list[RepairAsk]:
        """The rows of indicators that count the event itself. `now`: ms since 1970."""
        at = event.occurred_at
        return [
            RepairAsk(name, kind, cohort, window.name, *window.ends(at, at), now, now)
            for name, indicator in self._catalog.indicators.items()
            if indicator.stands_on(signal)
            for (kind, cohort), window in product(_cohorts(event, indicator), WINDOWS)
        ]

    def walk_asks(self, event: Event, signal: str, now: int) -> list[WalkAsk]:
        """The walks of which the event is a step: their rows are named when their steps are
        known."""
        found: list[WalkAsk] = []
        for journey in sorted({name for name, _ in self._steps.get(signal, ())}):
            rules = self._catalog.journeys[journey]
            learner = event.learner.hex() if rules.walked_by == "one" else ""
            key = rules.key_of(event.attributes, event.object_id)
            found.append(WalkAsk(journey, key, learner, False, now, now))
        return found


def _cohorts(event: Event, indicator: Indicator) -> list[Label]:
    facts = facts_of(event, event.module or "", indicator.facts)
    return [*labels_of(event.cohort or NOBODY), *labels(facts, indicator.breakdowns)]
