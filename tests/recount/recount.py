"""Part two of the recount: contributions -> the value of every indicator, cohort and window.

Brute force: for each row it looks at the contributions of the window again.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from typing import NamedTuple, TypedDict
from zlib import crc32

from tests.recount.contributions import Cohorts, Contribution, Event, contributions, values

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

WINDOWS = {"1h": (MINUTE, 60), "1d": (HOUR, 24), "7d": (DAY, 7), "28d": (DAY, 28)}
"""window -> (its slide in ms, its length in slides)."""

COUNTS = frozenset(
    {
        "module_starts",
        "module_completions",
        "video_plays",
        "tickets_opened",
        "tickets_resolved",
        "tickets_reopened",
        "opportunities_opened",
        "opportunities_won",
        "moments",
        "nudge_time_to_act",
        "challenges_offered",
        "roleplays_assigned",
        "roleplays_submitted",
        "feedback_given",
        "suggestions_offered",
    }
)
RATES_AND_MEANS = frozenset(
    {
        "module_completion_rate",
        "video_engagement",
        "first_contact_resolution",
        "escalation_rate",
        "sla_met",
        "win_rate",
        "days_to_close",
        "moment_coverage",
        "moment_precision",
        "nudge_open_rate",
        "nudge_action_rate",
        "nudge_dismiss_rate",
        "nudge_click_to_act",
        "challenge_completion_rate",
        "challenge_recall_rate",
        "hours_to_check",
        "timely_submission",
        "suggestion_try_rate",
        "suggestion_report_rate",
        "suggestion_worked",
        "experiment_click_rate",
        "experiment_completion_rate",
        "experiment_application_rate",
    }
)


class Listed(TypedDict):
    """A learner of the directory, as it is at the end. `since` in ms; 0: always."""

    learner: Hashable
    cohort: Cohorts
    since: int


class Key(NamedTuple):
    """`window_end` in ms since 1970 UTC."""

    indicator: str
    cohort_kind: str
    cohort: str
    window: str
    window_end: int


class Value(NamedTuple):
    """Counts: how often, None. People: people, None. Adoption: people, eligible learners.
    Rates: successes, cases. Days to close: the sum in ms, cases."""

    numerator: int
    denominator: int | None
    people: int


Series = tuple[str, str, str]
Point = tuple[int, Contribution]


MOST_VALUES = 500
"""Of one indicator and kind of breakdown: those of the smallest CRC-32."""


def recount(
    events: Iterable[Event], directory: Iterable[Listed] = (), most: int = MOST_VALUES
) -> dict[Key, Value]:
    """Every row that must be there: one for each slide in which a window's content changed.

    A window that ends at e holds the slots e-w .. e-1 (in slides); its row is there when a
    contribution lies in slot e-1, which has just come in, or in slot e-w-1, which has just left.
    """
    listed = list(directory)
    known = list(events)
    rows: dict[Key, Value] = {}
    for series, made in _by_series(contributions(known), _left_out(known, most)).items():
        for window, (slide, length) in WINDOWS.items():
            for end, content in _windows(made, slide, length):
                key = Key(*series, window, end * slide)
                rows[key] = _value(key, content, listed)
    return rows


def _by_series(
    made: Iterable[Contribution], left_out: set[Series]
) -> dict[Series, list[Contribution]]:
    series: dict[Series, list[Contribution]] = defaultdict(list)
    for one in made:
        for kind, cohort in cohorts_of(one.event["cohort"]):
            series[one.indicator, kind, cohort].append(one)
        for kind, cohort in one.more:
            value = cohort.rpartition("+")[0] if kind.endswith("+delay") else cohort
            if (one.indicator, kind, value) not in left_out:
                series[one.indicator, kind, cohort].append(one)
    return series


def _left_out(events: list[Event], most: int) -> set[Series]:
    """Values of breakdowns that are not counted, as there are too many."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for indicator, kind, value in values(events):
        found[indicator, kind].add(value)
    return {
        (indicator, kind, value)
        for (indicator, kind), named in found.items()
        for value in sorted(named, key=lambda name: (crc32(name.encode()), name))[most:]
    }


def cohorts_of(cohort: Cohorts) -> list[tuple[str, str]]:
    """(kind, name) of each cohort that somebody with these labels belongs to."""
    labels = [
        ("all", "all"),
        ("team", cohort["team"]),
        ("manager", cohort["manager"]),
        ("region", cohort["region"]),
    ]
    return [(kind, name) for kind, name in labels if name]


def _windows(
    made: list[Contribution], slide: int, length: int
) -> Iterator[tuple[int, list[Contribution]]]:
    """(window end in slides, what the window holds) for each end at which there is a row."""
    placed = [(one.event["occurred_at"] // slide, one) for one in made]
    placed.sort(key=_slot)
    ends = {slot + 1 for slot, _ in placed} | {slot + 1 + length for slot, _ in placed}
    for end in sorted(ends):
        first = bisect_left(placed, end - length, key=_slot)
        last = bisect_left(placed, end, key=_slot)
        yield end, [one for _, one in placed[first:last]]


def _slot(point: Point) -> int:
    return point[0]


def _value(key: Key, content: list[Contribution], directory: list[Listed]) -> Value:
    people = len({one.event["learner"] for one in content})
    num = sum(one.num for one in content)
    den = sum(one.den for one in content)
    if key.indicator == "active_learners":
        return Value(people, None, people)
    if key.indicator == "adoption":
        return Value(people, _eligible(key, directory), people)
    if key.indicator in COUNTS:
        return Value(num, None, people)
    assert key.indicator in RATES_AND_MEANS, key.indicator
    return Value(num, den, people)


def _eligible(key: Key, directory: list[Listed]) -> int:
    """Eligible learners of the cohort, of those that became so before the window ended."""
    return sum(
        (key.cohort_kind, key.cohort) in cohorts_of(one["cohort"])
        for one in directory
        if one["cohort"]["eligible"] and one["since"] < key.window_end
    )
