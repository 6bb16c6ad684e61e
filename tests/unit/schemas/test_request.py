"""What is posted to /xapi/statements."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from schemas.records import Event
from schemas.xapi.errors import Invalid
from schemas.xapi.request import parse_statement, parse_statements

ID = "9dc99b37-e920-4a68-a066-917faca28949"


def without(statement: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in statement.items() if name not in names}


def test_bytes_stay_as_sent(statement: dict[str, Any]) -> None:
    text = json.dumps(statement, indent=1).encode()
    for body in (text, b" \n" + text + b"\r\n", b" [ " + text + b" ] "):
        assert parse_statements(body, 1) == [(ID, text)]


def test_order_of_a_list_is_kept(statement: dict[str, Any]) -> None:
    names = [str(uuid.UUID(int=number)) for number in (5, 1, 3)]
    body = json.dumps([statement | {"id": name} for name in names]).encode()
    assert [each.id for each in parse_statements(body, 3)] == names
    assert parse_statements(b"[]", 3) == []


def test_an_id_is_put_in(statement: dict[str, Any], decode: Callable[[bytes], Event]) -> None:
    nameless = without(statement, "id")
    first, second = parse_statements(json.dumps([nameless, nameless]).encode(), 2)
    assert first == second, "equal facts, one id: the second is a duplicate, not a fault"
    assert json.loads(first.value) == nameless | {"id": first.id}
    assert decode(first.value).event_id == uuid.UUID(first.id).bytes


def test_without_time_the_id_is_random_and_says_so(
    statement: dict[str, Any], decode: Callable[[bytes], Event]
) -> None:
    nameless = without(statement, "id", "timestamp", "context")
    nameless["result"]["extensions"] = {"https://example.com/big": 10**30}
    first, second = parse_statements(json.dumps([nameless, nameless]).encode(), 2)
    assert first.id != second.id
    assert decode(first.value).attributes == {"id_basis": "random"}
    assert json.loads(first.value)["result"] == nameless["result"]


@pytest.mark.parametrize(
    ("body", "reason", "position"),
    [
        (b"", "empty", None),
        (b"  ", "empty", None),
        (b"[", "not-json", None),
        (b"[{}", "not-json", None),
        (b"[1]", "wrong-type", 0),
        (b'"x"', "wrong-type", None),
        (b"[{},{}]", "missing-field", 0),
        (b"[{},{},{}]", "too-many", None),
        (b"[" * 100_000, "too-deep", None),
    ],
)
def test_fault(body: bytes, reason: str, position: int | None) -> None:
    with pytest.raises(Invalid) as caught:
        parse_statements(body, 2)
    assert (caught.value.reason, caught.value.position) == (reason, position)


def test_one_bad_statement_refuses_all(statement: dict[str, Any]) -> None:
    other = statement | {"id": str(uuid.uuid4()), "version": "2.0.0"}
    with pytest.raises(Invalid) as caught:
        parse_statements(json.dumps([statement, other]).encode(), 2)
    assert (caught.value.reason, caught.value.position) == ("bad-version", 1)
    with pytest.raises(Invalid) as caught:
        parse_statements(json.dumps([statement, statement | {"id": ID.upper()}]).encode(), 2)
    assert (caught.value.reason, caught.value.position) == ("repeated-id", 1)


def test_put(statement: dict[str, Any]) -> None:
    text = json.dumps(statement).encode()
    assert parse_statement(text, ID.upper()) == (ID, text)
    put = parse_statement(json.dumps(without(statement, "id")).encode(), ID)
    assert json.loads(put.value) == statement
    for body, name in ((text, str(uuid.UUID(int=1))), (text, "x")):
        with pytest.raises(Invalid) as caught:
            parse_statement(body, name)
        assert caught.value.reason == "bad-id"
    with pytest.raises(Invalid):
        parse_statement(b"[" + text + b"]", ID)
