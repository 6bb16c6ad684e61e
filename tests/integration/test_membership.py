"""A consumer that its group has left alone is noticed, unless it is the cluster that is away."""

import pytest
from confluent_kafka import Consumer, KafkaException

from streams.membership import Membership
from tests.fixtures.brokers import Broker


def test_a_member_without_an_assignment_is_noticed_while_the_cluster_answers(
    own_broker: Broker,
) -> None:
    consumer = Consumer({"bootstrap.servers": own_broker.bootstrap, "group.id": "alone"})
    try:
        patient, membership = Membership(consumer), Membership(consumer, seconds=0.0)
        patient.check()
        with pytest.raises(KafkaException, match="assigned nothing for 0 s"):
            membership.check()
        membership.assigned()
        membership.check()
        membership.revoked()
        own_broker.stop()
        membership.check()
    finally:
        consumer.close()
