"""Rubric calibration on the board: how far raters agree, criterion by criterion."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from reports.board import words
from reports.board.wish import NotThere, Wish, only_for_all
from reports.scores.agreement import Agreement
from reports.scores.calibration import CriterionResult, evaluate
from reports.scores.ratings import raters
from reports.scores.severity import drift_of
from sinks.clickhouse.client import Store
from uptake.rubrics.load import RubricError
from uptake.rubrics.store import overall, ratings, scale

DAYS = 90
"""How far back ratings count."""

_GOOD = ("rely on it", "near perfect", "substantial", "excellent", "good")


class Pair(NamedTuple):
    """Two raters, in words."""

    first: str
    second: str
    items: int
    exact: str
    adjacent: str
    kappa: str
    verdict: str


class Criterion(NamedTuple):
    """A criterion in words. `severities`: (rater, word, levels)."""

    name: str
    verdict: str
    how: str
    figures: list[tuple[str, str]]
    pairs: list[Pair]
    severities: list[tuple[str, str, str]]
    apart: int


def rubrics(store: Store, wish: Wish) -> dict[str, Any]:
    """The stored rubrics, newest version first, with how many people were rated by it."""
    only_for_all(wish)
    rows = store.query(
        "SELECT toString(rubric) AS id, toUInt32(version), any(title), uniqExact(criterion), "
        "max(highest) FROM rubrics FINAL GROUP BY rubric, version ORDER BY id, version DESC"
    )
    return {"title": "Rubrics", "rubrics": rows, "days": DAYS}


def rubric(store: Store, wish: Wish, name: str, version: int) -> dict[str, Any]:
    """Agreement by criterion and pair of raters, severity, drift, and the verdict in words."""
    only_for_all(wish)
    try:
        by = scale(store, name, version)
    except RubricError as error:
        raise NotThere("There is no such rubric.") from error
    now = datetime.now(UTC)
    since = now - timedelta(days=DAYS)
    taken = ratings(store, by, int(since.timestamp() * 1000), int(now.timestamp() * 1000))
    items = {item for criterion in taken.session.values() for item in criterion}
    people = len({item.rpartition(" ")[2] for item in items})
    shown: dict[str, CriterionResult] = {}
    drifts: list[tuple[str, str, int]] = []
    if people >= wish.least:
        shown = evaluate(taken.session, dict.fromkeys(taken.session, by.levels))
        whole = overall(taken.session)
        found = [(rater, drift_of(whole, rater)) for rater in raters(whole)]
        drifts = [(rater, one.word, one.points) for rater, one in found]
    return {
        "title": f"Rubric {by.rubric}, version {by.version}",
        "criteria": [_criterion(each, result) for each, result in shown.items()],
        "drifts": drifts,
        "rated": bool(items),
        "people": words.people(people) if people >= wish.least else "",
        "outside": taken.outside,
        "days": DAYS,
        "as_of": now,
    }


def _criterion(name: str, result: CriterionResult) -> Criterion:
    found = result.agreement
    severities = []
    for rater, one in result.raters.items():
        if one.severity is not None:
            margin = one.severity.margin
            within = "" if margin is None else f" (limits {margin:.2f})"
            severities.append((rater, one.severity.word, f"{one.severity.mean:+.2f}{within}"))
    how = "good" if found.verdict.word in _GOOD else "none"
    pairs = _pairs(found)
    return Criterion(
        name, found.verdict.text, how, _figures(found), pairs, severities, len(result.apart)
    )


def _figures(found: Agreement) -> list[tuple[str, str]]:
    reach = found.ordinal_range
    between = f" ({reach.low:.2f} to {reach.high:.2f})" if reach else ""
    return [
        ("Items rated twice or more", f"{found.items:,} by {found.raters} raters"),
        ("Krippendorff's alpha, ordinal", f"{_shown(found.ordinal)}{between}"),
        ("Reliability of one rating, ICC(2,1)", _shown(found.icc_single)),
        ("Reliability of the mean of all, ICC(2,k)", _shown(found.icc_mean)),
    ]


def _pairs(found: Agreement) -> list[Pair]:
    return [
        Pair(
            each.first,
            each.second,
            each.items,
            _share(each.exact),
            _share(each.adjacent),
            _shown(each.linear),
            each.verdict.word if each.verdict else "none",
        )
        for each in found.pairs
        if each.items
    ]


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.0%}"
