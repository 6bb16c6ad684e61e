"""Whatever arrives, the answer is an event or Invalid, and the same in every run."""

import contextlib
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import msgpack

from schemas.codec import BUNDLED_ID, Codec
from schemas.compact import CompactEvent
from schemas.decode import Decoder
from schemas.event import parse_events
from schemas.records import Event
from schemas.vocabulary import Vocabulary
from schemas.xapi.errors import REASONS, Invalid
from schemas.xapi.request import parse_statements

Decode = Callable[[bytes | None], Event]
NASTY: list[Any] = [
    *(None, True, 0, -1, 1.5, 10**18, 10**30, "", "\0", "x" * 5_000, "\u202e", [], {}),
    *({"x": 1}, [[[[]]]], "mailto:", "mailto:a@b", "P1", "1.0", "-00:00", {"objectType": "Group"}),
]
AVRO = Codec().encode(
    CompactEvent(1_795_359_845_123, "ann", "as:resolve", "INC1", attributes={"a": 1, "b": "c"})
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    yield path
    if isinstance(value, dict):
        for key, each in value.items():
            yield from paths(each, (*path, key))


def broken(statement: dict[str, Any], chance: random.Random) -> bytes:
    """The statement with one thing wrong: in its values, its keys, its text or its bytes."""
    changed = json.loads(json.dumps(statement))
    *parents, last = chance.choice([path for path in paths(statement) if path])
    inner = changed
    for key in parents:
        inner = inner[key]
    match chance.randrange(4):
        case 0:
            inner[last] = chance.choice(NASTY)
        case 1:
            inner[str(chance.choice(NASTY))[:50]] = inner.pop(last)
        case 2:
            inner[last + "X"] = 1
    value = bytearray(json.dumps(changed, ensure_ascii=chance.random() < 0.5).encode())
    return mangled(value, chance)


def mangled(value: bytearray, chance: random.Random) -> bytes:
    """Half of the time: cut, a byte changed, doubled, put in or repeated."""
    place = chance.randrange(len(value))
    match chance.randrange(10):
        case 0:
            del value[place:]
        case 1:
            value[place] = chance.randrange(256)
        case 2:
            value += bytes(value)
        case 3:
            value[place:place] = chance.choice([b"\0", b"\xff\xfe", b"\\ud800", b"NaN", b"[{" * 99])
        case 4:
            value[place:place] = value[place : place + chance.randrange(40)]
    return bytes(value)


def test_ten_thousand_broken_values(
    decode: Decode, statement: dict[str, Any], words: Vocabulary, pseudonym: Any
) -> None:
    chance = random.Random(20_261_122)
    again = Decoder(words, pseudonym)
    outcomes: dict[str, int] = {}
    for number in range(10_000):
        avro = number % 4 == 0
        value = mangled(bytearray(AVRO), chance) if avro else broken(statement, chance)
        outcome = answer(decode, value)
        assert outcome == answer(
            lambda value: again.decode(2, 0, 7, 0, 1_800_000_000_000, value), value
        )
        outcomes[outcome[0]] = outcomes.get(outcome[0], 0) + 1
    assert set(outcomes) <= REASONS | {"event"}
    assert outcomes["event"] > 1_000
    assert {"not-json", "not-avro", "unknown-field", "bad-iri", "wrong-type"} <= set(outcomes)


def answer(decode: Decode, value: bytes) -> tuple[str, bytes]:
    """("event", its record) or (reason, detail)."""
    try:
        return "event", msgpack.encode(decode(value))
    except Invalid as invalid:
        return invalid.reason, invalid.detail.encode()


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)


@given(st.binary(max_size=200))
def test_any_bytes(value: bytes) -> None:
    body = b"\0" + BUNDLED_ID.to_bytes(4, "big") + value
    for run in (parse_statements, lambda b, n: parse_events("crm", b, n)):
        with contextlib.suppress(Invalid):
            run(value, 10)
    with contextlib.suppress(Invalid):
        Codec().decode(body)


@given(anything, st.sampled_from(["actor", "verb", "object", "result", "context", "attachments"]))
def test_any_json_in_any_place(value: Any, place: str) -> None:
    sent = {
        "actor": {"openid": "https://example.com/a"},
        "verb": {"id": "https://example.com/v"},
        "object": {"id": "https://example.com/o"},
        "timestamp": "2026-11-22T15:04:05Z",
    }
    for body in (sent | {place: value}, {place: {"extensions": {"x:y": value}}} | sent):
        with contextlib.suppress(Invalid):
            parse_statements(json.dumps(body).encode(), 1)


@given(anything)
def test_any_value_in_extensions_is_kept_out_of_the_way(value: Any) -> None:
    sent = {
        "actor": {"openid": "https://example.com/a"},
        "verb": {"id": "https://example.com/v"},
        "object": {"id": "https://example.com/o"},
        "context": {"extensions": {"https://w3id.org/uptake/ext/x": value}},
        "timestamp": "2026-11-22T15:04:05Z",
    }
    assert len(parse_statements(json.dumps(sent).encode(), 1)) == 1
