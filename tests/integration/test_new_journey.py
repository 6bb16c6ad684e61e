"""A new journey takes lines of the catalog: through a real broker and the store, to rows of the
view `indicators`; also when events are taken back, by whom and in which order ever."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from tests.fixtures.exact import settle
from tests.fixtures.running import Running

LINES = Path(__file__).parents[1] / "fixtures" / "new_journey.toml"
SCENARIO = "http://id.tincanapi.com/activitytype/scenario"
ALERT = "http://activitystrea.ms/alert"
WRONG = "7f9c1a52-0b5e-4c59-9d1f-0d0a61f0a001"
LATE = "7f9c1a52-0b5e-4c59-9d1f-0d0a61f0a002"


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    file = tmp_path / "catalog.toml"
    bundled = (files("streams.catalog") / "catalog.toml").read_text("utf-8")
    file.write_text(bundled + LINES.read_text("utf-8"), "utf-8")
    monkeypatch.setenv("UPTAKE_WORKER_CATALOG", str(file))
    with Running(tmp_path / "data", "embedded") as up:
        yield up


def _event(
    who: str, at: str, verb: str, thing: str, kind: str, **attributes: object
) -> dict[str, object]:
    return {
        "occurred_at": f"2026-03-{at}:00Z",
        "learner": who,
        "verb": verb,
        "object": {"id": thing, "type": kind},
        "attributes": attributes,
    }


def _voiding(who: str, target: str) -> dict[str, object]:
    return _event(who, "04T10:00", "adl:voided", target, "as:note", voids=target)


def test_rows_come_out(running: Running) -> None:
    noted = "adl:commented"
    running.send(
        "/events/lms",
        [
            _event("ann", "02T10:00", noted, "n1", "as:note", lesson="a", mood="good"),
            _event(
                "ann", "03T10:00", "adl:answered", "q", "act:cmi.interaction", lesson="a",
                interaction="likert",
            ),
            _event("bob", "02T10:00", noted, "n2", "as:note", lesson="a", mood="bad"),
            _event("bob", "02T11:00", noted, "n3", "as:note", lesson="b", mood="good"),
            {**_event("bob", "02T09:00", noted, "n4", "as:note", lesson="a"), "id": WRONG},
            _voiding("boss", LATE),
        ],
    )  # fmt: skip
    settle(running)
    running.send(
        "/events/lms",
        [
            _voiding("boss", WRONG),
            _voiding("bob", WRONG),
            {**_event("bob", "02T08:00", noted, "n5", "as:note", lesson="c"), "id": LATE},
        ],
    )
    place = {"moment": "t1", "placement": "sidebar", "prompt": "ask-first"}
    running.send(
        "/events/ticketing",
        [
            _event("ann", "02T10:00", "as:assign", "t1", "as:issue"),
            _event("ann", "02T10:01", "as:receive", "g1", ALERT, **place),
            _event("ann", "02T10:02", "as:accept", "g1", ALERT, **place),
            _event("bob", "02T10:30", "as:receive", "g2", ALERT, **place),
        ],
    )
    settle(running)
    rows = running.rows(
        "SELECT indicator, cohort_kind, cohort, toInt32(numerator), toInt32(denominator),"
        " toInt32(people) FROM indicators WHERE window = '28d'"
        " AND window_end = '2026-03-03 00:00:00' AND indicator IN ('notes_taken',"
        " 'note_to_confidence', 'nudge_action_rate',"
        " 'nudge_time_to_act', 'moment_precision')"
    )
    found = {tuple(row[:3]): row[3:] for row in rows}
    assert found["notes_taken", "all", "all"] == [3, None, 2]
    assert found["notes_taken", "mood", "good"] == [2, None, 2]
    assert found["note_to_confidence", "tool+mood", "lms+good"] == [1, 2, 2]
    assert found["nudge_action_rate", "tool+placement", "ticketing+sidebar"] == [1, 2, 2]
    assert found["nudge_time_to_act", "placement+delay", "sidebar+1m"] == [1, None, 1]
    assert found["nudge_time_to_act", "placement+delay", "sidebar+never"] == [1, None, 1]
    assert found["moment_precision", "prompt", "ask-first"] == [2, 2, 2]
    gone = running.rows("SELECT toString(event_id) FROM events WHERE voided ORDER BY object_id")
    assert gone == [[WRONG], [LATE]]
