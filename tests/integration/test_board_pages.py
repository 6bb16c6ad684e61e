"""The board's pages about what grows people, on the embedded store, without a browser."""

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from reports.board import read
from reports.board.access import Access
from reports.board.app import Board
from reports.board.read import Cohort
from schemas.settings import BoardSettings, Settings, ViewerSettings
from tests.fixtures.short_way import ShortWay
from tests.fixtures.store import StoreProcess, running_store

ISSUER = "https://people.example"
BOSS, OTHER = "key-of-the-boss-0123", "key-of-alder-01234567"
VIEWERS = [
    ViewerSettings("boss", BOSS, learner="lead-0", issuer=ISSUER),
    ViewerSettings("alder", OTHER, ["team:Alder"]),
]


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    with running_store(tmp_path_factory.mktemp("store")) as found:
        yield found


@pytest.fixture
def way(process: StoreProcess) -> Iterator[ShortWay]:
    """A database of its own for each test."""
    clickhouse = msgspec.structs.replace(process.settings, database=f"t{random.getrandbits(48)}")
    made = ShortWay(Settings(clickhouse=clickhouse))
    yield made
    made.store.close()


class Site:
    """The board of a test, in this process, after logging in."""

    def __init__(self, way: ShortWay, key: str = BOSS, **board: Any) -> None:
        told = BoardSettings(viewers=VIEWERS, **board)
        settings = msgspec.structs.replace(way.settings, board=told)
        self._app = Board(settings, Access(told)).app
        self._cookies = httpx.Cookies()
        assert self.ask("GET", "/").headers["location"] == "/login"
        assert "Your key" in self.text("/login")
        assert self.ask("POST", "/login", data={"key": key[1:]}).status_code == 401
        assert self.ask("POST", "/login", data={"key": key}).status_code == 303

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """An answer; redirects are not followed."""
        return asyncio.run(self._ask(method, path, more))

    def text(self, path: str) -> str:
        """A page that is there."""
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def _ask(self, method: str, path: str, more: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(app=self._app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://board", cookies=self._cookies
        ) as client:
            answer = await client.request(method, path, **more)
            self._cookies.update(client.cookies)
            return answer


def event(learner: str, verb: str, thing: str, kind: str, **more: Any) -> dict[str, Any]:
    """Of two hours ago."""
    return {
        "id": str(uuid4()), "occurred_at": ago(2), "learner": learner, "issuer": ISSUER,
        "verb": verb, "object": {"id": thing, "type": kind}, **more,
    }  # fmt: skip


def ago(hours: int) -> str:
    at = datetime.now(UTC) - timedelta(hours=hours)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def suggested(number: int, verb: str, **more: Any) -> dict[str, Any]:
    thing = f"https://w3id.org/uptake/suggestions/huddle/{number}"
    kind = {"attributes": {"kind": "huddle"}}
    return event(f"lead-{number}", verb, thing, "uptake:types/suggestion", **kind, **more)


def test_suggestions_are_ones_own_and_small_groups_stay_hidden(way: ShortWay) -> None:
    way.post("/events/lms", [suggested(number, "as:receive") for number in range(12)])
    way.post("/events/lms", [suggested(number, "adl:attempted") for number in range(1, 11)])
    worked = [suggested(n, "adl:responded", success=n > 3) for n in range(1, 4)]
    way.post("/events/lms", worked)
    page = Site(way).text("/suggestions")
    assert page.count('name="answer" value="worked"') == 1
    assert "suggestions/huddle/0" in page
    assert "suggestions/huddle/1<" not in page
    assert "12 to 12 people" in page
    assert "83 % (10 of 12" in page
    assert page.count("too few people to show") == 2
    assert 'value="worked"' not in Site(way, OTHER).text("/suggestions")


def test_a_report_is_refused_plainly(way: ShortWay) -> None:
    way.post("/events/lms", [suggested(number, "as:receive") for number in (0, 1)])
    site = Site(way, collector="http://127.0.0.1:9")
    page = site.text("/suggestions")
    token = page.split('name="token" value="')[1].split('"')[0]
    mine, theirs = (f"https://w3id.org/uptake/suggestions/huddle/{n}" for n in (0, 1))

    def told(**form: str) -> str:
        answer = site.ask("POST", "/suggestions", data=form)
        assert answer.status_code == 303
        return answer.headers["location"].removeprefix("/suggestions?told=")

    assert told(token=token, suggestion=mine, answer="worked") == "away"
    assert told(token=token, suggestion=theirs, answer="worked") == "unknown"
    assert told(token=token, suggestion=mine, answer="maybe") == "unknown"
    assert told(suggestion=mine, answer="worked") == "old"
    assert 'role="alert"' in site.text("/suggestions?told=away")


def test_the_capability_of_cohorts_that_may_be_seen(way: ShortWay) -> None:
    """12 people of Alder and 4 of Birch with both scores."""
    teams = {"Alder": 12, "Birch": 4}
    people = [(f"{team}-{n}", team) for team, size in teams.items() for n in range(size)]
    lines = [{"learner": who, "issuer": ISSUER, "team": team} for who, team in people]
    way.post("/directory", lines)
    for number, (who, _) in enumerate(people):
        way.post("/events/lms", scored(who, number))
    whole = Site(way).text("/capability")
    assert "16 people" in whole
    assert "12 people" in whole
    assert "surer than shown" in whole
    assert "4 people" not in whole.replace("14 people", "")
    assert "Birch" in whole
    own = Site(way, OTHER).text("/capability")
    assert "12 people" in own
    assert "Birch" not in own
    assert "Everybody" not in own


def scored(who: str, number: int) -> list[dict[str, Any]]:
    """Sure of themselves, and seen as less able by two raters."""
    question = "http://adlnet.gov/expapi/activities/cmi.interaction"
    scene = "http://id.tincanapi.com/activitytype/scenario"
    sure = {"levels": {"": 4 + number % 2}, "lowest": 1, "highest": 5}
    events = [
        event(
            who,
            "adl:answered",
            "https://lms.example/q/1",
            question,
            rating=sure,
            attributes={"interaction": "likert"},
        ),
    ]
    for place, rater in enumerate(("rater-a", "rater-b")):
        level = 2 + (number // 2 + place * (number % 5 == 0)) % 3
        given = {
            "levels": {"open-questions": level}, "rater": rater, "rater_issuer": ISSUER,
            "rubric": "call", "rubric_version": 1, "lowest": 1, "highest": 5,
        }  # fmt: skip
        thing = f"https://lms.example/s/{number}"
        events.append(event(who, "adl:scored", thing, scene, rating=given))
    return events


def test_how_far_raters_agree(way: ShortWay) -> None:
    for level in range(1, 6):
        row: tuple[object, ...] = (
            "call", 1, 1, "open-questions", level, 5, "A call", "", "", [], [], "en", "f", 0
        )  # fmt: skip
        way.store.insert("rubrics", [[value] for value in row])
    site = Site(way)
    assert "A call, version 1" in site.text("/rubrics")
    assert "Nothing was rated" in site.text("/rubrics/call/1")
    for number in range(9):
        way.post("/events/lms", scored(f"Alder-{number}", number))
    assert "Too few people" in site.text("/rubrics/call/1")
    for number in range(9, 14):
        way.post("/events/lms", scored(f"Alder-{number}", number))
    page = site.text("/rubrics/call/1")
    assert "Ratings of 14 people" in page
    assert "alpha" in page
    assert page.count(" and ") >= 1
    assert "Drift over time" in page
    assert "Alder-" not in page
    assert site.ask("GET", "/rubrics/call/7").status_code == 404
    for path in ("/rubrics", "/rubrics/call/1", "/experiments", "/modules", "/pipeline"):
        assert Site(way, OTHER).ask("GET", path).status_code == 404


def test_modules_with_too_few_or_too_many_challenges_are_flagged(way: ShortWay) -> None:
    offered = {"right": (4, 11), "too-few": (2, 11), "too-many": (6, 11), "small": (1, 3)}
    events = [
        event(
            f"p{person}", "as:assign", f"https://lms.example/{module}/{challenge}",
            "tin:activitytype/checklist-item", parent=f"https://lms.example/{module}",
        )
        for module, (challenges, people) in offered.items()
        for person in range(people)
        for challenge in range(challenges)
    ]  # fmt: skip
    way.post("/events/lms", events)
    page = Site(way).text("/modules")
    assert "2 modules offer fewer than 3 or more than 5" in page
    lines = {name: next(each for each in page.splitlines() if f"/{name}<" in each)
             for name in offered}  # fmt: skip
    assert "too few<" in lines["too-few"]
    assert "too many<" in lines["too-many"]
    assert "right<" in lines["right"]
    assert "too few people to show" in lines["small"]


DEFINITION = """
name = "short-hint"
owner = "enablement"
purpose = "Is a hint of one line better than three?"
told = "You may see shorter hints for a while."
unit = "learner"
minimum_units = 20
minimum_days = 7
[[variants]]
name = "control"
weight = 50
description = "three lines"
[[variants]]
name = "new"
weight = 50
description = "one line"
[outcome]
indicator = "experiment.clicked"
good = "up"
smallest_effect = 0.1
[[guardrails]]
indicator = "escalation_rate"
good = "down"
smallest_effect = 0.05
"""


def test_the_decision_on_an_experiment(way: ShortWay) -> None:
    at = int((datetime.now(UTC) - timedelta(days=3)).timestamp() * 1000)
    switches = msgspec.json.encode([{"running": True, "at": at, "why": "planned"}]).decode()
    row: tuple[object, ...] = ("short-hint", DEFINITION, True, switches, 1, at)
    way.store.insert("experiments", [[value] for value in row])
    site = Site(way)
    assert "running, 3.0 of 7 to 56 days" in site.text("/experiments")
    assert "Nobody has been exposed yet" in site.text("/experiments/short-hint")
    way.post("/events/lms", [*exposed("control", 30), *exposed("new", 4)])
    early = site.text("/experiments/short-hint")
    assert "30 learners" in early
    assert "too few people to show" in early
    assert "4 learners" not in early
    assert "4 new" not in early
    way.post("/events/lms", exposed("new", 28, first=4))
    clicked = [shown("adl:interacted", f"new-{number}") for number in range(12)]
    way.post("/events/lms", clicked)
    page = site.text("/experiments/short-hint")
    assert "Decision: keep going" in page
    assert "32 learners" in page
    assert "37.5 % of 32" in page
    assert "fit the weights (chi-square p" in page
    assert "What it changed" in page
    assert site.ask("GET", "/experiments/nothing").status_code == 404


def exposed(variant: str, people: int, first: int = 0) -> list[dict[str, Any]]:
    """Before they did anything."""
    given = {"attributes": {"variant": variant}, "occurred_at": ago(3)}
    return [
        shown("uptake:verbs/exposed", f"{variant}-{number}", **given)
        for number in range(first, first + people)
    ]


def shown(verb: str, who: str, **more: Any) -> dict[str, Any]:
    """A learner and the experiment."""
    thing = "https://lms.example/experiments/short-hint"
    return event(who, verb, thing, "uptake:types/experiment", **more)


def test_whole_periods_side_by_side_each_with_an_end_of_its_own(way: ShortWay) -> None:
    """One value a day for 30 days, the number of the day; a team has nothing before day 20."""
    first = datetime(2026, 3, 1, tzinfo=UTC)
    way.store.command(
        "INSERT INTO rolling SELECT indicator, kind, cohort, '7d', toDateTime64('2026-03-01', 3, "
        "'UTC') + toIntervalDay(day), 1, day, 0, 12, 0, false, now64(3), 1 "
        "FROM (SELECT arrayJoin(['opportunities_opened', 'tickets_opened']) AS indicator, "
        "arrayJoin([('team', 'Alder'), ('team', 'Birch'), ('region', 'North')]) AS of, "
        "of.1 AS kind, of.2 AS cohort, arrayJoin(range(30)) AS day) "
        "WHERE cohort != 'Birch' OR day >= 20"
    )
    ends = {
        "opportunities_opened": first + timedelta(days=25, hours=3),
        "tickets_opened": first + timedelta(days=12),
    }
    now, before = read.latest(way.store, ends, ["team"], "7d", 2)
    alder, birch = Cohort("team", "Alder"), Cohort("team", "Birch")
    assert {key: point.value for key, point in now.items()} == {
        ("opportunities_opened", alder): 25,
        ("opportunities_opened", birch): 25,
        ("tickets_opened", alder): 12,
    }
    assert {key: point.value for key, point in before.items()} == {
        ("opportunities_opened", alder): 18,
        ("tickets_opened", alder): 5,
    }
    [values] = read.latest(way.store, ends, ["team", "region"], "7d")
    assert {cohort.name for _, cohort in values} == {"Alder", "Birch", "North"}
