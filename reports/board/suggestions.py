"""Suggestions to managers: a viewer's own, to report back on, and how they do in a cohort."""

from typing import Any, NamedTuple

from reports.board import words
from reports.board.read import WINDOWS, Cohort
from reports.board.reporting import Suggestion
from reports.board.wish import NotThere, Wish, chosen, frame
from reports.statistics.proportions import Share, wilson
from sinks.clickhouse.client import Store

_OWN_DAYS = 56
_OWN_MOST = 20

_OWN_SQL = """
SELECT object_id, any(JSONExtractString(attributes, 'kind')) AS kind,
    minIf(occurred_at, signal = 'suggestion.offered') AS offered,
    minOrNullIf(occurred_at, signal = 'suggestion.tried') AS tried,
    minOrNullIf(occurred_at, signal = 'suggestion.reported') AS reported,
    argMinIf(success, occurred_at, signal = 'suggestion.reported') AS worked
FROM events
WHERE learner = {learner:String} AND startsWith(signal, 'suggestion.') AND NOT voided
  AND ({thing:String} = '' OR object_id = {thing:String})
  AND occurred_at > now64(3) - toIntervalDay({days:UInt32})
GROUP BY object_id
HAVING countIf(signal = 'suggestion.offered') > 0
ORDER BY reported IS NOT NULL, offered DESC, object_id
LIMIT {most:UInt32}"""

_KINDS_SQL = """
SELECT kind, uniqExact(learner), count(),
    uniqExactIf(learner, tried), countIf(tried),
    uniqExactIf(learner, reported), countIf(reported),
    uniqExactIf(learner, answered), countIf(answered), countIf(worked)
FROM (
    SELECT learner, object_id, any(JSONExtractString(attributes, 'kind')) AS kind,
        countIf(signal = 'suggestion.tried') > 0 AS tried,
        countIf(signal = 'suggestion.reported') > 0 AS reported,
        countIf(signal = 'suggestion.reported' AND success IS NOT NULL) > 0 AS answered,
        countIf(signal = 'suggestion.reported' AND success) > 0 AS worked
    FROM events
    WHERE startsWith(signal, 'suggestion.') AND NOT voided
      AND occurred_at > now64(3) - toIntervalSecond({seconds:UInt32})
      AND ({kind:String} = 'all' OR multiIf({kind:String} = 'team', team,
           {kind:String} = 'manager', manager, region) = {cohort:String})
    GROUP BY learner, object_id
    HAVING countIf(signal = 'suggestion.offered') > 0
)
GROUP BY kind
ORDER BY kind"""

TOLD = {
    "sent": (True, "Thank you. It is on its way, and shows here within seconds."),
    "away": (False, "The collector cannot be reached just now. Nothing was sent: try it again."),
    "refused": (False, "The collector did not take it. Nothing was sent: tell who runs Uptake."),
    "old": (False, "The page was too old. Nothing was sent: try it again."),
    "store": (False, "The store does not answer just now. Nothing was sent: try it again."),
    "unknown": (False, "There is no such suggestion of yours. Nothing was sent."),
}
"""What became of a report: whether it is well, and a sentence."""


class Kind(NamedTuple):
    """How suggestions of a kind do, in words; `offered` empty: too few managers to show."""

    name: str
    offered: str
    tried: str
    reported: str
    worked: str


def page(store: Store, wish: Wish, *, learner: str, token: str, told: str) -> dict[str, Any]:
    """`learner`: the viewer's pseudonym, or nothing; `told`: of TOLD, or nothing."""
    own = mine(store, learner)
    shared: dict[str, Any] = {"own": own, "known": bool(learner), "token": token}
    shared["told"] = TOLD.get(told)
    try:
        cohorts, cohort = chosen(store, wish)
    except NotThere:
        # Their own suggestions are theirs, whatever cohorts they may see.
        return {"title": "Suggestions", "cohorts": [], "cohort": None, "kinds": [], **shared}
    kinds = _kinds(store, cohort, wish)
    return {**frame("Suggestions", cohorts, cohort), "kinds": kinds, **shared}


def mine(store: Store, learner: str, thing: str = "") -> list[Suggestion]:
    """The suggestions offered to a person lately, those not reported back first; `thing`: only
    the one of that id. Raises StoreError."""
    if not learner:
        return []
    values = {"learner": learner, "thing": thing, "days": _OWN_DAYS, "most": _OWN_MOST}
    return [Suggestion(*row) for row in store.query(_OWN_SQL, values)]


def _kinds(store: Store, cohort: Cohort, wish: Wish) -> list[Kind]:
    rows = store.query(
        _KINDS_SQL,
        {"seconds": WINDOWS[wish.window], "kind": cohort.kind, "cohort": cohort.name},
    )
    return [_kind(row, wish.least) for row in rows]


def _kind(row: tuple[Any, ...], least: int) -> Kind:
    name, people, offered, triers, tried, reporters, reported, judges, answered, worked = row
    if people < least:
        return Kind(name or "other", "", "", "", "")
    return Kind(
        name or "other",
        f"{offered:,} to {words.people(people)}",
        _share(tried, offered, triers, least),
        _share(reported, offered, reporters, least),
        _share(worked, answered, judges, least),
    )


def _share(part: int, whole: int, people: int, least: int) -> str:
    """`62 % (31 of 50; 48 to 74 %)`; nobody is no small group, but few are."""
    if 0 < people < least:
        return words.TOO_FEW
    reach = wilson(Share(part, whole))
    if reach is None:
        return "none yet"
    between = f"{100 * reach.low:.0f} to {100 * reach.high:.0f} %"
    return f"{100 * part / whole:.0f} % ({part:,} of {whole:,}; {between})"
