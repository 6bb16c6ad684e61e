"""The golden rules of micro-challenges: findings, better examples, modules and scores."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uptake.challenges.definition import Challenge, Challenges, Module
from uptake.challenges.lint import broken_rules, lint, score
from uptake.challenges.text import plain, sentence_count, too_many, word_count
from uptake.challenges.words import CHALLENGE_RULES, Kind, Language, words

_LANGUAGES: list[Language] = ["en", "fr"]
_GOOD: dict[Language, str] = {
    "en": "Tomorrow, I write down three points of this module from memory.",
    "fr": "Demain, j'écris de mémoire trois points de ce module.",
}


def _module(language: Language, kinds: list[Kind], text: str = "") -> Challenges:
    offered = [
        Challenge(id=f"c{place}", kind=kind, text=text or _GOOD[language])
        for place, kind in enumerate(kinds)
    ]
    return Challenges(language=language, modules=[Module(id="m", challenges=offered)])


@pytest.mark.parametrize("language", _LANGUAGES)
def test_better_examples_keep_all_rules(language: Language) -> None:
    chosen = words(language)
    for example in [*chosen.better.values(), *chosen.better_kind.values()]:
        assert broken_rules(example, language) == {}, example


@pytest.mark.parametrize("language", _LANGUAGES)
def test_every_rule_has_a_reason_and_a_better_example(language: Language) -> None:
    chosen = words(language)
    assert set(chosen.better) == set(CHALLENGE_RULES)
    assert set(chosen.reasons) == {*CHALLENGE_RULES, "vague-time", "count", "kinds"}
    assert set(chosen.better_kind) == {"social", "consolidation", "curiosity"}


@pytest.mark.parametrize("language", _LANGUAGES)
@pytest.mark.parametrize("count", [0, 1, 2, 6, 9])
def test_a_module_offers_three_to_five(language: Language, count: int) -> None:
    kinds: list[Kind] = ["social", "curiosity", "consolidation"] * 3
    (module,) = lint(_module(language, kinds[:count])).modules
    assert [finding.rule for finding in module.findings] == ["count"]
    assert str(count) in module.findings[0].reason


@pytest.mark.parametrize("language", _LANGUAGES)
@pytest.mark.parametrize("count", [3, 4, 5])
def test_kinds_are_mixed(language: Language, count: int) -> None:
    mixed: list[Kind] = ["social"]
    mixed += ["curiosity"] * (count - 1)
    alone: list[Kind] = ["social"] * count
    assert lint(_module(language, mixed)).findings == 0
    (module,) = lint(_module(language, alone)).modules
    (finding,) = module.findings
    assert finding.rule == "kinds"
    assert "social" in finding.reason
    assert finding.better == words(language).better_kind["consolidation"]


def test_a_finding_names_the_words_that_gave_it() -> None:
    assert '"improve"' in broken_rules("Today I improve my tone.", "en")["action"]
    assert '"regularly"' in broken_rules("I regularly call one customer.", "en")["time"]
    assert (
        "« vingt prospects »" in broken_rules("Demain, j'appelle vingt prospects.", "fr")["small"]
    )
    assert (
        "« si mon manager »"
        in broken_rules("Aujourd'hui, je commence si mon manager le veut.", "fr")["can-start"]
    )


def test_asking_somebody_whether_is_no_waiting() -> None:
    assert broken_rules("Today, I ask one customer if they are satisfied.", "en") == {}
    assert broken_rules("Demain, je demande à un client s'il est satisfait.", "fr") == {}
    assert "can-start" in broken_rules("Today, I call one customer if they agree.", "en")


def test_a_challenge_without_a_time_is_given_one() -> None:
    text = "I ask one colleague for feedback on my opening question."
    (module,) = lint(_module("en", ["social", "curiosity", "social"], text)).modules
    (finding,) = module.challenges[0].findings
    assert finding.better == f"By Friday, {text}"
    text = "Je demande à un collègue un retour sur ma question d'ouverture."
    (module,) = lint(_module("fr", ["social", "curiosity", "social"], text)).modules
    (finding,) = module.challenges[0].findings
    assert finding.better == f"D'ici vendredi, j{text[1:]}"


def test_a_vague_time_is_not_mended_by_adding_another() -> None:
    text = "I regularly note what went well after a call."
    (module,) = lint(_module("en", ["social"] * 3, text)).modules
    assert module.challenges[0].findings[0].better == words("en").better["time"]


def test_the_score_is_the_share_of_rules_kept() -> None:
    assert [score(broken) for broken in (0, 1, 7)] == [1.0, 0.86, 0.0]
    (module,) = lint(_module("en", ["social"] * 3, "Be more empathetic.")).modules
    assert module.challenges[0].score == 0.57
    assert len(module.challenges[0].findings) == 3


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One.", 1),
        ("One", 1),
        ("One! Two?", 2),
        ("One; two", 2),
        ("At 7 a.m. I write, e.g. a note, in 1.5 minutes.", 1),
        ("First line\nsecond line", 2),
        ("...", 0),
    ],
)
def test_sentences(text: str, count: int) -> None:
    assert sentence_count(plain(text), words("en")) == count


def test_words_and_numbers() -> None:
    assert word_count(plain("Aujourd\u2019hui, j\u2019envoie un e-mail")) == 4
    english, french = words("en"), words("fr")
    assert too_many("call 6 customers", english) == "6 customers"
    assert too_many("call a dozen customers", english) == "dozen customers"
    assert too_many("call 5 customers for 30 minutes", english) is None
    assert too_many("at 17 h, appeler un client", french) is None
    assert too_many("une dizaine de clients", french) == "dizaine clients"


@pytest.mark.parametrize("language", _LANGUAGES)
@given(text=st.text(max_size=300))
def test_no_text_breaks_the_linter(language: Language, text: str) -> None:
    broken = broken_rules(text, language)
    assert set(broken) <= set(CHALLENGE_RULES)
    assert 0 <= score(len(broken)) <= 1


@pytest.mark.parametrize("language", _LANGUAGES)
@given(blanks=st.lists(st.sampled_from([" ", "\u00a0", "\u202f", "  "]), min_size=12, max_size=12))
def test_blanks_and_apostrophes_do_not_matter(language: Language, blanks: list[str]) -> None:
    parts = _GOOD[language].split(" ")
    text = "".join(f"{part}{blank}" for part, blank in zip(parts, blanks, strict=False))
    assert broken_rules(text, language) == {}
    assert broken_rules(text.replace("'", "\u2019"), language) == {}
