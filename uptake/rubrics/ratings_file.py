"""The ratings of a calibration session, from a CSV file."""

import csv
from collections.abc import Iterator
from pathlib import Path

from uptake.rubrics.definition import Rubric

COLUMNS = ("item", "criterion", "rater", "level")

Session = dict[str, dict[str, dict[str, float]]]
"""Criterion -> item -> rater -> level."""


class RatingsError(ValueError):
    """The file holds no ratings of this rubric; the text names file and line."""


def load(path: Path, rubric: Rubric) -> Session:
    """A CSV file with a header and the columns item, criterion, rater, level.

    Raises RatingsError: for other columns, a criterion or level that the rubric does not have,
    an empty field, or two ratings of one item and criterion by one rater.
    """
    session: Session = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for line, row in _rows(path, file):
                _take(session, row, rubric, f"{path}, line {line}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RatingsError(f"{path}: cannot be read: {error}") from error
    if not session:
        raise RatingsError(f"{path}: no ratings")
    return session


def _rows(path: Path, file: Iterator[str]) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(file, strict=True)
    if sorted(reader.fieldnames or []) != sorted(COLUMNS):
        raise RatingsError(f"{path}, line 1: expected the columns {', '.join(COLUMNS)}")
    for row in reader:
        # A row that is too long has a list under None, one that is too short has None values.
        fields = {name: (row[name] or "").strip() for name in COLUMNS}
        if None in row or not all(fields.values()):
            expected = f"expected {len(COLUMNS)} fields, none of them empty"
            raise RatingsError(f"{path}, line {reader.line_num}: {expected}")
        yield reader.line_num, fields


def _take(session: Session, row: dict[str, str], rubric: Rubric, place: str) -> None:
    item, criterion, rater = row["item"], row["criterion"], row["rater"]
    if rubric.criterion(criterion) is None:
        known = ", ".join(each.id for each in rubric.criteria)
        raise RatingsError(f"{place}: no criterion '{criterion}', there are {known}")
    if row["level"] not in {str(level) for level in rubric.scale}:
        reach = f"{rubric.scale[0]} to {rubric.scale[-1]}"
        raise RatingsError(f"{place}: level '{row['level']}', expected {reach}")
    given = session.setdefault(criterion, {}).setdefault(item, {})
    if rater in given:
        raise RatingsError(f"{place}: a second rating of item '{item}' by the same rater")
    given[rater] = float(row["level"])


def take_out(session: Session, rater: str) -> dict[str, dict[str, float]]:
    """Remove one rater, whose levels are the agreed ones: criterion -> item -> level."""
    return {
        criterion: {item: given.pop(rater) for item, given in items.items() if rater in given}
        for criterion, items in session.items()
    }
