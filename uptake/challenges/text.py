"""Find in one challenge what the golden rules ask about. Works on words, not on meaning."""

import re
import unicodedata
from collections.abc import Iterable

from uptake.challenges.words import Words

MOST_THINGS = 5
"""More of anything in one challenge is no first step."""

_WORD = re.compile(r"\w+(?:['-]\w+)*")
_END = re.compile(r"[.!?…;]+(?=\s|$)|\n+")
_NUMBER = re.compile(r"(?<![\w:.,-])(\w+)(?= (?:de |d'|of )?(\S+))")


def plain(text: str) -> str:
    """Small letters, composed, with plain apostrophes and single blanks (lines stay)."""
    text = unicodedata.normalize("NFC", text).replace("\u2019", "'").replace("\u2018", "'")
    return re.sub(r"[^\S\n]+", " ", text).strip().lower()


def word_count(text: str) -> int:
    return len(_WORD.findall(text))


def sentence_count(text: str, words: Words) -> int:
    """Sentences, or parts of one that a semicolon parts."""
    for short in words.abbreviations:
        pattern = rf"(?<!\w){re.escape(short)}(?=\s\S)"
        text = re.sub(pattern, short.replace(".", ""), text)
    return sum(1 for part in _END.split(text) if _WORD.search(part))


def main_clause(text: str, words: Words) -> int | None:
    """Where the words after the "I" of the main clause begin; None: there is no such "I"."""
    for match in re.finditer(words.first_person, text):
        if not re.search(words.subordinate, text[: match.start()]):
            return match.end()
    return None


def vague_verb(text: str, words: Words) -> str | None:
    """The verb of the main clause, or the first word where there is none, if it is vague."""
    start = main_clause(text, words)
    if start is not None:
        match = re.match(rf"\s*{words.helpers}({words.vague_verbs}\w*)", text[start:])
    else:
        # "This week, be patient": what leads up to the comma is no verb.
        match = re.match(rf"\s*({words.vague_verbs}\w*)", text[_after_lead(text) :])
    return match[1].strip() if match else None


def _after_lead(text: str) -> int:
    comma = text.find(",")
    return comma + 1 if 0 <= comma < len(text) // 2 else 0


def first_match(text: str, patterns: Iterable[str]) -> str | None:
    """The words that the first of the patterns to match at all has matched."""
    for pattern in patterns:
        match = re.search(pattern, text)
        if match:
            return match[0].strip()
    return None


def waits_for(text: str, words: Words) -> str | None:
    """The words that make the challenge depend on somebody else."""
    for pattern in words.dependent:
        for match in re.finditer(pattern, text):
            conditional = match[0].startswith(("if ", "si ", "s'"))
            if not (conditional and re.search(words.asking, text[: match.start()])):
                return match[0].strip()
    return None


def too_many(text: str, words: Words) -> str | None:
    """A number of things that is too large, with the word after it."""
    for match in _NUMBER.finditer(text):
        number = words.numbers.get(match[1])
        if number is None and match[1].isascii() and match[1].isdigit():
            number = int(match[1])
        if number is None or number <= MOST_THINGS or re.search(words.not_things, match[2]):
            continue
        if _WORD.match(match[2]):
            return f"{match[1]} {match[2]}".rstrip(".,;!?")
    return None
