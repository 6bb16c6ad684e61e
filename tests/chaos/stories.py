"""Simulated learners, tickets and deals, each event in the tools' form and in the recount's."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final, NamedTuple
from uuid import UUID

from schemas.adapters.common import CompactEvent
from tests.fixtures.logs import NOBODY
from tests.recount.contributions import DAY, Attribute, Cohorts, Event
from tests.recount.recount import Listed
from uptake.feed.item import Item

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BEGIN: Final = 1_709_251_200_000
"""2024-03-01: long after the real logs, and long enough ago for every window to have ended."""
_DAYS: Final = 4
_OLD_SHARE: Final = 0.03
_OLD_DAYS: Final = 40
_STRANGERS: Final = 30
_MODULES: Final = 25
_VIDEOS: Final = 25

_ADL: Final = "http://adlnet.gov/expapi/verbs"
_MODULE: Final = "http://adlnet.gov/expapi/activities/module"
_VIDEO: Final = "https://w3id.org/xapi/video/activity-type/video"
_DEAL: Final = "https://w3id.org/uptake/types/opportunity"

VERBS: Final = {
    "content.started": f"{_ADL}/initialized",
    "content.completed": f"{_ADL}/completed",
    "video.started": f"{_ADL}/initialized",
    "video.completed": f"{_ADL}/completed",
    "video.played": "https://w3id.org/xapi/video/verbs/played",
    "video.paused": "https://w3id.org/xapi/video/verbs/paused",
    "ticket.opened": "as:create",
    "ticket.assigned": "as:assign",
    "ticket.escalated": "as:assign",
    "ticket.replied": "http://id.tincanapi.com/verb/replied",
    "ticket.resolved": "as:resolve",
    "ticket.reopened": "as:open",
    "ticket.closed": "as:close",
    "deal.opened": "as:create",
    "deal.won": "https://w3id.org/uptake/verbs/won",
    "deal.lost": "https://w3id.org/uptake/verbs/lost",
    "unmapped": "https://verbs.example/danced",
}
"""What is sent for each signal: written down here on purpose, not taken from the vocabulary."""

Attributes = dict[str, Attribute]


class Told(NamedTuple):
    """One event: its source, as it is sent, as it is counted."""

    source: str
    item: Item
    event: Event


class _Person(NamedTuple):
    issuer: str
    name: str
    cohort: Cohorts


def told(random: Random, directory: list[Listed]) -> Iterator[list[Told]]:
    """Stories without end: people of the directory and strangers, in about equal parts."""
    people = [_listed(one) for one in directory]
    people += [
        _Person("https://people.example", f"stranger-{number}", NOBODY)
        for number in range(_STRANGERS)
    ]
    number = 0
    while True:
        number += 1
        kind = random.choice([_module, _video, _ticket, _ticket, _deal])
        old = random.uniform(0, _OLD_DAYS) if random.random() < _OLD_SHARE else 0.0
        begin = _BEGIN + random.uniform(0, _DAYS * DAY) - old * DAY
        yield list(kind(_Teller(random, people, begin), number))


def _listed(one: Listed) -> _Person:
    learner = one["learner"]
    assert isinstance(learner, tuple)
    return _Person(str(learner[0]), str(learner[1]), one["cohort"])


class _Teller:
    """Makes the events of one story, each some time after the one before."""

    def __init__(self, random: Random, people: list[_Person], begin: float) -> None:
        self.random = random
        self.people = people
        self.person = random.choice(people)
        self._at = begin

    def step(self, signal: str, thing: str, kind: str, **attributes: Attribute) -> Told:
        self._at += self.random.expovariate(1 / (DAY / 24))
        at = int(self._at)
        identity = UUID(int=self.random.getrandbits(128), version=4)
        source = {"ticket": "ticketing", "deal": "crm"}.get(signal.split(".")[0], "lms")
        sent = _statement if source == "lms" else _compact
        item = sent(identity, at, self.person, VERBS[signal], thing, kind, attributes)
        event: Event = {
            "event_id": identity.bytes,
            "occurred_at": at,
            "learner": (self.person.issuer, self.person.name),
            "cohort": self.person.cohort,
            "signal": signal,
            "object": thing,
            "attributes": attributes,
            "tool": source,
        }
        return Told(source, item, event)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def other_person(self) -> None:
        self.person = self.random.choice(self.people)


def _module(teller: _Teller, number: int) -> Iterator[Told]:
    thing = f"https://lms.example/module/{teller.random.randrange(_MODULES)}"
    yield teller.step("content.started", thing, _MODULE)
    if teller.chance(0.1):
        yield teller.step("unmapped", thing, _MODULE)
    if teller.chance(0.6):
        yield teller.step("content.completed", thing, _MODULE)


def _video(teller: _Teller, number: int) -> Iterator[Told]:
    thing = f"https://lms.example/video/{teller.random.randrange(_VIDEOS)}"
    yield teller.step("video.started", thing, _VIDEO)
    for _ in range(teller.random.randint(1, 3)):
        yield teller.step("video.played", thing, _VIDEO)
        yield teller.step("video.paused", thing, _VIDEO)
    if teller.chance(0.5):
        yield teller.step("video.completed", thing, _VIDEO)


def _ticket(teller: _Teller, number: int) -> Iterator[Told]:
    thing = f"https://desk.example/ticket/{number}"
    kind = "as:issue"
    yield teller.step("ticket.opened", thing, kind, priority="high")
    yield teller.step("ticket.assigned", thing, kind)
    for _ in range(teller.random.randrange(3)):
        yield teller.step("ticket.replied", thing, kind, public=teller.chance(0.8))
    if teller.chance(0.2):
        teller.other_person()
        yield teller.step("ticket.escalated", thing, kind, escalated=True)
    yield teller.step("ticket.resolved", thing, kind)
    if teller.chance(0.2):
        yield teller.step("ticket.reopened", thing, kind)
        yield teller.step("ticket.resolved", thing, kind)
    yield teller.step("ticket.closed", thing, kind, sla_met=teller.chance(0.7))


def _deal(teller: _Teller, number: int) -> Iterator[Told]:
    thing = f"https://crm.example/deal/{number}"
    yield teller.step("deal.opened", thing, _DEAL)
    if teller.chance(0.8):
        yield teller.step(teller.random.choice(["deal.won", "deal.lost"]), thing, _DEAL)


def _statement(
    identity: UUID, at: int, person: _Person, verb: str, thing: str, kind: str, more: Attributes
) -> Item:
    assert not more
    made = {
        "id": str(identity),
        "actor": {"account": {"homePage": person.issuer, "name": person.name}},
        "verb": {"id": verb},
        "object": {"id": thing, "definition": {"type": kind}},
        "timestamp": _time(at),
    }
    return Item(0, at, json.dumps(made).encode())


def _compact(
    identity: UUID, at: int, person: _Person, verb: str, thing: str, kind: str, more: Attributes
) -> Item:
    made: CompactEvent = {
        "id": str(identity),
        "occurred_at": _time(at),
        "learner": person.name,
        "issuer": person.issuer,
        "verb": verb,
        "object": {"id": thing, "type": kind},
        "attributes": more,
    }
    return Item(0, at, made)


def _time(at: int) -> str:
    moment = _EPOCH + timedelta(milliseconds=at)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
