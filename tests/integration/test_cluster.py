"""Three brokers: they die one after another, leaders move, one comes back empty."""

from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from schemas.topics import EVENTS
from streams import admin
from tests.fixtures.brokers import Broker
from tests.fixtures.waiting import wait_for
from tests.integration.intake_world import World
from uptake.local.kafka_cluster import KafkaCluster

pytestmark = pytest.mark.kafka

_IN_SYNC_SECONDS = 60.0


def _nodes(broker: Broker) -> KafkaCluster:
    assert isinstance(broker.node, KafkaCluster)
    return broker.node


def _leaders(broker: Broker) -> set[int]:
    """The nodes that lead a partition of the sources."""
    listed = AdminClient({"bootstrap.servers": broker.bootstrap}).list_topics(timeout=15).topics
    return {each.leader for topic in EVENTS for each in listed[topic].partitions.values()}


def _kept(broker: Broker) -> int:
    """Records on the topics of the sources."""
    reader = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "kept"})
    try:
        places = [TopicPartition(topic, number) for topic in EVENTS for number in range(3)]
        ends = [reader.get_watermark_offsets(place, timeout=15) for place in places]
        return sum(high - low for low, high in ends)
    finally:
        reader.close()


def _assert_copied(world: World) -> None:
    """Every topic lies on all brokers, and two must have a record before it counts."""
    client = AdminClient({"bootstrap.servers": world.broker.bootstrap})
    names = [spec.name for spec in admin.specs(world.settings)]

    def all_listed() -> bool:
        """The node that is asked may hear of the topics after the one that has made them."""
        return set(names) <= set(client.list_topics(timeout=15).topics)

    wait_for(all_listed, 30, "every topic to be listed")
    listed = client.list_topics(timeout=15).topics
    assert {len(at.replicas) for name in names for at in listed[name].partitions.values()} == {3}
    asked = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    told = [answer.result(15) for answer in client.describe_configs(asked).values()]
    assert {config["min.insync.replicas"].value for config in told} == {"2"}


def test_brokers_die_one_after_another_and_one_comes_back_empty(
    kafka_cluster: Broker, tmp_path: Path
) -> None:
    world = World(kafka_cluster, tmp_path)
    _assert_copied(world)
    cluster = _nodes(kafka_cluster)
    with world.output() as take, world.intake() as process:
        for number, node in enumerate(cluster.nodes):
            wait_for(cluster.in_sync, _IN_SYNC_SECONDS, "all replicas in sync")
            node.kill()
            world.write(500, start=1_000 * number)
            assert number + 1 not in _leaders(kafka_cluster)
            if number == 1:
                node.forget()
            node.start()
            world.write(500, start=1_000 * number + 500)
        world.wait(take, world.complete)
        process.terminate()
        assert process.wait(60) == 0
    assert _kept(kafka_cluster) == 3_000
