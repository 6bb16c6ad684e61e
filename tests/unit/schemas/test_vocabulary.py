"""Signals from verbs and object types."""

import pytest

from schemas import vocabulary
from schemas.vocabulary import UNMAPPED, Vocabulary, VocabularyError

SIGNALS = [
    ("adl:completed", "act:module", {}, "content.completed"),
    ("https://adlnet.gov/expapi/verbs/completed", "act:module", {}, "content.completed"),
    ("adl:completed", "video:activity-type/video", {}, "video.completed"),
    ("adl:completed", "tin:activitytype/checklist-item", {}, "challenge.checked"),
    ("adl:completed", "", {}, UNMAPPED),
    ("video:verbs/played", "", {}, "video.played"),
    ("as:create", "as:issue", {}, "ticket.opened"),
    ("as:create", "uptake:types/opportunity", {}, "deal.opened"),
    ("as:schema/1.0/resolve", "as:schema/1.0/issue", {}, "ticket.resolved"),
    ("as:assign", "as:issue", {}, "ticket.assigned"),
    ("as:assign", "as:issue", {"escalated": True}, "ticket.escalated"),
    ("as:assign", "as:issue", {"escalated": False}, "ticket.assigned"),
    ("as:assign", "tin:activitytype/checklist-item", {"escalated": True}, "challenge.offered"),
    ("tin:verb/requested-attention", "as:issue", {}, "ticket.escalated"),
    ("as:open", "as:issue", {}, "ticket.reopened"),
    ("as:open", "as:alert", {}, "nudge.opened"),
    ("as:close", "as:issue", {}, "ticket.closed"),
    ("adl:commented", "as:issue", {}, "ticket.replied"),
    ("adl:commented", "act:simulation", {}, "feedback.given"),
    ("adl:commented", "", {}, "reflection.noted"),
    ("tin:verb/reviewed", "act:performance", {}, "observation.logged"),
    ("tin:verb/reviewed", "uptake:types/submission", {}, "feedback.given"),
    ("acx:verbs/evaluated", "tin:activitytype/scenario", {}, "rubric.scored"),
    ("tla:verbs/scored", "tin:activitytype/scenario", {}, "rubric.scored"),
    ("https://w3id.org/xapi/dod-isd/verbs/assessed", "act:simulation", {}, "rubric.scored"),
    ("adl:answered", "act:cmi.interaction", {"interaction": "likert"}, "confidence.reported"),
    ("adl:answered", "act:cmi.interaction", {"interaction": "choice"}, UNMAPPED),
    ("adl:voided", "StatementRef", {}, "voided"),
    ("https://example.com/danced", "act:course", {}, UNMAPPED),
]


@pytest.mark.parametrize(("verb", "kind", "attributes", "signal"), SIGNALS)
def test_signal(
    words: Vocabulary, verb: str, kind: str, attributes: dict[str, bool | str], signal: str
) -> None:
    for _ in range(2):
        assert words.signal(words.expand(verb), words.expand(kind), attributes) == signal


def test_every_signal_of_the_table_is_reachable(words: Vocabulary) -> None:
    """The name of a signal says its family; the catalog relies on these."""
    families = {signal.partition(".")[0] for signal in words.signals}
    assert {"content", "video", "ticket", "deal", "nudge", "challenge", "voided"} <= families
    assert {"deal.won", "deal.lost", "ticket.replied", "video.downloaded"} <= words.signals


def test_curies(words: Vocabulary) -> None:
    assert words.expand("as:resolve") == "http://activitystrea.ms/resolve"
    assert words.expand("tin:verb/viewed") == "http://id.tincanapi.com/verb/viewed"
    for whole in ("https://example.com/x", "urn:x:y", "", "as://example", "nothing"):
        assert words.expand(whole) == whole


def test_minted_terms_are_listed_once_under_our_base(words: Vocabulary) -> None:
    iris = [term.iri for term in words.minted]
    assert len(set(iris)) == len(iris)
    assert all(iri.startswith(vocabulary.BASE) for iri in iris)


HEAD = "[prefixes]\n[types]\n"
MINTED = '[[minted]]\niri = "x"\nmeaning = "y"\n'
RULE = '[[rule]]\nsignal = "{}"\nverbs = ["x:v"]\ntypes = ["x:t"]\n'


def test_two_answers_to_one_question_are_refused() -> None:
    Vocabulary(HEAD + MINTED + RULE.format("a"))
    with pytest.raises(VocabularyError, match="two signals for x:v on x:t"):
        Vocabulary(HEAD + MINTED + RULE.format("a") + RULE.format("b"))


@pytest.mark.parametrize("text", ["[", HEAD, HEAD + MINTED + RULE.format("a") + "extra = 1\n"])
def test_a_file_that_is_wrong_is_refused(text: str) -> None:
    with pytest.raises(VocabularyError):
        Vocabulary(text)


def test_unheard_of_verbs_do_not_fill_the_memory(words: Vocabulary) -> None:
    for number in range(50_000):
        assert words.signal(f"https://example.com/{number}", "", {}) == UNMAPPED
    assert len(words._cache) <= 20_000
