"""The words of a language: patterns, limits and sentences of the golden rules."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec
from msgspec import Struct

Language = Literal["en", "fr"]
Kind = Literal["social", "consolidation", "curiosity"]
Rule = Literal[
    "one-sentence", "short", "first-person", "action", "time", "can-start", "small",
    "count", "kinds",
]  # fmt: skip

CHALLENGE_RULES: tuple[Rule, ...] = (
    "one-sentence",
    "short",
    "first-person",
    "action",
    "time",
    "can-start",
    "small",
)


class Words(Struct, frozen=True, forbid_unknown_fields=True):
    """See the head of en.toml. Patterns meet text in small letters with plain apostrophes."""

    most_words: int
    abbreviations: list[str]
    prefix: str
    first_person: str
    subordinate: str
    helpers: str
    vague_verbs: str
    times: list[str]
    vague_times: str
    asking: str
    dependent: list[str]
    large: list[str]
    not_things: str
    numbers: dict[str, int]
    reasons: dict[str, str]
    better: dict[Rule, str]
    better_kind: dict[Kind, str]


@cache
def words(language: Language) -> Words:
    text = (files("uptake.challenges") / f"{language}.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Words)
