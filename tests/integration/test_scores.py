"""From requests to rows of the view `scores`, on the embedded store."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from reports.board.read import EVERYBODY
from reports.stories.render import markdown
from reports.stories.story import story
from schemas.records import Enriched, EnrichedEvent
from schemas.settings import Settings
from schemas.topics import DIRECTORY
from sinks.clickhouse import ratings
from sinks.clickhouse.tables import INSERTED
from streams.catalog import load as load_catalog
from streams.intake import directory, restore, stored
from streams.intake import store as read_store
from tests.fixtures.short_way import ShortWay
from tests.fixtures.store import StoreProcess, running_store
from tests.unit.collector.client import Written
from uptake.challenges.assets import entries
from uptake.challenges.definition import load
from uptake.challenges.lint import lint
from uptake.reconcile.contributions import Times, contributions, groups
from uptake.repair import voids

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
ISSUER = "https://hr.example.com"
RUBRICS = "https://w3id.org/xapi/acrossx/extensions/rubrics"
QUALITY = "http://id.tincanapi.com/extension/quality-rating"
SUBMISSION = "https://w3id.org/uptake/types/submission"


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    with running_store(tmp_path_factory.mktemp("store")) as found:
        yield found


@pytest.fixture
def way(process: StoreProcess) -> Iterator[ShortWay]:
    """A database of its own for each test."""
    name = f"t{random.getrandbits(48)}"
    clickhouse = msgspec.structs.replace(process.settings, database=name)
    made = ShortWay(Settings(clickhouse=clickhouse))
    yield made
    made.store.close()


def statement(number: int, who: str, verb: str, thing: str, kind: str, **more: Any) -> Any:
    return {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "actor": {"account": {"homePage": ISSUER, "name": who}},
        "verb": {"id": verb},
        "object": {"id": thing, "definition": {"type": kind}},
        "timestamp": f"2026-11-02T10:{number:02}:00Z",
        **more,
    }


def check(number: int, levels: dict[str, int], **more: Any) -> Any:
    return statement(
        number, "ann", "http://adlnet.gov/expapi/verbs/scored", "https://lms.example/s/7",
        "http://id.tincanapi.com/activitytype/scenario",
        context={
            "instructor": {"account": {"homePage": ISSUER, "name": "bob"}},
            "extensions": {
                RUBRICS: levels,
                "https://w3id.org/uptake/ext/rubric": "call",
                "https://w3id.org/uptake/ext/rubric_version": 2,
            },
        },
        **more,
    )  # fmt: skip


def test_from_a_request_to_the_score_series(way: ShortWay) -> None:
    line = {"learner": "ann", "issuer": ISSUER, "team": "Alder", "region": "north"}
    assert way.post("/directory", [line]).status == 200
    sent = check(1, {"open-questions": 3, "summary": 4})
    assert way.post("/xapi/statements", sent).status == 200
    way.post("/xapi/statements", sent)
    rows = way.rows("SELECT * FROM scores ORDER BY criterion")
    assert [(row["criterion"], row["level"], row["value"]) for row in rows] == [
        ("open-questions", 3, None), ("summary", 4, None),
    ]  # fmt: skip
    assert {k: v for k, v in rows[0].items() if k not in ("criterion", "level", "value")} == {
        "kind": "check", "occurred_at": "2026-11-02 10:01:00.000", "team": "Alder", "manager": "",
        "region": "north", "learner": way.hex(ISSUER, "ann"), "rater": way.hex(ISSUER, "bob"),
        "rubric": "call", "rubric_version": 2, "artefact": "https://lms.example/s/7", "module": "",
        "purpose": "", "tags": [], "text_length": None, "source": "lms", "event_id": sent["id"],
    }  # fmt: skip
    # The scale of the rubric gives the levels their values.
    level: tuple[object, ...] = ("call", 2, 1, "summary", 5, 5, "", "", "", [], [], "en", "f", 0)
    way.store.insert("rubrics", [[value] for value in level])
    values = way.store.query("SELECT value FROM scores ORDER BY criterion")
    assert values == [(0.5,), (0.75,)]


def test_feedback_is_about_whoever_handed_the_artefact_in(way: ShortWay) -> None:
    line = {"learner": "ann", "issuer": ISSUER, "team": "Alder"}
    way.post("/directory", [line, {"learner": "eve", "issuer": ISSUER, "team": "Birch"}])
    reviewed = "http://id.tincanapi.com/verb/reviewed"
    quality = {QUALITY: {"raw": 4, "min": 1, "max": 5}}
    for number, thing in ((1, "https://lms.example/h/1"), (2, "https://lms.example/h/2")):
        more = {"result": {"response": "Well asked, Ann #discovery", "extensions": quality}}
        way.post("/xapi/statements", statement(number, "eve", reviewed, thing, SUBMISSION, **more))
    submit = "http://activitystrea.ms/submit"
    thing = "https://lms.example/h/1"
    way.post("/xapi/statements", statement(3, "ann", submit, thing, SUBMISSION))
    rows = way.rows("SELECT * FROM scores ORDER BY occurred_at")
    assert [(row["learner"], row["team"], row["rater"], row["value"]) for row in rows] == [
        (way.hex(ISSUER, "ann"), "Alder", way.hex(ISSUER, "eve"), 0.75),
        ("", "", way.hex(ISSUER, "eve"), 0.75),
    ]  # fmt: skip
    assert rows[0]["tags"] == ["discovery"]
    kept = [way.store.query(f"SELECT * FROM {table}") for table in ("ratings", "events")]
    assert "asked" not in repr(kept)
    # domain.md, section 4: mean rating, and share above a set level.
    found = way.rows("SELECT * EXCEPT (low, high) FROM feedback_quality ORDER BY team")
    week = {"week": "2026-11-02", "rated": 1, "quality": 0.75, "good": 1}
    assert found == [{"team": "", "people": 0, **week}, {"team": "Alder", "people": 1, **week}]
    (interval,) = way.store.query("SELECT low, high FROM feedback_quality WHERE team = 'Alder'")
    assert interval == (pytest.approx(0.2065, abs=1e-4), 1.0)


def test_confidence_is_ones_own_and_a_voided_score_is_gone(way: ShortWay) -> None:
    answered = statement(
        1, "ann", "http://adlnet.gov/expapi/verbs/answered", "https://lms.example/q/1",
        "http://adlnet.gov/expapi/activities/cmi.interaction", result={"response": "b"},
    )  # fmt: skip
    answered["object"]["definition"] |= {
        "interactionType": "likert", "scale": [{"id": each} for each in "abc"],
    }  # fmt: skip
    way.post("/xapi/statements", [answered, check(2, {"summary": 4})])
    rows = way.rows("SELECT * FROM scores WHERE kind = 'confidence'")
    assert [(row["learner"], row["rater"], row["value"]) for row in rows] == [
        (way.hex(ISSUER, "ann"), way.hex(ISSUER, "ann"), 0.5)
    ]
    void = statement(3, "ann", "http://adlnet.gov/expapi/verbs/voided", "", "")
    void["object"] = {"objectType": "StatementRef", "id": check(2, {})["id"]}
    way.post("/xapi/statements", void)
    assert way.store.query("SELECT kind FROM scores") == [("confidence",)]


def test_a_score_without_levels_is_the_scaled_one(way: ShortWay) -> None:
    """Below 0 it is none."""
    for number, scaled in ((1, 0.75), (2, -0.5)):
        thing = f"https://lms.example/o/{number}"
        verb = "http://adlnet.gov/expapi/verbs/scored"
        kind = "http://adlnet.gov/expapi/activities/performance"
        sent = statement(number, "ann", verb, thing, kind, result={"score": {"scaled": scaled}})
        way.post("/xapi/statements", sent)
    rows = way.store.query("SELECT kind, level, value, rater FROM scores ORDER BY occurred_at")
    assert rows == [("observation", None, 0.75, ""), ("observation", None, None, "")]


def observed(**more: object) -> dict[str, object]:
    return {
        "learner": "ann", "issuer": ISSUER, "observer": "bob", "behaviour": "open-questions",
        "purpose": "coaching", **more,
    }  # fmt: skip


def test_an_observation_is_one_request_and_its_note_ends_at_the_door(way: ShortWay) -> None:
    note = "Asked Mrs Jones three times #listening #jones"
    reply = way.post("/observations", observed(note=note, level=3, lowest=1, highest=5))
    assert reply.json()["tags"] == ["open-questions", "listening"]
    (row,) = way.rows("SELECT * FROM scores")
    assert (row["kind"], row["criterion"], row["value"]) == ("observation", "open-questions", 0.5)
    assert (row["purpose"], row["text_length"]) == ("coaching", len(note))
    assert (row["learner"], row["rater"]) == (way.hex(ISSUER, "ann"), way.hex(ISSUER, "bob"))
    assert reply.json()["id"] == row["event_id"]
    assert b"Jones" not in b"".join(each.value for each in way.log.written)
    for wrong in ({"behaviour": "Looks good"}, {"purpose": ""}, {"observer": ""}, {"who": "x"}):
        assert way.post("/observations", observed(**wrong)).status == 400


def test_nothing_is_stored_of_who_opted_out_and_the_account_adds_up(way: ShortWay) -> None:
    """design.md, section 3.1: a row, a dead letter, or one counted duplicate or opt-out."""
    kept = observed(id="00000000-0000-4000-8000-000000000001")
    assert way.post("/observations", kept).status == 200
    out = {"learner": "ann", "issuer": ISSUER, "opted_out": True}
    assert way.post("/consent", [out]).status == 200
    assert way.post("/observations", observed(note="Well done")).status == 200
    way.post("/observations", kept)
    way.post("/observations", observed(learner="eve"))
    sql = "SELECT received, stored, dead, duplicate, opted_out, pending, difference"
    found = way.store.query(f"{sql} FROM conservation WHERE source = 'lms'")
    assert found == [(4, 2, 0, 0, 2, 0, 0)]
    learners = way.store.query("SELECT learner, hidden FROM events_all ORDER BY offset")
    assert learners == [(way.hex(ISSUER, "ann"), True), (way.hex(ISSUER, "eve"), False)]
    aside = way.store.query("SELECT DISTINCT kind, toString(event_id), reason FROM set_aside FINAL")
    assert aside == [("opted_out", "00000000-0000-0000-0000-000000000000", "")]
    # And back again.
    way.post("/consent", [{**out, "opted_out": False}])
    way.post("/observations", observed())
    assert way.store.query("SELECT count() FROM scores") == [(3,)]
    assert way.store.query("SELECT opted_out FROM consents FINAL") == [(False,)]


def recounted(way: ShortWay) -> list[tuple[Any, ...]]:
    """What a recount finds that stands on signals: the stream has counted it."""
    catalog = load_catalog()
    (group,) = (group for group in groups(catalog) if not group.journey)
    sql = contributions(
        catalog, group, Times(0, 2_000_000_000_000), way.settings.clickhouse.database
    )
    return sorted(way.store.query(f"SELECT indicator, learner, t FROM ({sql})"))


def test_what_was_stored_of_who_opts_out_is_hidden_until_they_come_back(way: ShortWay) -> None:
    """domain.md, section 9: an opt-out stops new events and hides old ones in views."""
    reviewed = "http://id.tincanapi.com/verb/reviewed"
    way.post("/observations", observed())
    way.post("/observations", observed(learner="eve"))
    way.post("/xapi/statements", check(1, {"summary": 4}))
    for number, giver, thing in ((2, "eve", "h/1"), (3, "ann", "h/2")):
        thing = f"https://lms.example/{thing}"
        quality = {"extensions": {QUALITY: {"raw": 4, "min": 1, "max": 5}}}
        sent = statement(number, giver, reviewed, thing, SUBMISSION, result=quality)
        way.post("/xapi/statements", sent)
    submit = "http://activitystrea.ms/submit"
    for number, who, thing in ((4, "ann", "h/1"), (5, "eve", "h/2")):
        sent = statement(number, who, submit, f"https://lms.example/{thing}", SUBMISSION)
        way.post("/xapi/statements", sent)
    views = ("events", "scores", "events_per_hour", "learners_active")
    before = {view: sorted(map(repr, way.rows(f"SELECT * FROM {view}"))) for view in views}
    assert [len(before[view]) for view in views[:2]] == [7, 5]
    counted = recounted(way)
    assert counted

    way.post("/consent", [{"learner": "ann", "issuer": ISSUER, "opted_out": True}])
    assert way.store.query("SELECT signal, learner FROM events ORDER BY signal") == [
        (signal, way.hex(ISSUER, "eve"))
        for signal in ("feedback.given", "observation.logged", "roleplay.submitted")
    ]
    # Feedback by eve was about ann, and ann's about eve.
    rest = way.store.query("SELECT kind, learner, rater FROM scores")
    assert rest == [("observation", way.hex(ISSUER, "eve"), way.hex(ISSUER, "bob"))]
    assert way.store.query("SELECT sum(events), max(people) FROM events_per_hour") == [(3, 1)]
    assert way.store.query("SELECT sum(events), max(people) FROM learners_active") == [(3, 1)]
    # Nothing is missing where it is only counted.
    assert way.store.query("SELECT sum(events) FROM freshness") == [(7,)]
    found = way.store.query("SELECT stored, opted_out, difference FROM conservation")
    assert (7, 0, 0) in found
    assert recounted(way) == counted

    # Of a rater who opts out the rating stays, and is nobody's.
    way.post("/consent", [{"learner": "bob", "issuer": ISSUER, "opted_out": True}])
    assert way.store.query("SELECT kind, rater FROM scores") == [("observation", "")]
    for who, line in (("ann", {"opted_out": False}), ("bob", {"removed": True})):
        way.post("/consent", [{"learner": who, "issuer": ISSUER, **line}])
    after = {view: sorted(map(repr, way.rows(f"SELECT * FROM {view}"))) for view in views}
    assert after == before


def test_ratings_come_back_when_state_is_rebuilt(way: ShortWay) -> None:
    """The events that `rebuild-state` reads give the same rows of `ratings` once more."""
    way.post("/xapi/statements", check(1, {"open-questions": 3, "summary": 4}))
    way.post("/xapi/statements", check(2, {}, result={"score": {"scaled": 0.75}}))
    way.post("/observations", observed(note="Well done #listening", level=3, lowest=1, highest=5))
    scored = "http://adlnet.gov/expapi/verbs/scored"
    place = "https://lms.example/o/1"
    kind = "http://adlnet.gov/expapi/activities/performance"
    bare = statement(4, "ann", scored, place, kind, result={"score": {"scaled": 0.5}})
    way.post("/xapi/statements", bare)
    way.post("/xapi/statements", statement(5, "ann", "http://activitystrea.ms/submit", place, kind))
    void = statement(6, "ann", "http://adlnet.gov/expapi/verbs/voided", "", "")
    void["object"] = {"objectType": "StatementRef", "id": check(1, {})["id"]}
    way.post("/xapi/statements", void)
    restored = [
        event
        for block in read_store.columns(way.settings.clickhouse, restore.STORED)
        for event in stored.events(block)
    ]
    assert [event.voided for event in restored] == [True, *[False] * 5]
    assert [event.rating is not None for event in restored] == [*[True] * 3, *[False] * 3]
    known = "SELECT toString(event_id), signal, team, manager, region, eligible, module FROM events"
    enriched = {row[0]: row[1:] for row in way.store.query(known)}
    again = Enriched(0, 0, 0, 0)
    for event in restored:
        again.stored.append(EnrichedEvent(event, *enriched[str(UUID(bytes=event.event_id))]))
    columns = list(INSERTED["ratings"])
    before = way.store.query(f"SELECT {', '.join(columns)} FROM ratings ORDER BY offset, criterion")
    way.store.command("TRUNCATE TABLE ratings")
    way.store.insert("ratings", ratings.columns([again]))
    after = way.store.query(f"SELECT {', '.join(columns)} FROM ratings ORDER BY offset, criterion")
    assert after == before
    assert len(before) == 5
    # What is told of an event that was taken back is all that is known of it.
    (told,) = voids.untold(way.store, 0)
    assert told == restored[0]


def test_notes_are_kept_of_people_who_agreed_only(process: StoreProcess) -> None:
    clickhouse = msgspec.structs.replace(process.settings, database=f"t{random.getrandbits(48)}")
    way = ShortWay(Settings(clickhouse=clickhouse), notes="consenting")
    way.post("/consent", [{"learner": "ann", "issuer": ISSUER, "notes": True}])
    for learner in ("ann", "eve"):
        way.post("/observations", observed(learner=learner, note="Asked well"))
    way.post("/observations", observed(note="Write to x@example.com"))
    notes = way.store.query(
        "SELECT JSONExtractString(attributes, 'note'), learner FROM events"
        " WHERE attributes != '' ORDER BY offset"
    )
    assert notes == [("Asked well", way.hex(ISSUER, "ann"))]
    assert way.store.query("SELECT count(), sum(text_length > 0) FROM scores") == [(3, 3)]
    way.store.close()


def test_a_story_tells_the_newest_note_while_the_person_agrees(process: StoreProcess) -> None:
    clickhouse = msgspec.structs.replace(process.settings, database=f"t{random.getrandbits(48)}")
    way = ShortWay(Settings(clickhouse=clickhouse), notes="consenting")
    tomorrow = datetime.now(UTC) + timedelta(days=1)

    def told(least: int = 1) -> str:
        return markdown(story(way.store, EVERYBODY, tomorrow, least))

    way.post("/consent", [{"learner": "ann", "issuer": ISSUER, "notes": True}])
    way.post("/observations", observed())
    assert "There is no note about anybody" in told()
    for learner in ("ann", "eve"):
        note = f"{learner}:  asked <what> *they* tried"
        way.post("/observations", observed(learner=learner, note=note))
    assert r"The newest note, of 1, says: “ann: asked \<what\> \*they\* tried”" in told()
    assert "eve:" not in told()
    assert "Notes from the field: too few people" in told(least=3)
    way.post("/consent", [{"learner": "ann", "issuer": ISSUER, "notes": False}])
    assert "There is no note about anybody" in told()
    way.store.close()


def test_the_score_of_a_challenge_is_an_attribute_of_its_asset(way: ShortWay) -> None:
    """Analysts see whether well-put challenges are done more often."""
    report = lint(load(EXAMPLES / "challenges-en.toml"))
    made = entries(report, 1_000)
    way.log.written += [
        Written(DIRECTORY, *directory.record(entry), key_name="any") for entry in made
    ]
    way.carry()
    rows = way.rows("SELECT asset_id, kind, module, quality FROM asset_directory")
    expected = [
        (challenge.id, "challenge", module.id, challenge.score)
        for module in report.modules
        for challenge in module.challenges
    ]
    assert sorted(tuple(row.values()) for row in rows) == sorted(expected)
    assert way.post("/directory", [{"asset_id": made[0].asset_id, "quality": 1.5}]).status == 400
    way.post("/directory", [{"asset_id": made[0].asset_id, "quality": 0.5}])
    sql = f"SELECT quality FROM asset_directory WHERE asset_id = '{made[0].asset_id}'"
    assert way.store.query(sql) == [(0.5,)]
