"""Numbers and what they mean, in plain words. Pure functions."""

from reports.board.read import Indicator, Point
from reports.statistics.proportions import newcombe

WINDOW_WORDS = {
    "1h": "the last hour",
    "1d": "the last day",
    "7d": "the last 7 days",
    "28d": "the last 28 days",
}
_BEFORE_WORDS = {
    "1h": "the hour before",
    "1d": "the day before",
    "7d": "the 7 days before",
    "28d": "the 28 days before",
}
TOO_FEW = "too few people to show"


def number(indicator: Indicator, value: float | None) -> str:
    """A value with its unit: `62 %`, `1,204`, `3.4 days`."""
    if value is None:
        return "no value"
    if indicator.is_share:
        near_an_end = 0 < value < 0.1 or 0.9 < value < 1
        return f"{100 * value:.1f} %" if near_an_end else f"{100 * value:.0f} %"
    if indicator.measure == "mean":
        return f"{value:,.1f} {indicator.unit}"
    return f"{value:,.0f}"


def interval(indicator: Indicator, point: Point) -> str:
    """The 95 % interval of a share; empty where there is none."""
    if point.low is None or point.high is None:
        return ""
    return f"{100 * point.low:.0f} to {100 * point.high:.0f} %"


def sample(indicator: Indicator, point: Point) -> str:
    """What the value rests on."""
    if indicator.measure == "share_of_eligible":
        return f"{point.numerator:,.0f} of {point.denominator or 0:,.0f} people"
    if indicator.measure == "rate":
        cases = f"{point.numerator:,.0f} of {point.denominator or 0:,.0f} cases"
        return f"{cases}, {people(point.people)}"
    if indicator.measure == "mean":
        return f"{point.denominator or 0:,.0f} cases, {people(point.people)}"
    return people(point.people)


def people(count: int) -> str:
    """`1 person`, `12 people`."""
    return "1 person" if count == 1 else f"{count:,} people"


def shown(point: Point | None, least: int) -> bool:
    """Whether enough people stand behind the value to show it."""
    return point is not None and point.people >= least


def change(indicator: Indicator, now: Point, before: Point | None, window: str) -> tuple[str, str]:
    """The comparison with the period before, and how it is: good, bad, same or none. A share whose
    difference may be chance is neither good nor bad."""
    if before is None or before.value is None or now.value is None:
        return f"nothing to compare with in {_BEFORE_WORDS[window]}", "none"
    difference = now.value - before.value
    told = number(indicator, before.value)
    if indicator.is_share:
        size = f"{abs(100 * difference):.1f} points"
        same = abs(difference) < 0.0005
    else:
        size = number(indicator, abs(difference))
        same = abs(difference) < (0.05 if indicator.measure == "mean" else 0.5)
    if same:
        return f"as in {_BEFORE_WORDS[window]}", "same"
    direction = "up" if difference > 0 else "down"
    compared = f"{direction} {size} from {told} in {_BEFORE_WORDS[window]}"
    if _may_be_chance(now, before):
        return f"{compared}, which may be chance", "same"
    return compared, "good" if direction == indicator.good else "bad"


def _may_be_chance(now: Point, before: Point) -> bool:
    """Of two shares: whether the 95 % interval of their difference holds 0. As if they were
    independent: the same people in both make it wider than it need be."""
    if now.low is None or before.low is None:
        return False
    found = newcombe(now.share, before.share)
    return found is not None and found.holds(0.0)


def sentence(indicator: Indicator, now: Point, before: Point | None, window: str, who: str) -> str:
    """What the number means, without a term of statistics."""
    value = number(indicator, now.value)
    what = _what(indicator, now, value)
    told, how = change(indicator, now, before, window)
    meaning = {"good": ", which is better", "bad": ", which is worse"}.get(how, "")
    if how == "none":
        return f"{who}, {WINDOW_WORDS[window]}: {what}. There is {told}."
    uncertain = ""
    if now.low is not None and now.high is not None and now.high - now.low > 0.2:
        uncertain = " Few cases stand behind it."
    if now.provisional:
        uncertain += " It may still change: the time in which later steps count is not over."
    return f"{who}, {WINDOW_WORDS[window]}: {what}. It is {told}{meaning}.{uncertain}"


def inside(title: str) -> str:
    """A title inside of a sentence: `Win rate` becomes `win rate`, `SLA met` stays."""
    return title[0].lower() + title[1:] if title[1:2].islower() else title


def _what(indicator: Indicator, now: Point, value: str) -> str:
    title = inside(indicator.title)
    if indicator.measure == "share_of_eligible":
        return f"{title} is {value}: {now.numerator:,.0f} of {now.denominator or 0:,.0f} people"
    if indicator.measure == "rate":
        return f"{title} is {value}: {now.numerator:,.0f} of {now.denominator or 0:,.0f} cases"
    if indicator.measure == "mean":
        return f"{title}: {value} on average"
    return f"{title}: {value}"
