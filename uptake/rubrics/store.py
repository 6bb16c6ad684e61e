"""Rubrics in the store, and the ratings that were given by them."""

import time
from collections.abc import Iterable
from statistics import fmean
from typing import NamedTuple

from sinks.clickhouse.client import Store
from uptake.rubrics.definition import Rubric
from uptake.rubrics.load import RubricError
from uptake.rubrics.ratings_file import Session

SHOWN_DIGITS = 8
"""Of a rater's pseudonym, for people."""


class Scale(NamedTuple):
    """A rubric in the store, as far as numbers need it."""

    rubric: str
    version: int
    criteria: tuple[str, ...]
    highest: int

    @property
    def levels(self) -> list[float]:
        """All levels, lowest first."""
        return [float(level) for level in range(1, self.highest + 1)]


class Given(NamedTuple):
    """One rating in the store. `item`: the artefact and whose it is."""

    criterion: str
    item: str
    rater: str
    level: float


class Taken(NamedTuple):
    """Ratings by criterion, items in the order of time. `outside`: ratings that name no criterion
    or level of the rubric. `again`: earlier ratings of one item by one rater; the last counts."""

    session: Session
    outside: int
    again: int


def save(store: Store, rubric: Rubric) -> bool:
    """Store a rubric; false when it is there already. Raises StoreError, and RubricError when
    another content has its id and version."""
    known = store.query(
        "SELECT DISTINCT fingerprint FROM rubrics FINAL"
        " WHERE rubric = {rubric:String} AND version = {version:UInt32}",
        {"rubric": rubric.id, "version": rubric.version},
    )
    fingerprint = rubric.fingerprint()
    if known == [(fingerprint,)]:
        return False
    if known:
        raise RubricError(
            f"{rubric.id}, version {rubric.version}, is stored with another content"
            f" ({known[0][0]}): raise `version`, since scores were given by the one that is stored"
        )
    now = int(time.time() * 1000)
    rows = [
        (
            rubric.id, rubric.version, place, criterion.id, level.level, len(rubric.levels),
            rubric.title, criterion.title, rubric.levels[level.level - 1], level.observable,
            level.examples, rubric.language, fingerprint, now,
        )
        for place, criterion in enumerate(rubric.criteria, 1)
        for level in criterion.levels
    ]  # fmt: skip
    store.insert("rubrics", list(zip(*rows, strict=True)))
    return True


def scale(store: Store, rubric: str, version: int = 0) -> Scale:
    """A stored rubric; version 0: the newest. Raises RubricError, StoreError."""
    rows = store.query(
        "SELECT toUInt32(version), groupUniqArray((place, criterion)), max(highest)"
        " FROM rubrics FINAL WHERE rubric = {rubric:String}"
        " AND ({version:UInt32} = 0 OR version = {version:UInt32})"
        " GROUP BY version ORDER BY version DESC LIMIT 1",
        {"rubric": rubric, "version": version},
    )
    if not rows:
        told = f"version {version} of the rubric" if version else "rubric"
        raise RubricError(f"the store has no {told} '{rubric}': `uptake rubric load FILE`")
    number, criteria, highest = rows[0]
    return Scale(rubric, number, tuple(name for _, name in sorted(criteria)), highest)


def ratings(store: Store, by: Scale, since: int, until: int) -> Taken:
    """Those given by a rubric in a time (ms since 1970 UTC). Raises StoreError."""
    found = store.query(
        "SELECT toString(criterion), concat(artefact, ' ', learner), rater, level FROM scores"
        " WHERE rubric = {rubric:String} AND rubric_version = {version:UInt32}"
        " AND kind != 'confidence' AND rater != '' AND level IS NOT NULL"
        " AND occurred_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')"
        " AND occurred_at < fromUnixTimestamp64Milli({until:Int64}, 'UTC')"
        " ORDER BY occurred_at, event_id",
        {"rubric": by.rubric, "version": by.version, "since": since, "until": until},
    )
    return taken((Given(*row) for row in found), by)


def taken(given: Iterable[Given], by: Scale) -> Taken:
    """Ratings in the order of time. Pure."""
    session: Session = {criterion: {} for criterion in by.criteria}
    levels = set(by.levels)
    outside = again = 0
    for criterion, item, rater, level in given:
        if criterion not in session or level not in levels:
            outside += 1
            continue
        of_item = session[criterion].setdefault(item, {})
        name = rater[:SHOWN_DIGITS]
        again += name in of_item
        of_item[name] = level
    kept = {criterion: items for criterion, items in session.items() if items}
    return Taken(kept, outside, again)


def overall(session: Session) -> dict[str, dict[str, float]]:
    """Item -> rater -> mean level over the criteria, items in the order in which they came."""
    levels: dict[str, dict[str, list[float]]] = {}
    for items in session.values():
        for item, given in items.items():
            for rater, level in given.items():
                levels.setdefault(item, {}).setdefault(rater, []).append(level)
    return {
        item: {rater: fmean(each) for rater, each in given.items()}
        for item, given in levels.items()
    }
