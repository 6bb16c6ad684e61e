"""Rules of domain knowledge beyond the examples: each way to break a statement, one at a time."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from schemas.decode import Decoder
from schemas.records import Event
from schemas.xapi.errors import REASONS, Invalid, from_msgspec
from schemas.xapi.read import read

Decode = Callable[[bytes | None], Event]
SECRET = "ann.lee@example.com"
AGENT = {"mbox": "mailto:" + SECRET}
MODULE = {"id": "https://lms.example.com/modules/17"}


def put(statement: dict[str, Any], path: str, value: Any) -> bytes:
    """The statement with a value at a dotted path, as JSON."""
    changed = copy.deepcopy(statement)
    *parents, last = path.split(".")
    inner = changed
    for name in parents:
        inner = inner.setdefault(name, {})
    inner[last] = value
    return json.dumps(changed).encode()


FAULTS = [
    ("actor", AGENT | {"openid": "https://a.example"}, "bad-actor", "actor"),
    ("actor", AGENT | {"member": []}, "unknown-field", "actor"),
    ("actor", {"mbox_sha1sum": "abc"}, "bad-actor", "actor.mbox_sha1sum"),
    ("actor", {"openid": "ann"}, "bad-iri", "actor.openid"),
    ("actor", {"account": {"homePage": "hr", "name": "a"}}, "bad-iri", "actor.account.homePage"),
    ("actor.account.name", "", "bad-actor", "actor.account.name"),
    ("actor.account.name", 4711, "wrong-type", "actor.account.name"),
    ("actor", AGENT | {"objectType": "group"}, "bad-value", "actor.objectType"),
    ("actor", {"objectType": "Group", "member": []}, "bad-actor", "actor.member"),
    (
        "actor",
        {"objectType": "Group", "member": [AGENT, {}]},
        "bad-actor",
        "actor.member[1]",
    ),
    ("verb.display", {"not a tag": "x"}, "bad-value", "verb.display"),
    ("verb.display", {"en": None}, "wrong-type", "verb.display[...]"),
    ("object.id", "has blank: x", "bad-iri", "object.id"),
    ("object.id", "x:" + "y" * 2_000, "bad-iri", "object.id"),
    ("object.definition.moreInfo", "here", "bad-iri", "object.definition.moreInfo"),
    ("object.definition.extensions", {"x": 1}, "bad-iri", "object.definition.extensions"),
    (
        "object.definition.interactionType",
        "Choice",
        "bad-value",
        "object.definition.interactionType",
    ),
    ("object", {"objectType": "StatementRef", "id": "x"}, "bad-id", "object.id"),
    ("object", AGENT, "unknown-field", "object"),
    ("result.score.scaled", -1.0001, "bad-score", "result.score.scaled"),
    ("result.score", {"raw": 1, "max": 0}, "bad-score", "result.score.raw"),
    ("result.score", {"min": 1, "max": 0}, "bad-score", "result.score.min"),
    ("result.score", {"raw": True}, "wrong-type", "result.score.raw"),
    ("result.success", "true", "wrong-type", "result.success"),
    ("result.duration", "PT", "bad-duration", "result.duration"),
    ("context.registration", "x", "bad-id", "context.registration"),
    ("context.team", AGENT, "bad-actor", "context.team"),
    ("context.instructor", {}, "bad-actor", "context.instructor"),
    ("context.language", "e n", "bad-value", "context.language"),
    ("context.statement", {"id": "x"}, "missing-field", "context.statement.objectType"),
    ("context.contextActivities", {"parents": []}, "unknown-field", "context.contextActivities"),
    ("context.contextAgents", [], "unknown-field", "context"),
    ("authority", {"objectType": "Group", "member": [AGENT]}, "bad-actor", "authority.member"),
    ("stored", "now", "bad-time", "stored"),
    ("version", "1.0", "bad-version", "version"),
    ("version", "1.1.0", "bad-version", "version"),
    ("version", None, "wrong-type", "version"),
    ("attachments", [{}], "missing-field", "attachments[0].usageType"),
]


@pytest.mark.parametrize(("path", "value", "reason", "field"), FAULTS)
def test_fault_is_named(
    decode: Decode, statement: dict[str, Any], path: str, value: Any, reason: str, field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        decode(put(statement, path, value))
    assert (caught.value.reason, caught.value.field) == (reason, field)
    assert caught.value.rule
    assert SECRET not in str(caught.value)


FINE = [
    ("version", "1.0.9"),
    ("version", "1.0.0"),
    ("result.score", {"scaled": -1, "raw": 0, "min": 0, "max": 0}),
    ("result.score", {"scaled": 0.9, "raw": 1, "min": 0, "max": 100}),
    ("result.extensions", {"https://example.com/x": None}),
    ("result.extensions", {"https://example.com/x": {"deep": [1, None, {"er": []}]}}),
    ("object.definition.name", {"und": "A", "zh-Hant-TW": "B"}),
    ("object.definition.interactionType", "other"),
    ("object", {"objectType": "Group", "member": [AGENT]}),
    ("context.contextActivities", {"parent": [], "grouping": MODULE}),
    ("context.team", {"objectType": "Group", "mbox": "mailto:team@example.com"}),
    ("timestamp", "2026-11-22T15:04:05"),
]


@pytest.mark.parametrize(("path", "value"), FINE)
def test_legal_though_unusual(
    decode: Decode, statement: dict[str, Any], path: str, value: Any
) -> None:
    if path == "object":
        del statement["context"]
    decode(put(statement, path, value))


@pytest.mark.parametrize(
    ("received_at", "fine"),
    [(0, True), (4_102_444_799_999, True), (4_102_444_800_000, False), (2**62, False)],
)
def test_without_a_timestamp_the_time_of_the_record_must_be_one(
    decoder: Decoder, statement: dict[str, Any], received_at: int, fine: bool
) -> None:
    dated = json.dumps(statement).encode()
    del statement["timestamp"]
    undated = json.dumps(statement).encode()
    assert decoder.decode(2, 0, 7, 0, received_at, dated).received_at == received_at
    if fine:
        assert decoder.decode(2, 0, 7, 0, received_at, undated).occurred_at == received_at
    else:
        with pytest.raises(Invalid, match="bad-time"):
            decoder.decode(2, 0, 7, 0, received_at, undated)


@pytest.mark.parametrize(
    ("depth", "fine"), [(1, True), (63, True), (64, False), (500, False), (100_000, False)]
)
def test_depth_has_a_fixed_limit(
    decode: Decode, statement: dict[str, Any], depth: int, fine: bool
) -> None:
    text = json.dumps(statement).replace('"lms"}', '"lms","extensions":{"x:y":DEEP}}')
    value = text.replace("DEEP", "[" * depth + "]" * depth).encode()
    if fine:
        decode(value)
        return
    with pytest.raises(Invalid) as caught:
        decode(value)
    assert caught.value.reason == "too-deep"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b"hello", "not-json"),
        (b"[]", "wrong-type"),
        (b"\xef\xbb\xbf{}", "not-json"),
        (b'{"id":"\xff"}', "not-json"),
        (b'{"id":"\\ud800"}', "not-json"),
        (b'{"id":NaN}', "not-json"),
        (b"{}", "missing-field"),
        (b"{}{}", "missing-field"),
        (b" " * 1_000_001, "too-large"),
        ("{}".encode("utf-16"), "not-json"),
    ],
)
def test_no_statement_at_all(decode: Decode, value: bytes | None, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        decode(value)
    assert caught.value.reason == reason


def test_numbers_beyond_all_bounds(decode: Decode, statement: dict[str, Any]) -> None:
    for number in ("1e400", "-1e400"):
        value = json.dumps(statement).replace("0.73", number).encode()
        with pytest.raises(Invalid):
            decode(value)
    own = {"https://w3id.org/uptake/ext/big": 10**30}
    event = decode(put(statement, "context.extensions", own))
    assert event.attributes == {}


def test_personal_keys_are_not_repeated(statement: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        read(put(statement, SECRET.replace(".", "_"), 1))
    assert "unknown key" in caught.value.rule
    assert "ann" not in str(caught.value)


def test_reasons_are_a_closed_list() -> None:
    assert {"not-json", "bad-actor", "repeated-id"} <= REASONS
    assert str(Invalid("bad-iri", "verb.id", "an IRI").at(3)) == "[3] verb.id: an IRI (bad-iri)"


def test_messages_of_msgspec_are_understood() -> None:
    """If its texts change, reasons would quietly become vague."""
    import msgspec

    error = msgspec.ValidationError("Expected `str`, got `int` - at `$.actor.name`")
    assert from_msgspec(error).field == "actor.name"
    assert from_msgspec(msgspec.ValidationError("something new")).reason == "bad-value"
