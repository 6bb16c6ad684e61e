"""A rubric as it is declared in a file; `uptake.rubrics.load` checks what types cannot say."""

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

Language = Literal["en", "fr"]
Id = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Title = Annotated[str, Meta(min_length=1, max_length=200)]


class Level(Struct, frozen=True, forbid_unknown_fields=True):
    """`observable`: behaviours that are seen or heard at this level. `examples`: what somebody
    said or did, so that two raters have the same thing in mind."""

    level: int
    observable: list[str] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)


class Criterion(Struct, frozen=True, forbid_unknown_fields=True):
    id: Id
    title: Title
    levels: list[Level]


class Rubric(Struct, frozen=True, forbid_unknown_fields=True):
    """`levels`: the names of the levels, lowest first; they count from 1.

    `version` goes up with every change: scores are kept with the version they were given under.
    """

    id: Id
    version: Annotated[int, Meta(ge=1)]
    language: Language
    title: Title
    levels: Annotated[list[Title], Meta(min_length=2, max_length=10)]
    criteria: Annotated[list[Criterion], Meta(min_length=1)]

    @property
    def scale(self) -> range:
        """The numbers of the levels, lowest first."""
        return range(1, len(self.levels) + 1)

    def criterion(self, name: str) -> Criterion | None:
        return next((each for each in self.criteria if each.id == name), None)

    def fingerprint(self) -> str:
        """16 hex digits of the content: the same for equal rubrics, however the file is laid out.

        Two files of one id and version with different fingerprints are a mistake.
        """
        content = msgspec.json.encode(self, order="deterministic")
        return hashlib.blake2b(content, digest_size=8).hexdigest()
