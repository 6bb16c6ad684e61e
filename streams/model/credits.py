"""Which indicators an event or a case counts in, and counting it there.

Indicators to which the same events contribute are counted together: their coverage is the same,
but for people who were eligible only at times.
"""

from collections.abc import Iterable, Iterator, Sequence

from schemas.records import Cohort, Event, Series
from streams.catalog.load import Catalog, Indicator
from streams.model.codes import Codes
from streams.model.facts import Label, facts_of, labels
from streams.model.presence import Presence, Spread
from streams.model.tally import Group, Tally, labels_of
from streams.model.values import Values

_UNKNOWN = Group()
"""Stands for a group that was not looked up yet."""


class Counted:
    """Indicators to which the same events contribute: those that count anybody, and those that
    count eligible learners only. `code` and `groups` are looked up once and kept."""

    __slots__ = ("all", "by_anybody", "code", "groups", "name")

    def __init__(self, by_anybody: tuple[str, ...], by_eligible: tuple[str, ...]) -> None:
        self.by_anybody = by_anybody
        self.all = by_anybody + by_eligible
        self.name = "+".join(self.all)
        self.code = -1
        self.groups: dict[int, Group | None] = {}


class Credits:
    """Counts contributions of learners into a tally. `values`: those of breakdowns."""

    def __init__(
        self,
        catalog: Catalog,
        names: Codes[str],
        cohorts: Codes[Cohort],
        tally: Tally,
        values: Values,
    ) -> None:
        self.values = values
        self._catalog = catalog
        self._names = names
        self._cohorts = cohorts
        self._tally = tally
        self._of_signal: dict[str, list[Counted]] = {}
        self._broken_down: dict[str, list[tuple[str, Indicator]]] = {}
        self.of_indicator = {
            name: Counted((name,), ())
            for name, indicator in catalog.indicators.items()
            if indicator.journey is not None
        }

    def recovered(self) -> None:
        self._names.recovered()
        self.values.recovered()

    def of_signal(self, signal: str) -> list[Counted]:
        """The indicators that stand on this signal; those that count alike together."""
        found = self._of_signal.get(signal)
        if found is None:
            found = self._of_signal[signal] = list(self._together(signal))
        return found

    def broken_down(self, signal: str, event: Event) -> Iterator[tuple[str, list[Label]]]:
        """Of what counts an event with this signal: indicator and cohorts of its breakdowns."""
        broken_down = self._broken_down.get(signal)
        if broken_down is None:
            broken_down = self._broken_down[signal] = [
                (name, indicator)
                for name, indicator in self._catalog.indicators.items()
                if indicator.by and indicator.stands_on(signal)
            ]
        for name, indicator in broken_down:
            facts = facts_of(event, event.module or "", indicator.facts)
            named = labels(facts, indicator.breakdowns)
            self.values.note(name, named)
            yield name, self.values.counted(name, named)

    def see(self, signal: str, event: Event) -> None:
        """An event that counts nowhere: it still tells values of breakdowns."""
        for _ in self.broken_down(signal, event):
            pass

    def give(
        self,
        counted: Counted,
        presence: Presence,
        cohorts: Sequence[int],
        cohort: int,
        minute: int,
        sums: tuple[int, int, int],
    ) -> None:
        """Count a contribution of `cohort`, and the coverage it brings or takes.

        `sums`: how often it is made (fewer: taken back), and what num and den it adds in all.
        `cohorts`: where the learner ever was; empty if only in `cohort`.
        """
        group = counted.groups.get(cohort, _UNKNOWN)
        if group is _UNKNOWN:
            indicators = self.indicators(counted, cohort)
            group = self._tally.group(indicators, cohort) if indicators else None
            counted.groups[cohort] = group
        if group is None:
            return
        group.count(minute, *sums)
        spreads: Iterable[Spread] = ((None, group.people),)
        if cohorts:
            spreads = self._spreads(counted, cohorts, cohort)
        if counted.code < 0:
            counted.code = self._names.code(counted.name)
        presence.credit(counted.code, minute, cohort, sums[0], spreads)

    def give_labels(
        self,
        indicator: str,
        cohorts: Iterable[Label],
        presence: Presence,
        minute: int,
        sums: tuple[int, int, int],
    ) -> None:
        """Count a contribution in cohorts of breakdowns, each on its own. `sums` as in `give`."""
        for kind, label in cohorts:
            series = Series(indicator, kind, label)
            group = self._tally.of_series(series)
            group.count(minute, *sums)
            code = self._names.code("\0".join(series))
            presence.credit(code, minute, 0, sums[0], ((None, group.people),))

    def _together(self, signal: str) -> Iterator[Counted]:
        anybody: dict[tuple[str, ...], list[str]] = {}
        eligible: dict[tuple[str, ...], list[str]] = {}
        for name, indicator in self._catalog.indicators.items():
            signals = indicator.signals or []
            if indicator.stands_on(signal):
                only = indicator.measure == "share_of_eligible"
                (eligible if only else anybody).setdefault(tuple(signals), []).append(name)
        for signals_alike in {**anybody, **eligible}:
            yield Counted(
                tuple(anybody.get(signals_alike, ())), tuple(eligible.get(signals_alike, ()))
            )

    def indicators(self, counted: Counted, cohort: int) -> tuple[str, ...]:
        """Of what counts together, what counts for this cohort."""
        return counted.all if self._cohorts.values[cohort].eligible else counted.by_anybody

    def _spreads(self, counted: Counted, cohorts: Sequence[int], cohort: int) -> Iterator[Spread]:
        """A learner who moved: each kind of cohort covers what lies in the same cohort, and what
        counts only eligible people covers what was done while eligible."""
        values = self._cohorts.values
        for indicator in self.indicators(counted, cohort):
            for kind, label in labels_of(values[cohort]):
                codes = frozenset(
                    code
                    for code in cohorts
                    if (kind, label) in labels_of(values[code])
                    and (values[code].eligible or indicator in counted.by_anybody)
                )
                yield codes, self._tally.group((indicator,), cohort, frozenset({kind})).people
