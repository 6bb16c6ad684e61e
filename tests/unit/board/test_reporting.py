"""What the board sends when somebody reports back."""

from datetime import UTC, datetime

import pytest

from reports.board.access import Access, Viewer
from reports.board.reporting import Reporter, Suggestion
from schemas.settings import (
    BoardSettings,
    CollectorSettings,
    KeySettings,
    PrivacySettings,
    Settings,
    ViewerSettings,
)
from streams.intake.pseudonym import NoKey, pseudonymiser

ADA = Viewer("ada", ("*",), "Ada@Example.com")
PRIVACY = PrivacySettings(pseudonym_key="a-key-for-tests-only")
OFFERED = Suggestion("https://x.example/1", "huddle", datetime.now(UTC), None, None, None)


def settings(*sources: str, key: str = PRIVACY.pseudonym_key) -> Settings:
    return Settings(
        board=BoardSettings(viewers=[ViewerSettings("ada", "k" * 16, learner="ada@example.com")]),
        privacy=PrivacySettings(pseudonym_key=key),
        collector=CollectorSettings(
            keys=[KeySettings(each, f"secret-{each}", each) for each in sources]  # type: ignore[arg-type]
        ),
    )


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[list[dict[str, object]]]:
    """What would go to the collector."""
    found: list[list[dict[str, object]]] = []
    monkeypatch.setattr(Reporter, "_post", lambda _, events: found.append(events))
    return found


def test_the_first_click_says_tried_and_how_it_went(sent: list[list[dict[str, object]]]) -> None:
    reporter = Reporter(settings("crm", "lms"))
    reporter.send(ADA, OFFERED, "failed")
    reporter.send(ADA, OFFERED, "failed")
    [tried, reported], again = sent
    assert [tried["verb"], reported["verb"]] == ["adl:attempted", "adl:responded"]
    assert "success" not in tried
    assert reported["success"] is False
    assert str(tried["occurred_at"]) < str(reported["occurred_at"])
    # A second click is a resend, and an id tells nobody who it was.
    assert [each["id"] for each in again] == [tried["id"], reported["id"]]
    other = Reporter(settings("lms", key="another-key-for-tests"))
    other.send(ADA, OFFERED, "tried")
    assert sent[-1][0]["id"] != tried["id"]


def test_what_is_known_is_not_sent_again(sent: list[list[dict[str, object]]]) -> None:
    reporter = Reporter(settings("*"))
    tried = OFFERED._replace(tried=datetime.now(UTC))
    reporter.send(ADA, tried, "worked")
    assert [each["verb"] for each in sent[0]] == ["adl:responded"]
    reporter.send(ADA, tried, "tried")
    assert len(sent) == 1


def test_a_viewer_is_the_learner_of_the_events() -> None:
    reporter = Reporter(settings("*"))
    expected = pseudonymiser(PRIVACY)("mailto", "Ada@example.com").hex()
    assert reporter.learner(ADA) == expected
    assert reporter.learner(Viewer("zoe", ("*",))) == ""


def test_settings_that_leave_no_way_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no key of collector\.keys writes lms"):
        Reporter(settings("crm"))
    with pytest.raises(NoKey):
        Reporter(settings("lms", key=""))
    Reporter(Settings())


def test_a_form_is_that_of_the_viewer_and_the_process() -> None:
    who, other = Access(BoardSettings()), Access(BoardSettings())
    token = who.token(ADA)
    assert who.is_token(ADA, token)
    assert not who.is_token(Viewer("zoe", ("*",)), token)
    assert not other.is_token(ADA, token)
    assert not who.is_token(ADA, "")
