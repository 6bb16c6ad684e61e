"""The golden rules of micro-challenges, each finding with its reason and a better example.

A challenge is one short sentence in the first person, a concrete action in a defined time, that
the learner can start and whose first step is easy. A module offers 3 to 5, of mixed kinds. The
rules look at words (see en.toml, fr.toml): they can be wrong, and a person decides.
"""

from collections.abc import Iterator

from msgspec import Struct

from uptake.challenges.definition import Challenge, Challenges, Module
from uptake.challenges.text import (
    first_match,
    main_clause,
    plain,
    sentence_count,
    too_many,
    vague_verb,
    waits_for,
    word_count,
)
from uptake.challenges.words import CHALLENGE_RULES, Language, Rule, Words, words

LEAST, MOST = 3, 5
"""Challenges that a module offers."""


class Finding(Struct, frozen=True):
    """`better`: a challenge that keeps all rules, in the language of the file; "" where adding
    or removing challenges is what helps."""

    rule: Rule
    reason: str
    better: str


class ChallengeResult(Struct, frozen=True):
    """`score`: the share of the rules that are kept, 0 to 1."""

    id: str
    kind: str
    text: str
    score: float
    findings: list[Finding]


class ModuleResult(Struct, frozen=True):
    id: str
    findings: list[Finding]
    challenges: list[ChallengeResult]


class Report(Struct, frozen=True):
    language: Language
    modules: list[ModuleResult]

    @property
    def findings(self) -> int:
        """How many there are, of modules and of challenges."""
        return sum(
            len(module.findings) + sum(len(each.findings) for each in module.challenges)
            for module in self.modules
        )


def lint(challenges: Challenges) -> Report:
    """All modules of a file."""
    language = challenges.language
    return Report(language, [_module(module, language) for module in challenges.modules])


def broken_rules(text: str, language: Language) -> dict[Rule, str]:
    """The rules that one challenge breaks, each with the reason."""
    chosen = words(language)
    return dict(_broken(plain(text), chosen))


def score(broken: int) -> float:
    """The share of the rules of a challenge that are kept, 0 to 1."""
    return round(1 - broken / len(CHALLENGE_RULES), 2)


def _broken(text: str, words: Words) -> Iterator[tuple[Rule, str]]:
    reasons = words.reasons
    sentences = sentence_count(text, words)
    if sentences != 1:
        yield "one-sentence", reasons["one-sentence"].format(found=sentences)
    length = word_count(text)
    if length > words.most_words:
        yield "short", reasons["short"].format(found=length, limit=words.most_words)
    if main_clause(text, words) is None:
        yield "first-person", reasons["first-person"]
    verb = vague_verb(text, words)
    if verb is not None:
        yield "action", reasons["action"].format(found=verb)
    if first_match(text, words.times) is None:
        vague = first_match(text, [words.vague_times])
        yield "time", reasons["vague-time" if vague else "time"].format(found=vague)
    waits = waits_for(text, words)
    if waits is not None:
        yield "can-start", reasons["can-start"].format(found=waits)
    large = first_match(text, words.large) or too_many(text, words)
    if large is not None:
        yield "small", reasons["small"].format(found=large)


def _module(module: Module, language: Language) -> ModuleResult:
    return ModuleResult(
        id=module.id,
        findings=list(_of_module(module, words(language))),
        challenges=[_challenge(challenge, language) for challenge in module.challenges],
    )


def _of_module(module: Module, words: Words) -> Iterator[Finding]:
    count = len(module.challenges)
    if not LEAST <= count <= MOST:
        reason = words.reasons["count"].format(found=count, least=LEAST, most=MOST)
        yield Finding("count", reason, "")
    kinds = {challenge.kind for challenge in module.challenges}
    if len(kinds) == 1 and count > 1:
        missing = next(kind for kind in words.better_kind if kind not in kinds)
        reason = words.reasons["kinds"].format(found=kinds.pop())
        yield Finding("kinds", reason, words.better_kind[missing])


def _challenge(challenge: Challenge, language: Language) -> ChallengeResult:
    broken = broken_rules(challenge.text, language)
    return ChallengeResult(
        id=challenge.id,
        kind=challenge.kind,
        text=challenge.text,
        score=score(len(broken)),
        findings=[
            Finding(rule, reason, _better(rule, challenge.text, language))
            for rule, reason in broken.items()
        ],
    )


def _better(rule: Rule, text: str, language: Language) -> str:
    """The challenge itself with a time where that makes it good, else an example."""
    chosen = words(language)
    if rule == "time":
        keeps_case = text.startswith(("I ", "I'"))
        timed = chosen.prefix + (text if keeps_case else text[:1].lower() + text[1:])
        # A vague time beside the new one would contradict it.
        if not first_match(plain(text), [chosen.vague_times]) and not broken_rules(timed, language):
            return timed
    return chosen.better[rule]
