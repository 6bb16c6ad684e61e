"""Directory files in three forms; errors that name line and column; nobody's name in a record."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import AssetEntry, LearnerEntry
from schemas.settings import PrivacySettings
from streams.intake import directory
from streams.intake.directory import DirectoryError, Entry
from streams.intake.pseudonym import pseudonymiser

PRIVACY = PrivacySettings(pseudonym_key="a key for tests only")
pseudonym = pseudonymiser(PRIVACY)
JANUARY = 1_767_225_600_000


def _entries(text: str, privacy: PrivacySettings = PRIVACY) -> list[Entry]:
    return directory.entries(text.encode(), privacy, pseudonym, 7)


EXPECTED: list[Entry] = [
    LearnerEntry(pseudonym("crm", "Ann"), "A", "Bo", "North", False, JANUARY, False, 7),
    LearnerEntry(pseudonym("mailto", "x@example.org"), "", "", "", True, 0, True, 7),
]


def test_csv() -> None:
    text = (
        "\ufefflearner,issuer,team,manager,region,eligible,since,removed\r\n"
        'Ann,crm,"A",Bo,North,no,2026-01-01,\r\n'
        "\r\n"
        "x@EXAMPLE.org,,,,,,,true\r\n"
    )
    assert _entries(text) == EXPECTED


@pytest.mark.parametrize("array", [True, False])
def test_json(array: bool) -> None:
    lines: list[dict[str, object]] = [
        {
            "learner": "Ann",
            "issuer": "crm",
            "team": "A",
            "manager": "Bo",
            "region": "North",
            "eligible": False,
            "since": JANUARY,
        },
        {"learner": "mailto:x@Example.org", "issuer": "mailto", "removed": True, "team": None},
    ]
    text = json.dumps(lines) if array else "\n\n".join(map(json.dumps, lines))
    assert _entries(text) == EXPECTED


def test_assets() -> None:
    assert _entries("asset_id,kind,module,title\nhttps://a,video,m,A film\n") == [
        AssetEntry("https://a", "video", "m", "A film", False, 7)
    ]


def test_a_manager_may_be_a_pseudonym() -> None:
    privacy = PrivacySettings(pseudonym_key=PRIVACY.pseudonym_key, manager_labels="pseudonym")
    [entry] = _entries("learner,issuer,manager\nAnn,crm,Bo\n", privacy)
    assert isinstance(entry, LearnerEntry)
    assert entry.manager == pseudonym("crm", "Bo").hex()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: there is nothing in it"),
        ("name,team\nAnn,A\n", "line 1: expected a column learner or asset_id"),
        ("learner,mangaer\nAnn,A\n", "line 1: expected columns among learner, issuer"),
        ("learner,team\nAnn\n", "line 2: expected 2 columns, found 1"),
        ("learner,issuer\nAnn,crm\n,crm\n", "line 3, column learner: required"),
        ("learner\nAnn\n", "line 2, column issuer: required where learner is no mail address"),
        ("learner,issuer,eligible\nAnn,crm,maybe\n", "line 2, column eligible: expected true or"),
        ("learner,issuer,since\nAnn,crm,soon\n", "line 2, column since: expected a date"),
        ("learner,issuer,team\nAnn,crm,a\x07\n", "line 2, column team: expected text without"),
        (f"learner,team\na@b.c,{'x' * 201}\n", "line 2, column team: expected at most 200"),
        ('{"learner": 5}', "line 1, column learner: expected text"),
        ('{"learner": "a@b.c"}\n{"learner": ', "line 2: expected JSON"),
        ("[1]", "line 1: expected an object"),
        ('{"asset_id": " "}', "line 1, column asset_id: required"),
        ('{"learner": "a@b.c", "since": -1}', "line 1, column since: expected milliseconds"),
        ("[" * 100_000, "line 1: expected JSON"),
    ],
)
def test_errors_name_line_and_column(text: str, message: str) -> None:
    with pytest.raises(DirectoryError) as found:
        _entries(text)
    assert str(found.value).startswith(message)


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(DirectoryError, match="line 2: expected text in UTF-8"):
        directory.entries(b"learner\n\xff\xfe\n", PRIVACY, pseudonym, 7)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_entries_or_an_error(data: bytes) -> None:
    with suppress(DirectoryError):
        assert directory.entries(data, PRIVACY, pseudonym, 7)


def test_records_hold_no_identifier_and_come_back() -> None:
    for entry in [*EXPECTED, AssetEntry("https://a", "video", changed_at=7)]:
        key, value = directory.record(entry)
        assert b"Ann" not in key + value
        assert b"example" not in key + value
        assert directory.entry_of(key, value, 9) == entry


def test_a_record_without_value_removes() -> None:
    key, _ = directory.record(EXPECTED[0])
    assert directory.entry_of(key, None, 9) == LearnerEntry(
        pseudonym("crm", "Ann"), removed=True, changed_at=9
    )
    assert directory.entry_of(b"asset/x", None, 9) == AssetEntry("x", removed=True, changed_at=9)


@pytest.mark.parametrize(
    ("key", "value"),
    [(None, b"\x90"), (b"learner/zz", None), (b"x/1", b"\x90"), (b"learner/00", b"?"), (b"", None)],
)
def test_what_is_no_record_of_the_directory(key: bytes | None, value: bytes | None) -> None:
    with pytest.raises((ValueError, UnicodeDecodeError)):
        directory.entry_of(key, value, 9)


def test_a_record_about_somebody_else() -> None:
    _, value = directory.record(EXPECTED[0])
    with pytest.raises(ValueError, match="different learners"):
        directory.entry_of(directory.record(EXPECTED[1])[0], value, 9)
