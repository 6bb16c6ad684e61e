"""Sentences of rubrics that compare people, or that nobody can see or hear; and good ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uptake.rubrics.definition import Language
from uptake.rubrics.wording import comparison, unobservable, words

COMPARISONS: dict[Language, list[str]] = {
    "en": [
        "Asks better questions than most colleagues",
        "Closes calls faster than the rest of the team",
        "Performs above average",
        "Is below the team average in naming the next step",
        "Belongs to the top 10% of the group",
        "Top performer in objection handling",
        "Is the best in the team at summarising",
        "Needs more help compared to her peers",
        "Outperforms the other agents",
        "Is in the upper quartile",
        "Ranks first among the new sellers",
        "Works like an average performer",
        "Stands out from the group by asking questions",
        "Unlike most people, names the price early",
        "Makes fewer mistakes than other agents",
    ],
    "fr": [
        "Pose de meilleures questions que la plupart de ses collègues",
        "Conclut plus vite que le reste de l'équipe",
        "Se situe au-dessus de la moyenne",
        "Reste en dessous de la moyenne de l'équipe",
        "Fait partie, dans les 10 % du groupe, des plus rapides",
        "Est le meilleur de l'équipe pour résumer",
        "A besoin de plus d'aide par rapport à ses pairs",
        "Surpasse les autres agents",
        "Est classée première des vendeurs",
        "Travaille comme un vendeur moyen",
        "Se démarque des autres par ses questions",
        "Contrairement à la plupart, annonce le prix tôt",
        "Fait moins d'erreurs que les autres agents",
    ],
}
UNOBSERVABLE: dict[Language, list[str]] = {
    "en": [
        "Understands the needs of the customer",
        "Has a good attitude towards complaints",
        "Is confident and professional throughout",
        "Knows the product range very well",
        "Shows empathy",
        "Good communication skills in difficult talks",
        "Is aware of the importance of questions",
        "Very clear",
        "Handles objections in an effective manner",
        "Listens actively to the customer",
        "Demonstrates strong knowledge of the process",
        "Handles the call well and with care",
        "Excellent",
    ],
    "fr": [
        "Comprend les besoins du client",
        "A une bonne attitude face aux réclamations",
        "Est à l'aise et professionnel tout au long de l'échange",
        "Connaît très bien la gamme de produits",
        "Fait preuve d'empathie",
        "Bonne communication dans les échanges difficiles",
        "Est conscient de l'importance des questions",
        "Très clair",
        "Traite les objections de façon efficace",
        "Maîtrise la procédure de retour",
        "Traite bien l'appel et la demande du client",
        "Excellent",
    ],
}
GOOD: dict[Language, list[str]] = {
    "en": [
        "Asks two open questions before naming a price",
        "Repeats the customer's problem in own words",
        "Speaks less than the customer in the first two minutes",
        "Names a next step and a time before ending the call",
        "Interrupts the customer at least once",
        "Shows that the need was understood: says it back in one sentence",
        "Writes the next step into the ticket before closing it",
        "Thanks a colleague by name for a specific action",
        "Asks more open questions than closed ones",
        "Ranks the customer's needs by asking which one comes first",
        "Explains to colleagues how the refund is booked",
        "Opens the top drawer of the case file and reads the first note",
        "Waits three seconds after the answer",
    ],
    "fr": [
        "Pose deux questions ouvertes avant de parler du prix",
        "Reformule le problème du client avec ses propres mots",
        "Parle moins que le client pendant les deux premières minutes",
        "Annonce la prochaine étape et une heure avant de raccrocher",
        "Coupe la parole au client au moins une fois",
        "Montre qu'il a compris : redit le besoin en une phrase",
        "Écrit la suite dans le ticket avant de le fermer",
        "Remercie un collègue par son nom pour une action précise",
        "Pose plus de questions ouvertes que de questions fermées",
        "Explique à ses collègues comment saisir un remboursement",
        "Attend trois secondes après la réponse",
    ],
}


def _pairs(table: dict[Language, list[str]]) -> list[tuple[Language, str]]:
    return [(language, text) for language, texts in table.items() for text in texts]


@pytest.mark.parametrize(("language", "text"), _pairs(COMPARISONS))
def test_comparisons_between_people_are_found(language: Language, text: str) -> None:
    reason = comparison(text, language)
    assert reason is not None
    assert "Asks two" in reason or "Pose deux" in reason


@pytest.mark.parametrize(("language", "text"), _pairs(UNOBSERVABLE))
def test_what_nobody_can_see_is_found(language: Language, text: str) -> None:
    assert unobservable(text, language) is not None
    assert comparison(text, language) is None


@pytest.mark.parametrize(("language", "text"), _pairs(GOOD))
def test_what_is_seen_or_heard_passes(language: Language, text: str) -> None:
    assert comparison(text, language) is None
    assert unobservable(text, language) is None


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_example_in_each_advice_passes(language: Language) -> None:
    marks = {"en": '"', "fr": "«»"}[language]
    for name in ("comparison", "state"):
        example = words(language).advice[name].rstrip(f" {marks}").rpartition(marks[0])[2].strip()
        assert len(example) > 20
        assert comparison(example, language) is None
        assert unobservable(example, language) is None


@pytest.mark.parametrize("language", ["en", "fr"])
@given(text=st.text(max_size=200))
def test_no_text_breaks_the_checks(language: Language, text: str) -> None:
    comparison(text, language)
    unobservable(text, language)


def test_the_reason_names_the_words() -> None:
    reason = comparison("Asks better questions than most colleagues.", "en")
    assert reason is not None
    assert '"better questions than most colleagues"' in reason
    reason = unobservable("Shows deep empathy towards callers", "en")
    assert reason is not None
    assert reason.startswith('"empathy"')
