"""What a story is made of. A number can only come in as a figure of a query, and a sentence only
with the queries that it rests on: what breaks that cannot be made."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

_PLACE = re.compile(r"\{(\w+)\}")
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class Figure:
    """A value of a query as it is shown. `query`: its number, from 1."""

    shown: str
    value: float | str
    query: int
    column: str


@dataclass(frozen=True)
class Sentence:
    """`text` holds {names} of `figures` and no digit of its own. `evidence`: numbers of queries
    that it rests on besides those of its figures. Raises ValueError."""

    text: str
    figures: Mapping[str, Figure]
    evidence: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if _DIGIT.search(_PLACE.sub("", self.text)):
            raise ValueError(f"a number that is of no query: {self.text}")
        if set(_PLACE.findall(self.text)) != set(self.figures):
            raise ValueError(f"figures that are not in the sentence, or are missing: {self.text}")
        if not self.queries:
            raise ValueError(f"a sentence without evidence: {self.text}")

    @property
    def queries(self) -> list[int]:
        """The numbers of the queries that it rests on."""
        return sorted({*(figure.query for figure in self.figures.values()), *self.evidence})

    @property
    def plain(self) -> str:
        """As it is read."""
        return _PLACE.sub(lambda match: self.figures[match[1]].shown, self.text)


@dataclass(frozen=True)
class Section:
    """A heading and its sentences."""

    heading: str
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True)
class Period:
    """From `begins` to `ends`, which is not part of it (UTC)."""

    begins: datetime
    ends: datetime

    def __str__(self) -> str:
        return f"{_day(self.begins)} to {_day(self.ends)} (UTC, the last day not included)"


@dataclass(frozen=True)
class Document:
    """A story or a brief. `queries`: SQL, the first has the number 1."""

    title: str
    who: str
    period: Period
    sections: tuple[Section, ...]
    queries: tuple[str, ...]

    def figures(self, query: int) -> list[Figure]:
        """The figures of a query, each once, by column."""
        found = {
            figure
            for section in self.sections
            for sentence in section.sentences
            for figure in sentence.figures.values()
            if figure.query == query
        }
        return sorted(found, key=lambda figure: figure.column)


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
