"""The examples beside the schemas, in pairs: what is sent, and what must come of it."""

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict

from schemas import ids
from schemas.decode import Decoder
from schemas.event import parse_events
from schemas.records import Event
from schemas.topics import SOURCES
from schemas.vocabulary import Vocabulary
from schemas.xapi.errors import Invalid
from schemas.xapi.request import parse_statements

FOLDER = Path(str(files("schemas").joinpath("examples")))
SENT = sorted(path for path in FOLDER.glob("*.json") if not path.stem.endswith(".expected"))
EXPECTED = sorted(FOLDER.glob("*.expected.json"))
RECEIVED_AT = 1_800_000_000_000
NOT_FACTS = {
    "source",
    "partition",
    "offset",
    "generation",
    "received_at",
    "cohort",
    "module",
    "voided",
}


def expectation(sent: Path) -> Any:
    path = sent.with_suffix(".expected.json")
    if not path.exists():
        pytest.fail(f"{sent.name} has no expectation {path.name}")
    return json.loads(path.read_bytes())


def test_every_expectation_belongs_to_an_example() -> None:
    assert [path.name.replace(".expected", "") for path in EXPECTED] == [p.name for p in SENT]


@pytest.mark.parametrize("sent", SENT, ids=lambda path: path.stem)
def test_example(
    sent: Path, decoder: Decoder, words: Vocabulary, pseudonym: Callable[[str, str], bytes]
) -> None:
    expected = expectation(sent)
    source = expected.get("source", "lms")

    def run() -> Event:
        value = sent.read_bytes()
        if sent.stem.startswith("event-"):
            value = parse_events(source, value, 1, ids.namespace(pseudonym))[0].value
        return decoder.decode(SOURCES.index(source), 0, 7, 0, RECEIVED_AT, value)

    if "invalid" in expected:
        with pytest.raises(Invalid) as caught:
            run()
        found = {"reason": caught.value.reason, "field": caught.value.field}
        assert found == expected["invalid"]
        return
    event = run()
    facts = {k: getattr(event, k) for k in event.__struct_fields__ if k not in NOT_FACTS}
    if facts.pop("rating") is not None:
        assert event.rating is not None
        facts["rating"] = {**asdict(event.rating), "rater": event.rating.rater.hex()}
    facts["event_id"] = event.event_id.hex()
    facts["learner"] = event.learner.hex()
    facts["signal"] = words.signal(event.verb, event.object_type, event.attributes)
    assert facts == expected["event"]


STATEMENTS = [path for path in SENT if path.stem.startswith("statement-")]


@pytest.mark.parametrize("sent", STATEMENTS, ids=lambda path: path.stem)
def test_collector_and_intake_agree(sent: Path, decoder: Decoder) -> None:
    """What the collector takes, intake takes; what it refuses, intake would refuse alike."""
    value = sent.read_bytes()
    if "invalid" in expectation(sent):
        with pytest.raises(Invalid) as refused:
            parse_statements(value, 1)
        with pytest.raises(Invalid) as dead:
            decoder.decode(2, 0, 7, 0, RECEIVED_AT, value)
        assert str(dead.value) == str(refused.value)
        return
    prepared = parse_statements(value, 1)[0]
    event = decoder.decode(2, 0, 7, 0, RECEIVED_AT, prepared.value)
    assert event.event_id.hex() == prepared.id.replace("-", "")
