"""Offsets of a group, set back by somebody while its members are down."""

from random import Random

from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.settings import Settings
from uptake.local.ends import Ends
from uptake.local.settle import stages


def set_back(settings: Settings, process: str, random: Random) -> bool:
    """Each partition to any place before the one it was read to, without what the process wrote
    beside it. False: the group still has a member, or Kafka is away."""
    stage = next(each for each in stages(settings) if each.name.split()[-1] == process)
    ends = Ends(settings.kafka)
    group = Consumer(
        {
            "bootstrap.servers": settings.kafka.bootstrap,
            "group.id": stage.group,
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    try:
        read = ends.committed(stage.group, ends.places(stage.topics))
        earlier = [
            TopicPartition(topic, partition, random.randint(0, offset))
            for (topic, partition), offset in sorted(read.items())
            if offset > 0
        ]
        done = group.commit(offsets=earlier, asynchronous=False) if earlier else []
        return all(each.error is None for each in done)
    except KafkaException:
        return False
    finally:
        group.close()
        ends.close()
