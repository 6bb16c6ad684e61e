"""What the benchmarks feed: xAPI statements of about 460 bytes from 100,000 learners of 20 teams.

30 % of the events come from 1 % of the learners, 2 % are late by up to a day. Statements are made
once, as bytes, so that making them is no part of any measurement.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

ISSUER: Final = "https://lms.example.org"
TEAMS: Final = 20

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
SPANS: Final = {"live": 10 * MINUTE, "catch-up": 6 * HOUR}
"""Shape -> over how many ms of event time the events are spread."""

_ADL: Final = "http://adlnet.gov/expapi/verbs/"
_VIDEO: Final = "https://w3id.org/xapi/video/verbs/"
_KINDS: Final = (
    # verb, kind of object, share of the events
    (_VIDEO + "played", "video", 30),
    (_VIDEO + "paused", "video", 14),
    (_VIDEO + "seeked", "video", 8),
    (_ADL + "initialized", "video", 10),
    (_ADL + "completed", "video", 8),
    (_ADL + "initialized", "module", 12),
    (_ADL + "progressed", "module", 8),
    (_ADL + "completed", "module", 10),
)
_TYPES: Final = {
    "video": "https://w3id.org/xapi/video/activity-type/video",
    "module": "http://adlnet.gov/expapi/activities/module",
}
_STATEMENT: Final = (
    '{"id":"%s","actor":{"objectType":"Agent","account":{"homePage":"https://lms.example.org",'
    '"name":"learner-%06d"}},"verb":{"id":"%s"},"object":{'
    '"id":"https://lms.example.org/%s/%d","definition":{"type":"%s"}},"context":'
    '{"contextActivities":{"parent":[{'
    '"id":"https://lms.example.org/module/%d"}]}},"timestamp":"%s"}'
)


@dataclass(frozen=True)
class Workload:
    """Which statements to make; the same values make the same statements, but for the end."""

    events: int = 300_000
    learners: int = 100_000
    span_ms: int = SPANS["live"]
    end_ms: int = 0
    """When the last event happened, in ms since 1970."""
    seed: int = 1


def statements(workload: Workload) -> Iterator[bytes]:
    """The statements in the order in which they are sent: event time goes on, some are late."""
    dice = random.Random(workload.seed)
    kinds = [kind for *kind, share in _KINDS for _ in range(share)]
    busy = max(1, workload.learners // 100)
    begin = workload.end_ms - workload.span_ms
    for number in range(workload.events):
        learner = dice.randrange(busy if dice.random() < 0.3 else workload.learners)
        verb, thing = kinds[dice.randrange(len(kinds))]
        time = begin + workload.span_ms * number // workload.events
        if dice.random() < 0.02:
            time -= dice.randrange(DAY)
        object_number = dice.randrange(400)
        yield (
            _STATEMENT
            % (
                _uuid(dice.getrandbits(128)),
                learner,
                verb,
                thing,
                object_number,
                _TYPES[thing],
                object_number % 40,
                _timestamp(time),
            )
        ).encode()


def directory(learners: int) -> bytes:
    """Lines for `uptake directory load`: everybody in a team, one team in twenty not eligible."""
    return b"".join(
        json.dumps(
            {
                "learner": f"learner-{number:06d}",
                "issuer": ISSUER,
                "team": team(number),
                "manager": f"manager-{number % TEAMS:02d}",
                "region": f"region-{number % 4}",
                "eligible": number % TEAMS != 0,
            }
        ).encode()
        + b"\n"
        for number in range(learners)
    )


def team(number: int) -> str:
    """The team of a learner."""
    return f"team-{number % TEAMS:02d}"


def _uuid(bits: int) -> str:
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:]}"


def _timestamp(ms: int) -> str:
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
