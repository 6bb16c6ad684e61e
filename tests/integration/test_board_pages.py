"""The board's pages about what grows people, on the embedded store, without a browser."""

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from reports.board.access import Access
from reports.board.app import Board
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
    """Of an hour ago."""
    at = datetime.now(UTC) - timedelta(hours=1)
    return {
        "id": str(uuid4()), "occurred_at": at.isoformat().replace("+00:00", "Z"),
        "learner": learner, "issuer": ISSUER, "verb": verb,
        "object": {"id": thing, "type": kind}, **more,
    }  # fmt: skip


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
