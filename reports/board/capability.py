"""How sure people are and how able they were seen to be, by cohort and period, with the gap."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from msgspec.structs import replace

from reports.board import read, words
from reports.board.read import Cohort
from reports.board.wish import Wish
from sinks.clickhouse.client import Store
from uptake.scores import index
from uptake.scores.index import CohortKind, CohortScores, OfPeriod, Periods

PERIODS = 3
DAYS = 28
_DAY_MS = 86_400_000
_KINDS: tuple[tuple[CohortKind, str], ...] = (
    ("all", "Everybody"),
    ("region", "By region"),
    ("team", "By team"),
    ("manager", "By manager"),
)
_SURER = 0.1
"""A gap (0 to 1) from which it is put into words; a choice of this project."""


class Row(NamedTuple):
    """A cohort in a period, in words; `people` empty: too few to show."""

    period: str
    people: str
    confidence: str
    capability: str
    gap: str
    together: str
    meaning: str


class Group(NamedTuple):
    """A cohort: its periods, newest first, and whether both rise."""

    name: str
    rows: list[Row]
    rising: str


def capability(store: Store, wish: Wish) -> dict[str, Any]:
    """Every cohort that the viewer may see."""
    until = datetime.now(UTC)
    periods = Periods(int(until.timestamp() * 1000), DAYS * _DAY_MS, PERIODS)
    least = max(wish.settings.scores.minimum_cohort, wish.least)
    scores = replace(wish.settings.scores, minimum_cohort=least)
    groups = []
    told = ""
    for kind, heading in _KINDS:
        found = index.read(store, kind, periods, scores)
        told = found.reliability.told
        seen = [each for each in found.cohorts if wish.viewer.may_see(_cohort(kind, each.name))]
        if seen:
            groups.append((kind, heading, [_group(each, periods) for each in seen]))
    return {
        "title": "Confidence and capability",
        "groups": groups,
        "reliability": told,
        "days": DAYS,
        "too_few": words.TOO_FEW,
        "as_of": until,
    }


def _cohort(kind: CohortKind, name: str) -> Cohort:
    return read.EVERYBODY if kind == "all" else Cohort(kind, name)


def _group(found: CohortScores, periods: Periods) -> Group:
    rows = [_row(number, one, periods) for number, one in enumerate(found.periods)]
    name = "Everybody" if found.name == read.EVERYBODY.name else found.name
    return Group(name, rows[::-1], found.rising.text)


def _row(number: int, found: OfPeriod | None, periods: Periods) -> Row:
    end = periods.until - periods.length * (periods.number - 1 - number)
    day = datetime.fromtimestamp(end / 1000, UTC)
    period = f"{DAYS} days to {day.day} {day:%B %Y}"
    if found is None:
        return Row(period, "", "", "", "", "", "")
    cohort = found.cohort
    if cohort.confidence is None or cohort.capability is None or cohort.gap is None:
        return Row(period, "", "", "", "", "", "")
    return Row(
        period,
        words.people(cohort.size),
        f"{cohort.confidence:.2f}",
        f"{cohort.capability:.2f}",
        f"{cohort.gap:+.2f}",
        cohort.reason if found.index is None else f"{found.index:+.2f}",
        _meaning(cohort.gap),
    )


def _meaning(gap: float) -> str:
    if gap >= _SURER:
        return "surer than shown"
    if gap <= -_SURER:
        return "abler than they think"
    return "about as sure as shown"
