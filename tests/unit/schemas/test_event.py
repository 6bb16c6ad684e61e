"""The compact event: JSON in, Avro out, and back."""

import io
import json
import uuid
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import codec, event
from schemas.codec import BUNDLED_ID, Codec
from schemas.compact import CompactEvent
from schemas.xapi.errors import Invalid

SENT: dict[str, Any] = {
    "occurred_at": "2026-11-22T15:04:05Z",
    "learner": "agent 7",
    "verb": "as:resolve",
    "object": {"id": "INC1", "type": "as:issue"},
}

texts = st.text(st.characters(codec="utf-8"), max_size=50)
events = st.builds(
    CompactEvent,
    occurred_at=st.integers(0, 4_000_000_000_000),
    learner=texts,
    verb=texts,
    object_id=texts,
    id=st.uuids().map(str),
    issuer=texts,
    object_type=texts,
    parent=texts,
    success=st.none() | st.booleans(),
    completion=st.none() | st.booleans(),
    score=st.none() | st.floats(-1, 1),
    duration_ms=st.none() | st.integers(0, 10**12),
    attributes=st.dictionaries(
        texts,
        st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | texts,
        max_size=5,
    ),
)


@given(events)
def test_avro_there_and_back(sent: CompactEvent) -> None:
    value = Codec().encode(sent)
    assert value[:5] == b"\0" + BUNDLED_ID.to_bytes(4, "big")
    found = Codec().decode(value)
    assert found == sent
    kinds = {name: type(each) for name, each in sent.attributes.items()}
    assert {name: type(each) for name, each in found.attributes.items()} == kinds


def body(*changes: dict[str, Any]) -> bytes:
    return json.dumps([SENT | change for change in changes]).encode()


def test_ids_come_from_the_facts() -> None:
    one = event.parse_events("crm", body({}), 10)[0].id
    same = body({"occurred_at": "2026-11-22T16:04:05.000+01:00", "score": None, "issuer": "crm"})
    assert event.parse_events("crm", same, 10)[0].id == one
    assert uuid.UUID(one).version == 5
    others = body({"learner": "agent 8"}, {"score": 0.5}, {"attributes": {"a": 1}})
    ids = {each.id for each in event.parse_events("crm", others, 10)}
    ids |= {one, event.parse_events("lms", body({}), 10)[0].id}
    assert len(ids) == 5


def test_all_or_nothing_and_in_order() -> None:
    names = [str(uuid.UUID(int=number)) for number in (3, 1, 2)]
    sent = body(*({"id": name} for name in names))
    assert [each.id for each in event.parse_events("crm", sent, 3)] == names
    with pytest.raises(Invalid, match="at most 2"):
        event.parse_events("crm", sent, 2)
    with pytest.raises(Invalid) as caught:
        event.parse_events("crm", body({}, {"score": 2}), 10)
    assert (caught.value.position, caught.value.reason) == (1, "bad-score")
    with pytest.raises(Invalid) as caught:
        event.parse_events("crm", body({"id": names[0]}, {"id": names[0].upper()}), 10)
    assert (caught.value.position, caught.value.reason) == (1, "repeated-id")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"learner": ""}, "learner"),
        ({"learner": "a\0b"}, "learner"),
        ({"learner": "ann", "issuer": "mailto"}, "learner"),
        ({"issuer": "x" * 1_001}, "issuer"),
        ({"id": "INC1"}, "id"),
        ({"object": {"id": "a\nb", "type": "as:issue"}}, "object.id"),
        ({"object": {"id": "a", "type": "issue"}}, "object.type"),
        ({"object": "a"}, "object"),
        ({"parent": "a\tb"}, "parent"),
        ({"score": 1.0001}, "score"),
        ({"duration_ms": -1}, "duration_ms"),
        ({"duration_ms": 1.5}, "duration_ms"),
        ({"occurred_at": 1_795_359_845}, "occurred_at"),
        ({"attributes": {f"a{n}": n for n in range(33)}}, "attributes"),
        ({"attributes": {"9": 1}}, "attributes"),
        ({"attributes": {"a": "x" * 201}}, "attributes.a"),
        ({"attributes": {"a": 2**63}}, "attributes.a"),
        ({"attributes": {"a": None}}, "attributes[...]"),
        ({"attributes": {"a": []}}, "attributes[...]"),
    ],
)
def test_fault_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        event.read_event(json.dumps(SENT | change).encode())
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\0", "not-avro"),
        (b"\0\0\0\0\1", "unknown-schema"),
        (b"\0" + BUNDLED_ID.to_bytes(4, "big"), "not-avro"),
        (b"\0" + BUNDLED_ID.to_bytes(4, "big") + b"\xff" * 40, "not-avro"),
    ],
)
def test_framing(value: bytes, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        Codec().decode(value)
    assert caught.value.reason == reason


def test_nothing_may_follow_the_record() -> None:
    value = event.parse_events("crm", body({}), 1)[0].value
    with pytest.raises(Invalid, match="nothing behind"):
        Codec().decode(value + b"\0")


class FakeRegistry:
    """A registry that knows one older and one newer schema, and a wrong one."""

    older: Any = {
        "type": "record",
        "name": "Event",
        "namespace": "uptake",
        "fields": [
            {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "learner", "type": "string"},
            {"name": "verb", "type": "string"},
            {"name": "object_id", "type": "string"},
            {"name": "new_field", "type": "int"},
        ],
    }

    def __init__(self, asked: list[int]) -> None:
        self._asked = asked

    def schema(self, schema_id: int) -> str:
        self._asked.append(schema_id)
        if schema_id == 3:
            return json.dumps(self.older).replace("timestamp-millis", "timestamp-micros")
        return json.dumps(self.older) if schema_id == 2 else '"string"'

    def register(self, text: str) -> int:
        return 1


def test_other_schemas_are_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(codec, "_Registry", lambda url: FakeRegistry(asked))
    here = Codec("http://registry.invalid")
    out = io.BytesIO(b"\0\0\0\0\2")
    out.seek(5)
    facts = {"occurred_at": 5, "learner": "a", "verb": "as:x", "object_id": "o", "new_field": 1}
    fastavro.schemaless_writer(out, codec.without_logical_types(FakeRegistry.older), facts)
    for _ in range(2):
        assert here.decode(out.getvalue()) == CompactEvent(5, "a", "as:x", "o")
    assert asked == [2]
    for schema_id in (3, 4):
        with pytest.raises(Invalid) as caught:
            here.decode(b"\0\0\0\0" + bytes([schema_id]) + out.getvalue()[5:])
        assert caught.value.reason == "unknown-schema"
    assert here.encode(CompactEvent(5, "a", "as:x", "o"))[:5] == b"\0\0\0\0\1"
