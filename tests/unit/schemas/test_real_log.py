"""The real statements of a video course: every one is accepted."""

import gzip
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.records import Event
from schemas.vocabulary import Vocabulary
from schemas.xapi.request import parse_statements

ROOT = Path(__file__).parents[3]
LOG = Path(os.environ.get("REAL_LOGS", ROOT / "../shared/data")) / "lms-fun-mooc.jsonl.gz"


@pytest.mark.skipif(not LOG.exists(), reason="no real logs: set REAL_LOGS to their folder")
def test_all_statements_are_accepted(decode: Callable[[bytes], Event], words: Vocabulary) -> None:
    with gzip.open(LOG) as file:
        lines = [line.strip() for line in file]
    assert len(lines) == 15_000
    events = [decode(line) for line in lines]
    signals = Counter(words.signal(e.verb, e.object_type, e.attributes) for e in events)
    assert "unmapped" not in signals
    assert signals["video.played"] == 4_502
    assert len({event.event_id for event in events}) == 15_000
    assert len({event.parent for event in events}) == 2
    for start in range(0, 15_000, 500):
        part = lines[start : start + 500]
        prepared = parse_statements(b"[" + b",".join(part) + b"]", 500)
        assert [each.value for each in prepared] == part
