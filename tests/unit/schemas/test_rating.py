"""What is kept of ratings, whatever was sent."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import ids
from schemas.codec import FIRST_ID, Codec
from schemas.compact import CompactEvent
from schemas.decode import Decoder
from schemas.event import parse_events
from schemas.ratings import MAX_CRITERIA, SentRating, tags_of
from schemas.records import Event, decode_batch, encode
from schemas.xapi.errors import Invalid

RUBRICS = "https://w3id.org/xapi/acrossx/extensions/rubrics"
QUALITY = "http://id.tincanapi.com/extension/quality-rating"
OBSERVER = "http://id.tincanapi.com/extension/observer"
Decode = Callable[[bytes | None], Event]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@given(extension=st.sampled_from([RUBRICS, QUALITY, OBSERVER]), value=JSON)
def test_an_extension_may_hold_anything(decode: Decode, extension: str, value: object) -> None:
    """And what is kept of it can be packed, and holds no infinite number."""
    event = decode(json.dumps(statement({extension: value})).encode())
    kept = event.rating
    if kept is not None:
        assert len(kept.levels) <= MAX_CRITERIA
        assert all(abs(level) < float("inf") for level in kept.levels.values())
        assert len(kept.rater) in (0, 16)
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=Event) == event


def statement(extensions: dict[str, object], **more: object) -> dict[str, Any]:
    return {
        "id": "9dc99b37-e920-4a68-a066-917faca28949",
        "actor": {"account": {"homePage": "https://hr.example.com", "name": "u4711"}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/scored"},
        "object": {"id": "https://lms.example.com/s/7"},
        "context": {"extensions": extensions},
        "timestamp": "2026-11-22T15:04:05.123Z",
        **more,
    }


def test_a_rater_has_one_pseudonym_by_whatever_way(
    decode: Decode, decoder: Decoder, pseudonym: ids.Pseudonym
) -> None:
    """domain.md, section 1: the instructor, or the extension observer. And as a learner."""
    bob = {"mbox": "mailto:Bob@EXAMPLE.com"}
    ways = [
        statement({RUBRICS: {"a": 1}}, context={"instructor": bob, "extensions": {QUALITY: 1}}),
        statement({QUALITY: 1, OBSERVER: bob}),
        statement({QUALITY: 1, OBSERVER: "Bob@example.com"}),
        statement({QUALITY: 1, OBSERVER.replace("http:", "https:"): "Bob@EXAMPLE.com"}),
    ]
    raters = {getattr(decode(json.dumps(way).encode()).rating, "rater", None) for way in ways}
    event = {
        "occurred_at": "2026-01-05T09:30:00Z", "learner": "ann", "issuer": "https://hr.example",
        "verb": "adl:scored", "object": {"id": "x", "type": "act:performance"},
        "rating": {"rater": "Bob@EXAMPLE.com"},
    }  # fmt: skip
    value = parse_events("crm", json.dumps(event).encode(), 1)[0].value
    raters.add(getattr(decoder.decode(0, 0, 7, 0, 0, value).rating, "rater", None))
    assert raters == {pseudonym("mailto", "Bob@example.com")}
    event["rating"] = {"rater": "bob"}
    value = parse_events("crm", json.dumps(event).encode(), 1)[0].value
    kept = decoder.decode(0, 0, 7, 0, 0, value).rating
    assert kept is not None
    assert kept.rater == pseudonym("https://hr.example", "bob")


@pytest.mark.parametrize(
    ("result", "scale", "expected"),
    [
        ({"response": "b"}, ["a", "b", "c"], (2.0, 1.0, 3.0)),
        ({"response": "level-4"}, None, (4.0, None, None)),
        ({"response": "5"}, None, (5.0, None, None)),
        ({"response": "quite sure"}, None, None),
        ({"response": "1995"}, None, None),
        ({"response": "x", "score": {"raw": 2, "min": 0, "max": 4}}, ["a"], (2.0, 0.0, 4.0)),
        ({"response": "x", "score": {"raw": 0, "min": 0, "max": 0}}, None, None),
    ],
)
def test_levels_of_answers(
    decode: Decode,
    result: dict[str, object],
    scale: list[str] | None,
    expected: tuple[float, float | None, float | None] | None,
) -> None:
    """domain.md, section 1: result.response is the id of an item of the scale."""
    definition: dict[str, object] = {
        "type": "http://adlnet.gov/expapi/activities/cmi.interaction",
        "interactionType": "likert",
    }
    if scale is not None:
        definition["scale"] = [{"id": each} for each in scale]
    thing = {"id": "https://lms.example.com/q/1", "definition": definition}
    kept = decode(json.dumps(statement({}, object=thing, result=result)).encode()).rating
    found = None if kept is None else (kept.levels[""], kept.lowest, kept.highest)
    assert found == expected
    assert kept is None or kept.text_length is None


@given(text=st.text(max_size=80))
def test_of_a_text_only_its_length_and_listed_tags_are_kept(decode: Decode, text: str) -> None:
    thing = {"id": "https://lms.example.com/s/7"}
    sent = statement({}, object=thing, result={"response": f"{text} #Discovery #ann"})
    kept = decode(json.dumps(sent).encode()).rating
    assert kept is not None
    assert kept.text_length == len(f"{text} #Discovery #ann".strip())
    assert set(kept.tags) <= {"discovery", "listening"}


def test_tags_are_found_once_and_in_order() -> None:
    assert tags_of("#b #A #b, #a-b #c", ("a", "b", "a-b")) == ["b", "a", "a-b"]


@given(
    rating=st.builds(
        SentRating,
        levels=st.dictionaries(st.sampled_from(["", "a", "b"]), st.floats(1, 5)),
        lowest=st.just(1.0),
        highest=st.just(5.0),
        rater=st.sampled_from(["", "bob"]),
        rubric=st.sampled_from(["", "call"]),
        rubric_version=st.integers(0, 9),
        tags=st.lists(st.sampled_from(["x", "y-z"]), max_size=3),
        text_length=st.none() | st.integers(0, 1000),
    )
)
def test_avro_keeps_a_rating(rating: SentRating) -> None:
    event = CompactEvent(1_700_000_000_000, "ann", "adl:scored", "x", rating=rating)
    codec = Codec()
    assert codec.decode(codec.encode(event)) == event


def test_the_first_schema_is_still_read() -> None:
    """A rating is the last field, so what the first schema wrote is the same without it."""
    codec = Codec()
    event = CompactEvent(1_700_000_000_000, "ann", "as:resolve", "x", attributes={"a": True})
    value = codec.encode(event)
    assert value[-1:] == b"\0"
    assert codec.decode(b"\0" + FIRST_ID.to_bytes(4, "big") + value[5:-1]) == event


def test_ids_of_events_without_one_are_as_before() -> None:
    event = {
        "occurred_at": "2026-01-05T09:30:00Z", "learner": "a", "verb": "as:resolve",
        "object": {"id": "x", "type": "as:issue"},
    }  # fmt: skip
    plain, rated = (
        parse_events("crm", json.dumps({**event, **more}).encode(), 1)[0].id
        for more in ({}, {"rating": {"rater": "b"}})
    )
    assert plain == "32aa26c0-4cfb-53b1-a458-f85f86203a81"
    assert rated != plain


def test_a_batch_of_before_has_no_rating() -> None:
    """Records that were packed by the version before end with the cohort."""
    event = Event(2, 0, 5, 0, 20, bytes(16), bytes(16), 10, "v", "o", "t")
    batch = msgspec.msgpack.decode(encode(msgspec.convert([0, 0, []], list)))
    batch[2] = [msgspec.to_builtins(event, builtin_types=(bytes,))[:-1]]
    assert decode_batch(encode(batch)).events == [event]


@pytest.mark.parametrize(
    "rating",
    [
        {"levels": {"a@b.c": 1}}, {"levels": {"a": 6}, "lowest": 1, "highest": 5},
        {"lowest": 2, "highest": 2}, {"highest": 2}, {"rubric": "No Slug"}, {"rubric_version": -1},
        {"purpose": "for ann@example.com"}, {"tags": ["x"] * 11}, {"text_length": -1},
        {"rater": "x" * 1001}, {"rater": "a\nb"}, {"levels": {str(n): 1 for n in range(33)}},
        {"note": "text"},
    ],
)  # fmt: skip
def test_what_is_refused(rating: dict[str, object]) -> None:
    event = {
        "occurred_at": "2026-01-05T09:30:00Z", "learner": "a", "verb": "as:resolve",
        "object": {"id": "x", "type": "as:issue"}, "rating": rating,
    }  # fmt: skip
    with pytest.raises(Invalid):
        parse_events("crm", json.dumps(event).encode(), 1)
