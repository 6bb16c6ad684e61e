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

from schemas.records import Attribute

Measure = Literal["count", "people", "share_of_eligible", "rate", "mean"]

_TIME = re.compile(r"^(\d+)(m|h|d)$")
_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SCALE = {"days": 1 / 86_400_000, "hours": 1 / 3_600_000, "minutes": 1 / 60_000}


class CatalogError(ValueError):
    """The catalog file is wrong; the text names the entry and what was expected."""


class Within(Struct, frozen=True, forbid_unknown_fields=True):
    step: str
    within: str

    @property
    def within_ms(self) -> int:
        return duration_ms(self.within)


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
    is_: list[str] | None = None
    followed_by: Within | None = None
    not_followed_by: Within | None = None
    at_most_before: AtMost | None = None
    attribute: Equals | None = None


class Journey(Struct, frozen=True, forbid_unknown_fields=True):
    """Steps that belong to one key. `steps`: step -> signals that are this step."""

    title: str
    walked_by: Literal["one", "several"]
    steps: dict[str, list[str]]


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
    success: Success | None = None
    since: str | None = None
    settle: str = "0d"

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


class Catalog(Struct, frozen=True, forbid_unknown_fields=True):
    journeys: dict[str, Journey]
    indicators: dict[str, Indicator]
    board: Board = field(default_factory=Board)
    pairs: dict[str, Pair] = field(default_factory=dict)


@cache
def duration_ms(text: str) -> int:
    """`5d`, `12h` or `30m` in milliseconds. Raises CatalogError."""
    match = _TIME.match(text)
    if not match:
        raise CatalogError(f"'{text}' is no time: expected a number and m, h or d, as in 5d")
    return int(match[1]) * _MS[match[2]]


def load(path: str = "") -> Catalog:
    """The catalog in the file at `path`, or the bundled one. Raises CatalogError."""
    source = Path(path) if path else files("streams.catalog") / "catalog.toml"
    try:
        text = source.read_text("utf-8")
        catalog = msgspec.convert(tomllib.loads(text), Catalog)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CatalogError(f"catalog {path or '(bundled)'}: {error}") from error
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
        if pair.delay_ms % _MS["d"]:
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
    if indicator.journey is None:
        if indicator.at or indicator.success or indicator.since:
            refuse("`at`, `success` and `since` want a journey")
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
    success = indicator.success
    if success is not None:
        named += success.is_ or []
        for part in (success.followed_by, success.not_followed_by):
            if part is not None:
                duration_ms(part.within)
                named.append(part.step)
        if success.at_most_before is not None:
            named.append(success.at_most_before.step)
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
        }
        for name, indicator in catalog.indicators.items()
    ]
