"""Viewers see what they were granted, and a session cannot be made up."""

import pytest

from reports.board import access
from reports.board.access import Access
from reports.board.read import EVERYBODY, Cohort
from schemas.settings import BoardSettings, ViewerSettings

ALDER = Cohort("team", "Alder")
SETTINGS = BoardSettings(
    viewers=[
        ViewerSettings("ada", "key-of-ada-0123456789", ["team:Alder"]),
        ViewerSettings("zoe", "key-of-zoe-0123456789"),
    ]
)


def test_a_key_opens_what_was_granted() -> None:
    who = Access(SETTINGS)
    ada, zoe = who.by_key("key-of-ada-0123456789"), who.by_key("key-of-zoe-0123456789")
    assert ada is not None
    assert zoe is not None
    assert ada.visible([EVERYBODY, ALDER, Cohort("region", "Alder")]) == [ALDER]
    assert zoe.may_see_all
    assert not ada.may_see_all
    assert who.by_key("") is None
    assert who.by_key("key-of-ada-012345678") is None


def test_a_session_is_signed_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    who = Access(SETTINGS)
    ada = who.by_key("key-of-ada-0123456789")
    assert ada is not None
    cookie = who.session(ada)
    assert who.viewer(cookie, None) == ada
    name, until, signature = cookie.split(".")
    zoe = who.by_key("key-of-zoe-0123456789")
    assert zoe is not None
    other = who.session(zoe).split(".")[0]
    for forged in (
        f"{other}.{until}.{signature}",
        f"{name}.{int(until) + 1}.{signature}",
        "",
        "..",
        "a.b.c",
    ):
        assert who.viewer(forged, None) is None
    assert Access(SETTINGS).viewer(cookie, None) is None, "another process signs with another key"
    monkeypatch.setattr(access, "time", lambda: int(until) + 1)
    assert who.viewer(cookie, None) is None


def test_a_header_names_only_known_viewers() -> None:
    who = Access(BoardSettings(viewers=[ViewerSettings("ada")], user_header="X-Remote-User"))
    assert who.header_name() == "x-remote-user"
    assert who.viewer("", "ada") is not None
    assert who.viewer("", "eve") is None
    assert who.viewer("", None) is None


def test_settings_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(ValueError, match="needs a key"):
        Access(BoardSettings(viewers=[ViewerSettings("ada")]))
    with pytest.raises(ValueError, match="differ"):
        Access(
            BoardSettings(viewers=[ViewerSettings("a", "x" * 16), ViewerSettings("a", "y" * 16)])
        )


def test_nobody_named_is_open() -> None:
    who = Access(BoardSettings())
    assert who.open
    viewer = who.viewer(None, None)
    assert viewer is not None
    assert viewer.may_see_all
