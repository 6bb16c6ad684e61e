"""What the adapters send is known by the vocabulary."""

from pathlib import Path

import pytest

from schemas.adapters import crm_teams
from schemas.records import LearnerEntry
from schemas.settings import PrivacySettings
from schemas.vocabulary import load
from streams.intake.directory import entries
from uptake.feed.files import items
from uptake.feed.kafka import flat

GOLDEN = Path(__file__).parents[2] / "golden"

EXPECTED = {
    "ticketing:servicenow/life.csv": [
        "ticket.opened",
        "ticket.assigned",
        "ticket.updated",
        "ticket.escalated",
        "ticket.resolved",
        "ticket.updated",
        "ticket.reopened",
        "ticket.resolved",
        "ticket.closed",
        "ticket.updated",
    ],
    "ticketing:servicenow/turns.csv": [
        "ticket.opened",
        "ticket.closed",
        "ticket.reopened",
        "ticket.escalated",
        "ticket.assigned",
        "ticket.closed",
        "ticket.opened",
    ],
    "crm:crm_pipeline/stages.csv": [
        "deal.opened",
        "deal.won",
        "deal.opened",
        "deal.lost",
        "deal.opened",
    ],
}


@pytest.mark.parametrize("case", EXPECTED)
def test_signals(case: str) -> None:
    source, _, file = case.partition(":")
    vocabulary = load(None)
    signals = []
    for item in items(source, GOLDEN / file):
        event = flat(item)
        verb, kind = vocabulary.expand(event.verb), vocabulary.expand(event.object_type)
        signals.append(vocabulary.signal(verb, kind, event.attributes))
    assert signals == EXPECTED[case]


def test_the_teams_file_becomes_directory_lines() -> None:
    data = crm_teams.translated((GOLDEN / "crm_teams" / "regions.csv").read_bytes())
    made = entries(data, PrivacySettings(), lambda *who: "/".join(who).encode(), 7)
    assert made[1] == LearnerEntry(
        b"https://crm.example/Bob Example",
        "Central 2",
        "Nick Example",
        "Central",
        changed_at=7,
    )


@pytest.mark.parametrize("data", [b"learner,team\nann,red\n", b"[]", b"\xff", b""])
def test_other_directory_files_stay_as_they_are(data: bytes) -> None:
    assert crm_teams.translated(data) == data
