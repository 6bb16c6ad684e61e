"""The document of the topics says what is true."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from schemas import codec, topics
from schemas.compact import CompactEvent
from schemas.records import DeadLetter, Event, decode_dead_letter, encode
from schemas.xapi.errors import REASONS, Invalid

ROOT = Path(__file__).parents[3]
DOCUMENT: Any = yaml.safe_load((ROOT / "docs/asyncapi.yaml").read_bytes())
MESSAGES = DOCUMENT["components"]["messages"]
Decode = Callable[[bytes | None], Event]


def payloads(message: str) -> list[Any]:
    return [example["payload"] for example in MESSAGES[message]["examples"]]


def test_channels_are_the_public_topics() -> None:
    assert set(DOCUMENT["channels"]) == {*topics.EVENTS, topics.DEAD_LETTERS}
    assert all(name == channel["address"] for name, channel in DOCUMENT["channels"].items())


def test_references_lead_somewhere() -> None:
    def check(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                file, _, path = value["$ref"].partition("#/")
                target = DOCUMENT
                for part in path.split("/") if not file else []:
                    target = target[part]
                assert not file or (ROOT / "docs" / file).resolve().exists()
            for each in value.values():
                check(each)

    check(DOCUMENT)


def test_statements_decode(decode: Decode) -> None:
    for payload in payloads("statement"):
        assert decode(json.dumps(payload).encode()).learner


def test_events_decode(decode: Decode) -> None:
    fields = {field["name"] for field in codec._EVENT["fields"]}
    assert fields == set(CompactEvent.__struct_fields__)
    for payload in payloads("event"):
        assert set(payload) == fields
        value = codec.Codec().encode(msgspec.convert(payload, CompactEvent))
        assert decode(value).occurred_at == payload["occurred_at"]
    assert str(codec.BUNDLED_ID) in MESSAGES["event"]["description"]


def test_dead_letters_decode_and_are_dead(decode: Decode) -> None:
    items = MESSAGES["deadLetter"]["payload"]["items"]
    assert [item["title"] for item in items] == list(DeadLetter.__struct_fields__)
    assert set(items[4]["enum"]) == REASONS
    for payload in payloads("deadLetter"):
        payload[12] = payload[12].encode()
        letter = DeadLetter(*payload)
        assert decode_dead_letter(encode(letter)) == letter
        with pytest.raises(Invalid) as caught:
            decode(letter.value)
        assert (caught.value.reason, caught.value.detail) == (letter.reason, letter.detail)
