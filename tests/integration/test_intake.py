"""Intake on real brokers: broken and good records, kill -9, two at once, transactions."""

import os
import random
import signal
from collections import Counter
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas.records import AssetEntry, LearnerEntry
from schemas.topics import EVENTS
from streams.intake import directory
from tests.fixtures.brokers import Broker
from tests.integration.intake_world import Coordinates, World, coordinates, statement


@pytest.fixture
def world(own_broker: Broker, tmp_path: Path) -> World:
    return World(own_broker, tmp_path)


def _committed(world: World) -> dict[tuple[str, int], int]:
    consumer = Consumer(
        {"bootstrap.servers": world.broker.bootstrap, "group.id": world.settings.intake.group}
    )
    try:
        asked = [TopicPartition(topic, number) for topic in EVENTS for number in range(3)]
        return {(each.topic, each.partition): each.offset for each in consumer.committed(asked, 15)}
    finally:
        consumer.close()


def _has_more(world: World, events: int) -> bool:
    return len(world.events()) > events


def _check_order_and_marks(world: World) -> None:
    """What downstream relies on: a high-water mark a source partition loses nothing, and a mark
    never says more than what came before it."""
    for batches in world.batches.values():
        high: dict[tuple[int, int, bool], int] = {}
        taken: set[Coordinates] = set()
        for batch in batches:
            for number, (source, partition, offset) in enumerate(coordinates(batch)):
                at = (source, partition, number >= len(batch.events))
                if offset > high.get(at, -1):
                    high[at] = offset
                    taken.add((source, partition, offset))
        everything = {at for batch in batches for at in coordinates(batch)}
        assert taken == everything
        passed: set[Coordinates] = set()
        for batch in batches:
            passed |= set(coordinates(batch))
            for mark in batch.marks:
                assert not [
                    at
                    for at in everything - passed
                    if at[:2] == (mark.source, mark.partition) and at[2] < mark.next_offset
                ]


def test_good_and_broken_records_and_a_clean_end(world: World) -> None:
    with world.output() as take:
        world.write(3_000)
        with world.intake() as process:
            world.wait(take, world.complete)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        # The end was clean: the next one reads nothing twice.
        world.write(30, start=3_000)
        with world.intake():
            world.wait(take, world.complete)
    assert max(Counter(world.events()).values()) == 1
    assert {(x.reason, x.stage) for x in world.letters} == {("not-json", "intake")}
    assert {(EVENTS.index(x.topic), x.partition, x.offset) for x in world.letters} == world.bad
    assert all((x.value or b"").startswith(b'{"actor": [') for x in world.letters)
    _check_order_and_marks(world)
    final = [marks[-1] for marks in world.marks(0).values()]
    assert sum(m.next_offset - m.first_offset - m.skipped for m in final) == 3_030
    assert all(
        later.next_offset > earlier.next_offset
        for marks in world.marks(0).values()
        for earlier, later in pairwise(marks)
    )


def test_kill_9_loses_nothing(world: World) -> None:
    dice = random.Random(11)
    with world.output() as take:
        for round_ in range(4):
            world.write(2_000, start=round_ * 2_000)
            with world.intake() as process:
                enough = len(world.events()) + dice.randrange(900)
                world.wait(take, partial(_has_more, world, enough))
                os.kill(process.pid, signal.SIGKILL)
        with world.intake():
            world.wait(take, world.complete)
    assert len(set(world.letters_at())) == len(world.bad)
    _check_order_and_marks(world)


def test_two_share_the_work_and_one_takes_over(world: World) -> None:
    with world.output() as take, world.intake() as first:
        world.write(500)
        world.wait(take, world.complete)
        with world.intake() as second:
            world.write(2_000, start=500)
            # The embedded broker forgets a member that joins when the only other one leaves.
            world.wait(take, lambda: world.log().count("Reading") == 3)
            world.write(2_000, start=2_500)
            world.wait(take, world.complete)
            first.send_signal(signal.SIGTERM)
            assert first.wait(30) == 0
            world.write(500, start=4_500)
            world.wait(take, world.complete)
            second.send_signal(signal.SIGTERM)
            assert second.wait(30) == 0
    _check_order_and_marks(world)


def test_markers_of_transactions_are_no_events(world: World) -> None:
    producer = Producer({"bootstrap.servers": world.broker.bootstrap, "transactional.id": "a-tool"})
    producer.init_transactions(20)
    # The embedded broker delivers what was aborted; those are events like any other.
    aborted = () if world.settings.kafka.memory_only else (1, 4)
    for number in range(6):
        producer.begin_transaction()
        producer.produce(EVENTS[0], statement(number), partition=0)
        producer.flush(20)
        if number in aborted:
            producer.abort_transaction(20)
        else:
            producer.commit_transaction(20)
    world.good = {(0, 0, 2 * number) for number in range(6) if number not in aborted}
    skipped = 6 + len(aborted)

    def all_marked() -> bool:
        marks = world.marks(0).get((0, 0), [])
        return [mark.next_offset for mark in marks][-1:] == [12] and world.complete()

    with world.output() as take:
        with world.intake() as process:
            world.wait(take, all_marked)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        assert world.marks(0)[0, 0][-1].skipped == skipped
        producer.begin_transaction()
        producer.produce(EVENTS[0], statement(6), partition=0)
        producer.commit_transaction(20)
        world.good.add((0, 0, 12))
        with world.intake():
            world.wait(take, lambda: world.marks(0)[0, 0][-1].next_offset == 14)
    # Counted on from what the first one knew.
    mark = world.marks(0)[0, 0][-1]
    assert (mark.first_offset, mark.next_offset, mark.skipped) == (0, 14, skipped + 1)


def test_directory_lines_reach_their_partitions(world: World) -> None:
    learners, assets = world.folder / "learners.csv", world.folder / "assets.jsonl"
    learners.write_text(
        "learner,issuer,team,eligible\n" + "".join(f"p{n},crm,team {n},yes\n" for n in range(40))
    )
    assets.write_text(
        '{"asset_id": "https://a", "module": "m"}\n{"asset_id": "b", "kind": "video"}'
    )
    assert directory.load(world.settings, learners) == 40
    assert directory.load(world.settings, assets) == 2
    found: dict[int, list[LearnerEntry]] = {}
    known: dict[int, list[AssetEntry]] = {}

    def arrived() -> bool:
        for number, batches in world.batches.items():
            found[number] = [entry for batch in batches for entry in batch.learners]
            known[number] = [entry for batch in batches for entry in batch.assets]
        return sum(map(len, found.values())) == 40 and sum(map(len, known.values())) == 6

    with world.intake(), world.output() as take:
        world.wait(take, arrived)
    teams = {entry.team for entries in found.values() for entry in entries}
    assert teams == {f"team {n}" for n in range(40)}
    assert [len(entries) for entries in known.values()] == [2, 2, 2]


@pytest.mark.kafka
def test_a_broker_that_dies_and_comes_back(kafka_broker: Broker, tmp_path: Path) -> None:
    world = World(kafka_broker, tmp_path)
    with world.output() as take, world.intake() as process:
        world.write(1_000)
        world.wait(take, lambda: bool(world.events()))
        kafka_broker.kill()
        kafka_broker.start()
        world.write(1_000, start=1_000)
        world.wait(take, world.complete)
        # Its session may have ended meanwhile: then it reads again what was not yet committed.
        world.wait(take, lambda: sum(_committed(world).values()) == 2_000)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    _check_order_and_marks(world)
