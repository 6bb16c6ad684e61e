"""What the board asks ClickHouse: the analysts' views, nothing else.

Every function takes a `Store` and returns plain values; all raise StoreError. A row of the view
`indicators` stands for each slide at which the content of a window changed, so the value at a
moment is that of the newest row at or before it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from reports.statistics.proportions import Share
from schemas.partition import WHOLE_KINDS
from sinks.clickhouse.client import Store

WINDOWS = {"1h": 3_600, "1d": 86_400, "7d": 7 * 86_400, "28d": 28 * 86_400}
"""Window -> its length in seconds."""

_SPANS = {"1h": 6 * 3_600, "1d": 7 * 86_400, "7d": 91 * 86_400, "28d": 365 * 86_400}
"""Window -> how far back its trend goes, in seconds."""

POINTS_SQL = """
SELECT indicator, window_end, value, numerator, denominator, people, low, high, provisional
FROM indicators
WHERE indicator IN {indicators:Array(String)} AND cohort_kind = {kind:String}
  AND cohort = {cohort:String} AND window = {window:String}
  AND window_end > now64(3) - toIntervalSecond({seconds:UInt32})
ORDER BY indicator, window_end"""

_LATEST_SQL = """
SELECT back, indicator, cohort_kind, cohort,
    argMax(tuple(window_end, value, numerator, denominator, people, low, high, provisional),
        window_end) AS newest
FROM indicators ARRAY JOIN range({periods:UInt8}) AS back
WHERE cohort_kind IN {kinds:Array(String)} AND window = {window:String}
  AND indicator IN {indicators:Array(String)}
  AND window_end <= fromUnixTimestamp64Milli(
      transform(indicator, {indicators:Array(String)}, {ends:Array(Int64)}, toInt64(0)))
      - toIntervalSecond(back * {seconds:UInt32})
GROUP BY back, indicator, cohort_kind, cohort
ORDER BY back, indicator, cohort_kind, cohort"""

_FUNNEL_SQL = """
WITH if(JSONType(attributes, {key:String}) = 'String',
        JSONExtractString(attributes, {key:String}), '') AS named,
    if(named = '', object_id, named) AS thing,
    if({by_learner:Bool}, concat(hex(learner), thing), thing) AS key
SELECT {names}
FROM (
    SELECT key, {steps}
    FROM events
    WHERE signal IN {signals:Array(String)} AND NOT voided
      AND occurred_at > now64(3) - toIntervalSecond({seconds:UInt32})
      AND ({kind:String} = 'all' OR multiIf({kind:String} = 'team', team,
           {kind:String} = 'manager', manager, region) = {cohort:String})
    GROUP BY key
)"""


class Indicator(NamedTuple):
    """A line of the catalog. `board`: its place on the board; 0: not there."""

    name: str
    title: str
    kind: str
    measure: str
    unit: str
    good: str
    description: str
    advice: str
    settle_ms: int
    board: int
    breakdowns: list[str]
    """Further kinds of cohorts than those of the directory."""

    @property
    def is_share(self) -> bool:
        """Whether values lie between 0 and 1."""
        return self.measure in ("rate", "share_of_eligible")


class Point(NamedTuple):
    """One value of one window. `numerator` and `denominator` as in the view."""

    at: datetime
    value: float | None
    numerator: float
    denominator: float | None
    people: int
    low: float | None
    high: float | None
    provisional: bool

    @property
    def share(self) -> Share:
        """Of a value that is one: the cases behind it."""
        return Share(round(self.numerator), round(self.denominator or 0))


class Cohort(NamedTuple):
    """Whose numbers: kind all, team, manager or region, or one of an indicator's breakdowns, and
    its label."""

    kind: str
    name: str

    @property
    def of_directory(self) -> bool:
        """Whether every indicator has it."""
        return self.kind in WHOLE_KINDS

    @property
    def text(self) -> str:
        """For a heading."""
        return "Everybody" if self.kind == "all" else self.name


EVERYBODY = Cohort("all", "all")


class Step(NamedTuple):
    """A step of a journey's funnel: how many journeys came to it, by the steps of how many
    different people."""

    name: str
    reached: int
    people: int


class Journey(NamedTuple):
    """A journey of the catalog."""

    name: str
    title: str
    walked_by: str
    key: str
    """Attribute that stands for the object, where an event carries it; empty: none."""
    steps: list[tuple[str, list[str]]]


def catalog(store: Store) -> list[Indicator]:
    """All indicators, those of the board first, then leading before lagging, by name."""
    rows = store.query(
        "SELECT indicator, title, kind, measure, unit, good, description, advice, settle_ms, "
        "board, breakdowns FROM catalog FINAL WHERE NOT removed "
        "ORDER BY board = 0, board, kind, indicator"
    )
    return [Indicator(*row) for row in rows]


def cohorts(store: Store) -> list[Cohort]:
    """Every cohort of the directory that a number stands for."""
    rows = store.query(
        "WITH ['all', 'region', 'team', 'manager'] AS kinds "
        "SELECT DISTINCT cohort_kind, cohort FROM rolling "
        "WHERE window = '28d' AND has(kinds, cohort_kind) "
        "ORDER BY indexOf(kinds, cohort_kind), cohort"
    )
    return [Cohort(*row) for row in rows] or [EVERYBODY]


def trends(
    store: Store, indicators: Sequence[str], cohort: Cohort, window: str
) -> dict[str, list[Point]]:
    """Indicator -> its points, oldest first, as far back as fits the window."""
    rows = store.query(POINTS_SQL, points_parameters(indicators, cohort, window))
    found: dict[str, list[Point]] = {name: [] for name in indicators}
    for name, *values in rows:
        found[name].append(Point(*values))
    return found


def points_parameters(indicators: Sequence[str], cohort: Cohort, window: str) -> dict[str, Any]:
    """Of POINTS_SQL."""
    return {
        "indicators": list(indicators),
        "kind": cohort.kind,
        "cohort": cohort.name,
        "window": window,
        "seconds": _SPANS[window] + WINDOWS[window],
    }


def latest(
    store: Store,
    ends: Mapping[str, datetime],
    kinds: Sequence[str],
    window: str,
    periods: int = 1,
) -> list[dict[tuple[str, Cohort], Point]]:
    """(indicator, cohort) -> its value as of the indicator's end, of all cohorts of these kinds;
    after it the same one window earlier and so on, `periods` in all."""
    rows = store.query(
        _LATEST_SQL,
        {
            "periods": periods,
            "kinds": list(kinds),
            "window": window,
            "indicators": list(ends),
            "ends": [int(end.timestamp() * 1000) for end in ends.values()],
            "seconds": WINDOWS[window],
        },
    )
    found: list[dict[tuple[str, Cohort], Point]] = [{} for _ in range(periods)]
    for back, name, kind, cohort, point in rows:
        found[back][name, Cohort(kind, cohort)] = Point(*point)
    return found


def at(points: Sequence[Point], moment: datetime) -> Point | None:
    """The newest of `points` (oldest first) at or before `moment`."""
    before = [point for point in points if point.at <= moment]
    return before[-1] if before else None


def period_before(points: Sequence[Point], window: str) -> Point | None:
    """The value one whole window before the newest one, if there was anything by then."""
    if not points:
        return None
    return at(points, points[-1].at - timedelta(seconds=WINDOWS[window]))


def journeys(store: Store) -> list[Journey]:
    """The journeys of the catalog with their steps in order."""
    rows = store.query(
        "SELECT journey, any(title), any(walked_by), any(key), "
        "arraySort(x -> x.1, groupArray((place, step, signals))) "
        "FROM journeys FINAL WHERE NOT removed GROUP BY journey ORDER BY journey"
    )
    return [
        Journey(name, title, walked_by, key, [(step, list(signals)) for _, step, signals in steps])
        for name, title, walked_by, key, steps in rows
    ]


def funnel(store: Store, journey: Journey, cohort: Cohort, window: str) -> list[Step]:
    """How many journeys with any step in the last `window` came to each step in that time."""
    places = range(len(journey.steps))
    names = [f"countIf(notEmpty(s{i})), length(groupUniqArrayArray(s{i}))" for i in places]
    steps = [
        f"groupUniqArrayIf(learner, has({{s{i}:Array(String)}}, signal)) AS s{i}" for i in places
    ]
    sql = _FUNNEL_SQL.replace("{names}", ", ".join(names)).replace("{steps}", ", ".join(steps))
    parameters: dict[str, Any] = {
        "by_learner": journey.walked_by == "one",
        "key": journey.key,
        "signals": sorted({signal for _, signals in journey.steps for signal in signals}),
        "seconds": WINDOWS[window],
        "kind": cohort.kind,
        "cohort": cohort.name,
    }
    parameters.update({f"s{i}": signals for i, (_, signals) in enumerate(journey.steps)})
    [counts] = store.query(sql, parameters)
    return [
        Step(name, *counts[2 * place : 2 * place + 2])
        for place, (name, _) in enumerate(journey.steps)
    ]


def stored_per_minute(store: Store) -> list[tuple[str, list[int]]]:
    """Source -> events stored in each of the last 60 minutes, oldest first."""
    rows = store.query(
        "SELECT source, dateDiff('minute', stored_at, now64(3)) AS ago, count() FROM events_log "
        "WHERE stored_at > now64(3) - toIntervalMinute(60) GROUP BY source, ago"
    )
    found: dict[str, list[int]] = {}
    for source, ago, count in rows:
        if 0 <= ago < 60:
            found.setdefault(source, [0] * 60)[59 - ago] = count
    return sorted(found.items())


def freshness(store: Store) -> tuple[float | None, float | None]:
    """Median and 95th percentile of the seconds from Kafka to the store, last ten minutes."""
    rows = store.query(
        "SELECT count(), quantiles(0.5, 0.95)((toUnixTimestamp64Milli(stored_at) - "
        "toUnixTimestamp64Milli(received_at)) / 1000) FROM events_log "
        "WHERE stored_at > now64(3) - toIntervalMinute(10)"
    )
    count, (median, high) = rows[0]
    return (median, high) if count else (None, None)


def dead_letters(store: Store) -> list[tuple[str, str, str, int]]:
    """(source, stage, reason, how many) of the last seven days, most first."""
    rows = store.query(
        "SELECT source, stage, reason, count() AS n FROM dead_letters "
        "WHERE received_at > now64(3) - toIntervalDay(7) "
        "GROUP BY source, stage, reason ORDER BY n DESC, source, reason LIMIT 50"
    )
    return [(source, stage, reason, count) for source, stage, reason, count in rows]
