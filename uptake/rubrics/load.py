"""Read a rubric and refuse it where raters could not agree on what it means."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from uptake.rubrics.definition import Criterion, Level, Rubric
from uptake.rubrics.wording import comparison, unobservable

_INDEX = re.compile(r"\[(\d+)\]")


class RubricError(ValueError):
    """The file cannot be read as a rubric; the text names file and place."""


class RubricRefused(RubricError):
    """It is a rubric, but not one to score by. `faults`: one line each, with its place."""

    def __init__(self, path: Path, faults: list[str]) -> None:
        super().__init__("\n".join(f"{path}: {fault}" for fault in faults))
        self.faults = faults


def load(path: Path) -> Rubric:
    """The rubric in a TOML file. Raises RubricError, or RubricRefused with all faults at once."""
    try:
        rubric = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Rubric)
    except OSError as error:
        raise RubricError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RubricError(f"{path}: is not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise RubricError(f"{path}: {_from_one(str(error))}") from error
    faults = list(check(rubric))
    if faults:
        raise RubricRefused(path, faults)
    return rubric


def check(rubric: Rubric) -> Iterator[str]:
    """All that is wrong with a rubric, each with its place and what to do instead."""
    for place, name in enumerate(rubric.levels, 1):
        yield from _compares(f"name of level {place}", name, rubric)
    yield from _compares("title", rubric.title, rubric)
    for name, count in Counter(each.id for each in rubric.criteria).items():
        if count > 1:
            yield f"criterion {name}: {count} criteria have this id"
    for criterion in rubric.criteria:
        yield from _criterion(criterion, rubric)


def _criterion(criterion: Criterion, rubric: Rubric) -> Iterator[str]:
    place = f"criterion {criterion.id}"
    yield from _compares(f"{place}, title", criterion.title, rubric)
    given = Counter(each.level for each in criterion.levels)
    for level in rubric.scale:
        if not given[level]:
            yield f"{place}: level {level} ({rubric.levels[level - 1]}) is missing"
        elif given[level] > 1:
            yield f"{place}: level {level} is there {given[level]} times"
    for level in sorted(set(given) - set(rubric.scale)):
        yield f"{place}: there is no level {level}, only {rubric.scale[0]} to {rubric.scale[-1]}"
    for each in criterion.levels:
        yield from _level(f"{place}, level {each.level}", each, rubric)
    yield from _alike(place, criterion)


def _level(place: str, level: Level, rubric: Rubric) -> Iterator[str]:
    if not level.observable:
        yield f"{place}: `observable` is empty: name at least one behaviour that is seen or heard"
    if not level.examples:
        yield f"{place}: `examples` is empty: give at least one thing that somebody said or did"
    for number, text in enumerate(level.observable, 1):
        where = f"{place}, observable {number}"
        compared = list(_compares(where, text, rubric))
        yield from compared
        reason = None if compared else unobservable(text, rubric.language)
        if reason:
            yield f"{where}: {reason}"
    for number, text in enumerate(level.examples, 1):
        where = f"{place}, example {number}"
        if not text.strip():
            yield f"{where} is empty"
        yield from _compares(where, text, rubric)


def _compares(place: str, text: str, rubric: Rubric) -> Iterator[str]:
    reason = comparison(text, rubric.language)
    if reason:
        yield f"{place}: {reason}"


def _alike(place: str, criterion: Criterion) -> Iterator[str]:
    """Levels with the same behaviours: no rater could tell them apart."""
    seen: dict[frozenset[str], int] = {}
    for each in criterion.levels:
        behaviours = frozenset(text.strip().lower() for text in each.observable)
        if not behaviours:
            continue
        other = seen.setdefault(behaviours, each.level)
        if other != each.level:
            yield f"{place}: levels {other} and {each.level} have the same behaviours"


def _from_one(message: str) -> str:
    """Places as people count them: `$.criteria[0]` is criteria 1."""
    shown = _INDEX.sub(lambda match: f" {int(match[1]) + 1}", message)
    return shown.replace("$.", "")
