"""What an event says of how well somebody found something: typed, and nothing of it personal.

Texts that people wrote end at the door: their length is kept, and those of their #tags that the
organisation has on its list (`privacy.tags`).
"""

import re
from collections.abc import Collection
from typing import Final

from msgspec import Struct

NOTE: Final = "note"
"""Attribute of an event: a short text about a person, kept only where that person agreed."""
MAX_CRITERIA: Final = 32
MAX_NAME: Final = 200
MAX_TAGS: Final = 10
SLUG: Final = r"[a-z0-9][a-z0-9-]{0,63}"

_SLUG = re.compile(SLUG)
_HASHTAG = re.compile(r"#(\w[\w-]{0,63})")


class Rating(Struct, array_like=True, gc=False):
    """`levels`: criterion -> level, "" for the whole; the scale goes from `lowest` to `highest`,
    None where the event does not say. `rater`: a pseudonym; empty where the event names nobody
    beside its learner. `rubric_version` 0 and `text_length` None: not given."""

    levels: dict[str, float] = {}
    lowest: float | None = None
    highest: float | None = None
    rater: bytes = b""
    rubric: str = ""
    rubric_version: int = 0
    purpose: str = ""
    tags: list[str] = []
    text_length: int | None = None


class SentRating(Struct, gc=False):
    """A rating as a tool writes it in a compact event: `Rating` with the rater's identifier, and
    who gave that out (empty: as for the learner)."""

    levels: dict[str, float] = {}
    lowest: float | None = None
    highest: float | None = None
    rater: str = ""
    rater_issuer: str = ""
    rubric: str = ""
    rubric_version: int = 0
    purpose: str = ""
    tags: list[str] = []
    text_length: int | None = None


def is_slug(text: str) -> bool:
    """Whether it can name a rubric, a tag or a behaviour."""
    return _SLUG.fullmatch(text) is not None


def tags_of(text: str, known: Collection[str]) -> list[str]:
    """The #tags of a text that are `known`, each once, in their order."""
    found = (match[1].lower() for match in _HASHTAG.finditer(text))
    return list(dict.fromkeys(tag for tag in found if tag in known))[:MAX_TAGS]
