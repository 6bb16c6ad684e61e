"""What each page shows, as plain values for its template. All raise StoreError and NotThere."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from reports.board import charts, insight, read, words
from reports.board.insight import Insight, Shift
from reports.board.read import Cohort, Indicator, Point
from reports.board.wish import NotThere, Wish, chosen, frame, only_for_all
from sinks.clickhouse.account import accounts
from sinks.clickhouse.client import Store

_ENDS = {"1h": 60, "1d": 3_600, "7d": 86_400, "28d": 86_400}
"""Window -> seconds between its slides."""


class Card(NamedTuple):
    """One indicator of one cohort, in words."""

    indicator: Indicator
    shown: bool
    value: str
    sample: str
    interval: str
    change: str
    how: str
    provisional: bool
    trend: str
    sentence: str


def board(store: Store, wish: Wish) -> dict[str, Any]:
    """Two leading and two lagging indicators, an insight and a story."""
    catalog = read.catalog(store)
    few = [indicator for indicator in catalog if indicator.board]
    cohorts, cohort = chosen(store, wish)
    trends = read.trends(store, [one.name for one in few], cohort, wish.window)
    found, ends = _insight(store, wish, catalog)
    return {
        **frame(f"Decision board: {cohort.text}", cohorts, cohort),
        "cards": [_card(one, trends[one.name], cohort, wish) for one in few],
        "insight": found,
        "insight_text": _insight_text(found, wish),
        "ends": ends,
        "story": _story(found, wish),
    }


def indicators(store: Store, wish: Wish) -> dict[str, Any]:
    """All indicators of one cohort."""
    catalog = read.catalog(store)
    cohorts, cohort = chosen(store, wish)
    trends = read.trends(store, [one.name for one in catalog], cohort, wish.window)
    return {
        **frame(f"All indicators: {cohort.text}", cohorts, cohort),
        "cards": [_card(one, trends[one.name], cohort, wish) for one in catalog],
    }


def indicator(store: Store, wish: Wish, name: str) -> dict[str, Any]:
    """One indicator: what it means, its value for each cohort, and the SQL."""
    known = {one.name: one for one in read.catalog(store)}
    if name not in known:
        raise NotThere("There is no such indicator.")
    one = known[name]
    cohorts, cohort = chosen(store, wish)
    points = read.trends(store, [name], cohort, wish.window)[name]
    kinds = ("team", "region", "manager", *one.breakdowns)
    [values] = read.latest(store, {name: _now() + timedelta(days=1)}, kinds, wish.window)
    seen = [
        (each, _card(one, [point], each, wish))
        for (_, each), point in sorted(values.items())
        if wish.viewer.may_see(each)
    ]
    groups = [(kind, [row for row in seen if row[0].kind == kind]) for kind in kinds]
    return {
        **frame(one.title, cohorts, cohort),
        "card_": _card(one, points, cohort, wish),
        "groups": [(kind, rows) for kind, rows in groups if rows],
        "settle_days": one.settle_ms / 86_400_000,
        "sql": _sql(one, cohort, wish.window),
    }


def journeys(store: Store, wish: Wish) -> dict[str, Any]:
    """The funnel of every journey."""
    cohorts, cohort = chosen(store, wish)
    funnels = []
    for journey in read.journeys(store):
        steps = read.funnel(store, journey, cohort, wish.window)
        shown = [step.reached for step in steps if step.people >= wish.least]
        funnels.append((journey, steps, any(step.reached for step in steps), max(shown, default=1)))
    return {
        **frame(f"Journeys: {cohort.text}", cohorts, cohort),
        "too_few": words.TOO_FEW,
        "funnels": funnels,
    }


def pipeline(store: Store, wish: Wish) -> dict[str, Any]:
    """Whether the numbers can be relied on: in, out, pending, freshness, dead letters."""
    only_for_all(wish)
    rows = accounts(store)
    median, high = read.freshness(store)
    rates = [
        (source, sum(counts), charts.bars(counts, f"events of {source} a minute, last hour"))
        for source, counts in read.stored_per_minute(store)
    ]
    return {
        "title": "Pipeline",
        "accounts": rows,
        "adds_up": all(row.difference == 0 for row in rows),
        "pending": sum(row.pending for row in rows),
        "median": median,
        "high": high,
        "rates": rates,
        "letters": read.dead_letters(store),
    }


def _card(one: Indicator, points: list[Point], cohort: Cohort, wish: Wish) -> Card:
    now = points[-1] if points else None
    if now is None:
        empty = "nothing counted yet"
        return Card(one, False, empty, "", "", "", "none", False, "", _nothing(one, cohort, wish))
    before = read.period_before(points, wish.window)
    if not words.shown(now, wish.least):
        told = f"Fewer than {wish.least} people stand behind it, so it is not shown."
        return Card(one, False, words.TOO_FEW, "", "", "", "none", now.provisional, "", told)
    if before is not None and before.people < wish.least:
        before = None
    change, how = words.change(one, now, before, wish.window)
    return Card(
        one,
        True,
        words.number(one, now.value),
        words.sample(one, now),
        words.interval(one, now),
        change,
        how,
        now.provisional,
        charts.trend(one, points, wish.least, f"{one.title}, {cohort.text}"),
        words.sentence(one, now, before, wish.window, cohort.text),
    )


def _nothing(one: Indicator, cohort: Cohort, wish: Wish) -> str:
    return (
        f"{cohort.text}, {words.WINDOW_WORDS[wish.window]}: no event that "
        f"“{one.title}” counts has come yet."
    )


def _insight(store: Store, wish: Wish, catalog: list[Indicator]) -> tuple[Insight, datetime]:
    """Of the teams that the viewer may see; and when the newer of the two periods ended."""
    step = _ENDS[wish.window]
    ended = datetime.fromtimestamp(_now().timestamp() // step * step, UTC)
    # Of each the newest whole period that has settled.
    ends = {
        one.name: ended - timedelta(seconds=-(-one.settle_ms // 1_000 // step) * step)
        for one in catalog
    }
    now, before = (
        {key: point for key, point in values.items() if wish.viewer.may_see(key[1])}
        for values in read.latest(store, ends, ["team"], wish.window, 2)
    )
    return insight.choose(catalog, now, before, wish.least), ended


def _insight_text(found: Insight, wish: Wish) -> str:
    if found.chosen is None:
        if not found.compared:
            return (
                f"Nothing can be compared yet: no team has two whole periods "
                f"({words.WINDOW_WORDS[wish.window]}) with at least {wish.least} people in each."
            )
        return (
            f"Nothing is certain. {found.compared} comparisons of teams with the period before "
            "were made, and none stands out more than chance would let it."
        )
    return shift_text(found.chosen)


def shift_text(shift: Shift) -> str:
    """A shift in a sentence."""
    one = shift.indicator
    way = "rose" if (shift.now.value or 0) > (shift.before.value or 0) else "fell"
    return (
        f"{shift.cohort.text}: {words.inside(one.title)} {way} from "
        f"{words.number(one, shift.before.value)} to {words.number(one, shift.now.value)} "
        f"({words.sample(one, shift.now)}; before: {words.sample(one, shift.before)}), "
        f"which is {'better' if shift.is_good else 'worse'}."
    )


def _story(found: Insight, wish: Wish) -> str:
    """One from the field, out of what is certain; empty when nothing is."""
    good = [shift for shift in found.certain if shift.is_good and shift != found.chosen]
    if not good:
        return ""
    shift = next((each for each in good if each.indicator.kind == "lagging"), good[0])
    return f"In {words.WINDOW_WORDS[wish.window]}, {shift_text(shift)}"


def _sql(one: Indicator, cohort: Cohort, window: str) -> str:
    """The query of the trend, with its values in place."""
    sql = read.POINTS_SQL.strip()
    for name, value in read.points_parameters([one.name], cohort, window).items():
        text = f"[{_quoted(one.name)}]" if name == "indicators" else _quoted(value)
        for kind in ("Array(String)", "String", "UInt32"):
            sql = sql.replace(f"{{{name}:{kind}}}", text)
    return sql


def _quoted(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _now() -> datetime:
    return datetime.now(UTC)
