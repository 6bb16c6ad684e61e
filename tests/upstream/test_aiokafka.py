"""Defects of aiokafka that the product works around; see docs/upstream.md."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import KafkaError

from streams.agents import patches
from tests.fixtures.faust_parts import made


def test_the_group_is_given_up_for_good_when_no_broker_is_known(
    tmp_path: Path, loop: asyncio.AbstractEventLoop
) -> None:
    """As while a broker has just started. Place: `patches.check_group`, which tells the worker
    that nobody coordinates any more, and `worker._watch_group`."""

    async def met() -> None:
        app = made(tmp_path).app
        patches.check_group(app)
        thread = cast(Any, app.consumer)._thread
        consumer = thread._create_worker_consumer(app.transport)
        thread._consumer = consumer
        client = consumer._client
        client.get_random_node = lambda: None
        topics = SubscriptionState()
        topics.register_fetch_waiters(set())
        topics.subscribe({"topic"})
        consumer._coordinator = GroupCoordinator(
            client, topics, group_id="group", assignors=(RoundRobinPartitionAssignor,)
        )
        patches.check_group(app)
        await asyncio.wait([consumer._coordinator._coordination_task], timeout=5.0)
        with pytest.raises(KafkaError, match="Did we not perform bootstrap"):
            patches.check_group(app)
        consumer._closed = True

    loop.run_until_complete(met())
