"""Read the catalog file into typed declarations, refusing what is unknown or does not fit."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from schemas.partition import WHOLE_KINDS
from schemas.records import Attribute

Measure = Literal["count", "people", "share_of_eligible", "rate", "mean"]

MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_TIME = re.compile(r"^(\d+)(s|m|h|d)$")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{0,63}")
JOINED = "+"
"""Between the parts of a breakdown by several facts, and between their values."""
DELAY = "delay"
"""The fact of a case of an indicator with `delay`."""
_SCALE = {"days": 1 / 86_400_000, "hours": 1 / 3_600_000, "minutes": 1 / 60_000}


class CatalogError(ValueError):
    """The catalog file is wrong; the text names the entry and what was expected."""


class Within(Struct, frozen=True, forbid_unknown_fields=True):
    step: str
    within: str

    @property
    def within_ms(self) -> int:
        return duration_ms(self.within)


class Until(Struct, frozen=True, forbid_unknown_fields=True):
    """`attribute`: of the case; a time in ms since 1970."""

    step: str
    attribute: str


class Near(Struct, frozen=True, forbid_unknown_fields=True):
    step: str
    before: str
    after: str

    @property
    def before_ms(self) -> int:
        return duration_ms(self.before)

    @property
    def after_ms(self) -> int:
        return duration_ms(self.after)


class Equals(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    equals: bool | int | float | str

    def holds(self, attributes: Mapping[str, Attribute]) -> bool:
        """Whether the attribute is there with this value; 1 is not true."""
        value = attributes.get(self.name)
        return type(value) is type(self.equals) and value == self.equals


class AtMost(Struct, frozen=True, forbid_unknown_fields=True):
    step: str
    count: int
    where: Equals | None = None


class Success(Struct, frozen=True, forbid_unknown_fields=True, rename={"is_": "is"}):
    """What is asked of a case; all that is given must hold."""

    is_: list[str] | None = None
    followed_by: Within | None = None
    not_followed_by: Within | None = None
    followed_until: Until | None = None
    near: Near | None = None
    at_most_before: AtMost | None = None
    attribute: Equals | None = None


class Journey(Struct, frozen=True, forbid_unknown_fields=True):
    """Steps that belong to one key. `steps`: step -> signals that are this step. `key`: attribute
    that names the key; without it, or where an event does not carry it as text, it is the object.
    """

    title: str
    walked_by: Literal["one", "several"]
    steps: dict[str, list[str]]
    key: str = ""

    def key_of(self, attributes: Mapping[str, Attribute], object_id: str) -> str:
        """The key that an event belongs to."""
        named = attributes.get(self.key) if self.key else None
        return named if isinstance(named, str) and named else object_id


class Indicator(Struct, frozen=True, forbid_unknown_fields=True, rename={"try_": "try"}):
    """See the head of catalog.toml for the meaning of each field."""

    title: str
    kind: Literal["leading", "lagging"]
    measure: Measure
    unit: str
    good: Literal["up", "down"]
    description: str
    try_: str
    signals: list[str] | None = None
    journey: str | None = None
    at: list[str] = field(default_factory=list)
    each: Literal["first", "every", "episode"] = "first"
    resets: list[str] = field(default_factory=list)
    needs: str | None = None
    among: Success | None = None
    success: Success | None = None
    delay: Within | None = None
    since: str | None = None
    settle: str = "0d"
    by: list[str] = field(default_factory=list)

    @property
    def breakdowns(self) -> list[tuple[str, list[str]]]:
        """(kind of cohort, the facts whose values name its cohorts)."""
        return [(kind, kind.split(JOINED)) for kind in self.by]

    @property
    def facts(self) -> set[str]:
        """The facts of an event that breakdowns look at."""
        return {fact for _, facts in self.known_early for fact in facts}

    @property
    def known_early(self) -> list[tuple[str, list[str]]]:
        """As `breakdowns`, of the facts that an event has itself: without the delay."""
        early = [(kind, [f for f in facts if f != DELAY]) for kind, facts in self.breakdowns]
        return [(kind, facts) for kind, facts in early if facts]

    def stands_on(self, signal: str) -> bool:
        """Whether it counts events with this signal themselves."""
        signals = self.signals or []
        return "*" in signals or signal in signals

    @property
    def settle_ms(self) -> int:
        return duration_ms(self.settle)

    @property
    def scale(self) -> float:
        """What the sum of milliseconds is multiplied with to be in `unit`; 1 where not a mean."""
        return _SCALE[self.unit] if self.measure == "mean" else 1.0


class Board(Struct, frozen=True, forbid_unknown_fields=True):
    """The indicators of the decision board, in their order."""

    leading: list[str] = field(default_factory=list)
    lagging: list[str] = field(default_factory=list)


class Pair(Struct, frozen=True, forbid_unknown_fields=True):
    """A leading indicator that is thought to move a lagging one, `delay` later, and why."""

    leading: str
    lagging: str
    delay: str
    thought: str = ""

    @property
    def delay_ms(self) -> int:
        return duration_ms(self.delay)


class Breakdowns(Struct, frozen=True, forbid_unknown_fields=True):
    """`most_values`: cohorts of one indicator and kind; see docs/decisions/0014."""

    most_values: int = 500


class Catalog(Struct, frozen=True, forbid_unknown_fields=True):
    journeys: dict[str, Journey]
    indicators: dict[str, Indicator]
    board: Board = field(default_factory=Board)
    pairs: dict[str, Pair] = field(default_factory=dict)
    breakdowns: Breakdowns = field(default_factory=Breakdowns)


@cache
def duration_ms(text: str) -> int:
    """`5d`, `12h` or `30m` in milliseconds. Raises CatalogError."""
    match = _TIME.match(text)
    if not match:
        raise CatalogError(f"'{text}' is no time: expected a number and s, m, h or d, as in 5d")
    return int(match[1]) * MS[match[2]]


def load(path: str = "") -> Catalog:
    """The catalog in the file at `path`, or the bundled one. Raises CatalogError."""
    source = Path(path) if path else files("streams.catalog") / "catalog.toml"
    try:
        text = source.read_text("utf-8")
        catalog = msgspec.convert(tomllib.loads(text), Catalog)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CatalogError(f"catalog {path or '(bundled)'}: {error}") from error
    if catalog.breakdowns.most_values < 1:
        raise CatalogError("breakdowns.most_values must be at least 1")
    for name, indicator in catalog.indicators.items():
        _check(name, indicator, catalog.journeys)
    _check_board(catalog)
    _check_pairs(catalog)
    return catalog


def _check_pairs(catalog: Catalog) -> None:
    for name, pair in catalog.pairs.items():
        for kind in ("leading", "lagging"):
            indicator = catalog.indicators.get(getattr(pair, kind))
            if indicator is None or indicator.kind != kind:
                raise CatalogError(f"pair {name}: '{getattr(pair, kind)}' is no {kind} indicator")
        if pair.delay_ms % MS["d"]:
            raise CatalogError(f"pair {name}: `delay` must be of whole days")


def _check_board(catalog: Catalog) -> None:
    for kind in ("leading", "lagging"):
        for name in getattr(catalog.board, kind):
            indicator = catalog.indicators.get(name)
            if indicator is None or indicator.kind != kind:
                raise CatalogError(f"board.{kind}: '{name}' is no {kind} indicator")


def _check(name: str, indicator: Indicator, journeys: dict[str, Journey]) -> None:
    def refuse(what: str) -> None:
        raise CatalogError(f"indicator {name}: {what}")

    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name):
        refuse("its name must be of small letters, digits and _")
    if (indicator.signals is None) == (indicator.journey is None):
        refuse("give either `signals` or `journey`")
    if indicator.measure == "mean" and indicator.unit not in _SCALE:
        refuse(f"`unit` of a mean must be one of {', '.join(_SCALE)}")
    if (indicator.measure == "mean") != (indicator.since is not None):
        refuse("`since` belongs to a mean, and a mean needs it")
    if (indicator.measure == "rate") != (indicator.success is not None):
        refuse("`success` belongs to a rate, and a rate needs it")
    duration_ms(indicator.settle)
    for kind, facts in indicator.breakdowns:
        if kind in WHOLE_KINDS or indicator.by.count(kind) > 1:
            refuse(f"`by` names '{kind}', which it has already")
        if not all(_NAME.fullmatch(fact) for fact in facts):
            refuse(f"`by` names '{kind}': expected names of facts, with {JOINED} between them")
        if (indicator.delay is None and DELAY in facts) or DELAY in facts[:-1]:
            refuse("`by` names a delay, which stands last and wants `delay`")
    if indicator.delay is not None and DELAY not in {
        f for _, fs in indicator.breakdowns for f in fs
    }:
        refuse("`delay` wants a `by` that ends with delay")
    if indicator.by and indicator.measure == "share_of_eligible":
        refuse("a share of eligible learners has no `by`: the directory knows no such cohorts")
    if indicator.journey is None:
        about_steps = (indicator.success, indicator.since, indicator.among, indicator.delay)
        if indicator.at or any(about_steps):
            refuse("`at`, `among`, `success`, `delay` and `since` want a journey")
        return
    if indicator.journey not in journeys:
        refuse(f"there is no journey '{indicator.journey}'")
    if indicator.measure in ("people", "share_of_eligible"):
        refuse(f"measure '{indicator.measure}' wants `signals`")
    if not indicator.at:
        refuse("`at` names no step")
    steps = journeys[indicator.journey].steps
    for step in _steps_named(indicator):
        if step not in steps:
            refuse(f"journey '{indicator.journey}' has no step '{step}'")


def _steps_named(indicator: Indicator) -> list[str]:
    named = [*indicator.at, *indicator.resets]
    if indicator.since:
        named.append(indicator.since)
    if indicator.delay is not None:
        duration_ms(indicator.delay.within)
        named.append(indicator.delay.step)
    for asked in (indicator.among, indicator.success):
        if asked is not None:
            named += _steps_asked(asked)
    return named


def _steps_asked(asked: Success) -> list[str]:
    named = [*(asked.is_ or [])]
    for part in (asked.followed_by, asked.not_followed_by):
        if part is not None:
            duration_ms(part.within)
            named.append(part.step)
    if asked.near is not None:
        duration_ms(asked.near.before)
        duration_ms(asked.near.after)
    named += [
        part.step
        for part in (asked.near, asked.followed_until, asked.at_most_before)
        if part is not None
    ]
    return named


def rows_for_store(catalog: Catalog) -> dict[str, list[dict[str, Any]]]:
    """The rows of ClickHouse's tables `catalog`, one an indicator, and `journeys`, one a step."""
    return {"catalog": _indicator_rows(catalog), "journeys": _journey_rows(catalog)}


def _journey_rows(catalog: Catalog) -> list[dict[str, Any]]:
    return [
        {
            "journey": name,
            "step": step,
            "place": place,
            "title": journey.title,
            "walked_by": journey.walked_by,
            "signals": signals,
            "key": journey.key,
        }
        for name, journey in catalog.journeys.items()
        for place, (step, signals) in enumerate(journey.steps.items(), 1)
    ]


def _indicator_rows(catalog: Catalog) -> list[dict[str, Any]]:
    on_board = [*catalog.board.leading, *catalog.board.lagging]
    return [
        {
            "indicator": name,
            "title": indicator.title,
            "kind": indicator.kind,
            "measure": indicator.measure,
            "unit": indicator.unit,
            "good": indicator.good,
            "scale": indicator.scale,
            "settle_ms": indicator.settle_ms,
            "description": indicator.description,
            "advice": indicator.try_,
            "board": on_board.index(name) + 1 if name in on_board else 0,
            "breakdowns": indicator.by,
        }
        for name, indicator in catalog.indicators.items()
    ]
