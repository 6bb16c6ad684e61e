"""Journeys: steps of one key in any order, and what they contribute to the indicators.

A journey is kept as its steps, sorted by (time, event id), so that the order of arrival cannot
matter. What it contributes is a function of that list; a further step changes the list, and the
difference between the contributions before and after is what is counted.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import Struct

from schemas.records import Attribute, Cohort
from streams.catalog.load import DELAY, Catalog, Indicator, Success
from streams.model.facts import NEVER, Labels, delay_name, labels

_LATEST = 1 << 60
"""Later than any time in ms."""


class WalkedStep(Struct, array_like=True, frozen=True, gc=False):
    """A step that happened. The first two fields are the order."""

    occurred_at: int
    event_id: bytes
    step: str
    learner: bytes
    cohort: Cohort
    attributes: dict[str, Attribute] = {}

    @property
    def order(self) -> tuple[int, bytes]:
        return (self.occurred_at, self.event_id)


Walk = list[WalkedStep]
"""The steps of one journey, sorted by `order`, each event once."""


class Contribution(Struct, frozen=True, gc=False):
    """One case of one indicator: when, by whom, and what it adds. Times in ms. `labels`: the
    cohorts of breakdowns in which it counts besides."""

    indicator: str
    occurred_at: int
    learner: bytes
    cohort: Cohort
    num: int
    den: int
    labels: Labels = ()


def add_step(walk: Walk, step: WalkedStep) -> bool:
    """Put `step` at its place; False if this event is a step of the journey already."""
    place = bisect_left(walk, step.order, key=_order)
    if place < len(walk) and walk[place].order == step.order:
        return False
    walk.insert(place, step)
    return True


def remove_step(walk: Walk, step: WalkedStep) -> bool:
    """Take `step` out; False if this event is no step of the journey."""
    place = bisect_left(walk, step.order, key=_order)
    if place == len(walk) or walk[place].order != step.order:
        return False
    del walk[place]
    return True


def _order(step: WalkedStep) -> tuple[int, bytes]:
    return step.order


class JourneyRules:
    """What one journey's steps contribute, compiled from the catalog."""

    def __init__(self, name: str, catalog: Catalog) -> None:
        self.name = name
        self.walked_by = catalog.journeys[name].walked_by
        self.key_of = catalog.journeys[name].key_of
        self._indicators = [
            (key, indicator)
            for key, indicator in catalog.indicators.items()
            if indicator.journey == name
        ]
        self.attributes = frozenset(_attributes(i for _, i in self._indicators))
        """The facts that are kept with a step."""
        self._broken_down = [(key, i) for key, i in self._indicators if i.known_early]

    def values(self, step: str, facts: Mapping[str, Attribute]) -> Iterator[tuple[str, Labels]]:
        """(indicator, cohorts of its breakdowns) that a step with these facts names, be it a case
        or not."""
        for name, indicator in self._broken_down:
            if step in indicator.at:
                yield name, labels(facts, indicator.known_early)

    def contributions(self, walk: Walk) -> dict[Contribution, int]:
        """Each contribution of the walk and how often it is made (two equal cases can stand at
        the same moment)."""
        made: dict[Contribution, int] = {}
        for name, indicator in self._indicators:
            for place in _cases(indicator, walk):
                step = walk[place]
                num, den = _values(indicator, walk, place)
                one = Contribution(
                    name,
                    step.occurred_at,
                    step.learner,
                    step.cohort,
                    num,
                    den,
                    _labels(indicator, walk, place),
                )
                made[one] = made.get(one, 0) + 1
        return made

    def difference(self, walk: Walk, step: WalkedStep) -> list[tuple[Contribution, int]]:
        """Add `step` to `walk`; return the contributions that came (+) and went (-)."""
        before = self.contributions(walk)
        return self._changes(before, walk) if add_step(walk, step) else []

    def taken_back(self, walk: Walk, step: WalkedStep) -> list[tuple[Contribution, int]]:
        """Take `step` out of `walk`; return the contributions that came (+) and went (-)."""
        before = self.contributions(walk)
        return self._changes(before, walk) if remove_step(walk, step) else []

    def _changes(
        self, before: dict[Contribution, int], walk: Walk
    ) -> list[tuple[Contribution, int]]:
        after = self.contributions(walk)
        changes = [(one, count - before.get(one, 0)) for one, count in after.items()]
        changes += [(one, -count) for one, count in before.items() if one not in after]
        return [(one, change) for one, change in changes if change]


def compile_journeys(catalog: Catalog) -> dict[str, JourneyRules]:
    return {name: JourneyRules(name, catalog) for name in catalog.journeys}


def steps_by_signal(catalog: Catalog) -> Mapping[str, list[tuple[str, str]]]:
    """signal -> the (journey, step) pairs that it is."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, journey in catalog.journeys.items():
        for step, signals in journey.steps.items():
            for signal in signals:
                found.setdefault(signal, []).append((name, step))
    return found


def _attributes(indicators: Iterable[Indicator]) -> Iterator[str]:
    """The attributes that the rules look at; others need not be kept with a step."""
    for indicator in indicators:
        if indicator.needs:
            yield indicator.needs
        for _, facts in indicator.known_early:
            yield from facts
        for asked in (indicator.among, indicator.success):
            if asked is not None:
                yield from _attributes_asked(asked)


def _attributes_asked(asked: Success) -> Iterator[str]:
    if asked.attribute:
        yield asked.attribute.name
    if asked.followed_until:
        yield asked.followed_until.attribute
    if asked.at_most_before and asked.at_most_before.where:
        yield asked.at_most_before.where.name


def _cases(indicator: Indicator, walk: Walk) -> Iterator[int]:
    """Places in `walk` at which a case of `indicator` stands."""
    waiting = True
    for place, step in enumerate(walk):
        if indicator.each == "episode" and step.step in indicator.resets:
            waiting = True
        if step.step not in indicator.at:
            continue
        if indicator.needs and indicator.needs not in step.attributes:
            continue
        if indicator.since and _since(indicator.since, walk, step) is None:
            continue
        if indicator.among and not _holds(indicator.among, walk, place):
            continue
        if indicator.each == "every":
            yield place
        elif waiting:
            waiting = False
            yield place


def _since(name: str, walk: Walk, case: WalkedStep) -> int | None:
    """Time of the first step called `name`, if it is not after the case."""
    first = next((step.occurred_at for step in walk if step.step == name), None)
    return None if first is None or first > case.occurred_at else first


def _values(indicator: Indicator, walk: Walk, place: int) -> tuple[int, int]:
    """(num, den) of the case at `place`."""
    if indicator.since:
        begun = _since(indicator.since, walk, walk[place])
        return (0 if begun is None else walk[place].occurred_at - begun), 1
    if indicator.success is None:
        return 1, 0
    return int(_holds(indicator.success, walk, place)), 1


def _labels(indicator: Indicator, walk: Walk, place: int) -> Labels:
    """The cohorts of breakdowns in which the case at `place` counts."""
    if not indicator.by:
        return ()
    case = walk[place]
    facts = case.attributes
    if indicator.delay is not None:
        rule = indicator.delay
        times = (step.occurred_at - case.occurred_at for step in walk if step.step == rule.step)
        waited = min((ms for ms in times if 0 <= ms <= rule.within_ms), default=None)
        facts = {**facts, DELAY: NEVER if waited is None else delay_name(waited)}
    return labels(facts, indicator.breakdowns)


def _holds(asked: Success, walk: Walk, place: int) -> bool:
    return all(rule(asked, walk, place) for rule in _RULES)


def _is(success: Success, walk: Walk, place: int) -> bool:
    return success.is_ is None or walk[place].step in success.is_


def _followed_by(success: Success, walk: Walk, place: int) -> bool:
    rule = success.followed_by
    return rule is None or _follows(walk, place, rule.step, rule.within_ms)


def _not_followed_by(success: Success, walk: Walk, place: int) -> bool:
    rule = success.not_followed_by
    return rule is None or not _follows(walk, place, rule.step, rule.within_ms)


def _followed_until(success: Success, walk: Walk, place: int) -> bool:
    rule = success.followed_until
    if rule is None:
        return True
    until = walk[place].attributes.get(rule.attribute)
    if type(until) is not int or until >= _LATEST:
        return False
    return _follows(walk, place, rule.step, until - walk[place].occurred_at)


def _near(success: Success, walk: Walk, place: int) -> bool:
    rule = success.near
    if rule is None:
        return True
    at = walk[place].occurred_at
    return any(
        step.step == rule.step and -rule.before_ms <= step.occurred_at - at <= rule.after_ms
        for step in walk
    )


def _follows(walk: Walk, place: int, name: str, within_ms: int) -> bool:
    case = walk[place]
    return any(
        step.step == name and 0 <= step.occurred_at - case.occurred_at <= within_ms for step in walk
    )


def _at_most_before(success: Success, walk: Walk, place: int) -> bool:
    rule = success.at_most_before
    if rule is None:
        return True
    before = (step for step in walk[:place] if step.step == rule.step)
    if rule.where is not None:
        before = (step for step in before if rule.where.holds(step.attributes))
    return sum(1 for _ in before) <= rule.count


def _attribute(success: Success, walk: Walk, place: int) -> bool:
    rule = success.attribute
    return rule is None or rule.holds(walk[place].attributes)


_RULES: tuple[Callable[[Success, Walk, int], bool], ...] = (
    _is,
    _followed_by,
    _not_followed_by,
    _followed_until,
    _near,
    _at_most_before,
    _attribute,
)
