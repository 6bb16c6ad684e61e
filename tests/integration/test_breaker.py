"""The breaker of intake on real brokers: it stops, loses nothing, and goes on when told to."""

import re
from pathlib import Path

import msgspec
from confluent_kafka import Producer

from schemas.topics import EVENTS
from tests.fixtures.brokers import Broker
from tests.integration.intake_world import World, statement

_RECORDS = 200


def _set(world: World, share: float) -> None:
    """Settings of the next intake."""
    intake = msgspec.structs.replace(
        world.settings.intake, breaker_share=share, breaker_records=_RECORDS, poll_records=60
    )
    world.settings = msgspec.structs.replace(world.settings, intake=intake)


def _write(world: World, good: int, bad: int) -> None:
    """To one partition of one source: the good ones first."""
    producer = Producer({"bootstrap.servers": world.broker.bootstrap})
    start = len(world.good) + len(world.bad)
    for number in range(start, start + good + bad):
        is_bad = number >= start + good
        producer.produce(EVENTS[1], b"{" if is_bad else statement(number), partition=0)
        (world.bad if is_bad else world.good).add((1, 0, number))
    assert producer.flush(30) == 0


def _run_until_it_stops(world: World) -> str:
    """What intake says at its end."""
    with world.intake() as process:
        assert process.wait(60) == 1
    last = [line for line in world.log().splitlines() if "Intake stops" in line][-1]
    assert re.search(
        r"\d+ of the last 200 records of ticketing can never be valid \(.*not-json", last
    )
    return last


def test_it_stops_and_goes_on_when_told_to(own_broker: Broker, tmp_path: Path) -> None:
    world = World(own_broker, tmp_path)
    _set(world, 0.5)
    _write(world, 150, 900)
    with world.output() as take:
        _run_until_it_stops(world)
        _run_until_it_stops(world)
        _run_until_it_stops(world)
        world.wait(take, lambda: {*world.good} <= {*world.events()})
        # The embedded broker drops the note in which the breaker's window is kept over a restart.
        most = 3 * _RECORDS if own_broker.node.memory_only else _RECORDS // 2
        assert len(set(world.letters_at())) <= most
        _set(world, 1.0)
        with world.intake() as process:
            world.wait(take, world.complete)
            process.terminate()
            assert process.wait(30) == 0
    marks = world.marks(0)[1, 0]
    assert marks[-1].next_offset == 1_050
    assert [mark.next_offset for mark in marks] == sorted(mark.next_offset for mark in marks)


def test_it_goes_on_when_the_sender_is_mended(own_broker: Broker, tmp_path: Path) -> None:
    """Less than the share is invalid: nothing stops."""
    world = World(own_broker, tmp_path)
    _set(world, 0.5)
    _write(world, 120, 80)
    _write(world, 500, 50)
    with world.output() as take, world.intake() as process:
        world.wait(take, world.complete)
        process.terminate()
        assert process.wait(30) == 0
    assert "Intake stops" not in world.log()
