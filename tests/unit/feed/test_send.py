"""Examples and files of `uptake send`, and the Avro form of compact events."""

from pathlib import Path
from typing import get_args

import msgspec
import pytest

from schemas.codec import Codec
from schemas.event import parse_events
from schemas.xapi.request import parse_statements
from uptake.feed.errors import FeedError
from uptake.feed.files import items
from uptake.feed.item import Item
from uptake.feed.kafka import flat
from uptake.feed.send import Source, example, read_file
from uptake.feed.target import read

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.mark.parametrize("source", get_args(Source))
def test_the_example_is_valid_at_its_door(source: Source) -> None:
    body = msgspec.json.encode(example(source))
    valid = parse_statements(body, 1) if source == "lms" else parse_events(source, body, 1)
    assert len(valid) == 1


@pytest.mark.parametrize(
    ("source", "file"),
    [("crm", "crm_pipeline/stages.csv"), ("ticketing", "servicenow/life.csv")],
)
def test_by_kafka_and_by_http_an_event_is_the_same(source: str, file: str) -> None:
    codec = Codec()
    for item in items(source, GOLDEN / file):
        by_http = codec.decode(parse_events(source, item.json(), 1)[0].value)
        by_kafka = codec.decode(codec.encode(flat(item)))
        by_kafka.verb, by_kafka.object_type = by_http.verb, by_http.object_type
        assert by_kafka == by_http


def test_fields_that_the_schema_has_not_are_refused() -> None:
    with pytest.raises(ValueError, match="colour"):
        flat(Item(1, 0, {**example("crm"), "colour": "red"}))


def test_a_file_is_an_array_or_lines(tmp_path: Path) -> None:
    events = [example("crm"), example("lms")]
    array, lines = tmp_path / "array.json", tmp_path / "lines.json"
    array.write_bytes(msgspec.json.encode(events))
    lines.write_bytes(b"\n".join(msgspec.json.encode(event) for event in events))
    for file in (array, lines):
        made = list(read_file(file))
        assert [msgspec.json.decode(item.json()) for item in made] == events
        assert [item.line for item in made] == [1, 2]


@pytest.mark.parametrize("text", [b"[1]", b"{", b"no", b'{"occurred_at": "tomorrow"}'])
def test_a_file_of_something_else_is_told(text: bytes, tmp_path: Path) -> None:
    file = tmp_path / "events.json"
    file.write_bytes(text)
    with pytest.raises(FeedError):
        list(read_file(file))


def test_run_json(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    with pytest.raises(FeedError, match="is Uptake running"):
        read(file)
    file.write_bytes(b'{"pid": 1}')
    with pytest.raises(FeedError, match="collector"):
        read(file)
    file.write_bytes(b'{"pid":1,"collector":"http://c","key":"hush","kafka":"k:1","board":null}')
    assert read(file).registry is None
    assert "hush" not in repr(read(file))
