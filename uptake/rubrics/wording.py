"""Is a sentence of a rubric about what is seen or heard, of one person alone?

It looks at words (en.toml, fr.toml) and refuses what it is sure of; what it does not know, passes.
"""

import re
import tomllib
import unicodedata
from functools import cache
from importlib.resources import files

import msgspec
from msgspec import Struct

from uptake.rubrics.definition import Language

_WORD = re.compile(r"\w+(?:['-]\w+)*")


class Words(Struct, frozen=True, forbid_unknown_fields=True):
    """See the head of en.toml."""

    least_words: int
    peers: str
    comparisons: list[str]
    states: str
    observable: str
    advice: dict[str, str]


@cache
def words(language: Language) -> Words:
    text = (files("uptake.rubrics") / f"{language}.toml").read_text("utf-8")
    found = msgspec.convert(tomllib.loads(text), Words)
    comparisons = [pattern.replace("{peers}", found.peers) for pattern in found.comparisons]
    return msgspec.structs.replace(found, comparisons=comparisons)


def comparison(text: str, language: Language) -> str | None:
    """Why the text is refused as one that compares people; None: it is not."""
    chosen = words(language)
    plain = _plain(text)
    for pattern in chosen.comparisons:
        match = re.search(pattern, plain)
        if match:
            return chosen.advice["comparison"].format(found=match[0].strip())
    return None


def unobservable(text: str, language: Language) -> str | None:
    """Why the text is refused as an anchor that nobody can see or hear; None: it is not."""
    chosen = words(language)
    plain = _plain(text)
    if len(_WORD.findall(plain)) < chosen.least_words:
        return chosen.advice["few-words"].format(found=text.strip(), least=chosen.least_words)
    state = re.search(chosen.states, plain)
    if state and not re.search(chosen.observable, plain):
        return chosen.advice["state"].format(found=state[0])
    return None


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFC", text).replace("\u2019", "'")
    return " ".join(text.lower().split())
