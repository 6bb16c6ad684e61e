"""Several Apache Kafka nodes on this machine that are one cluster."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from uptake.local.kafka import KafkaNode, NodeConfig, new_cluster_id
from uptake.local.kafka_jars import KafkaProgram

NODES = 3
_ANSWER_SECONDS = 5.0


class KafkaCluster:
    """`NODES` brokers, each a controller too. Topics without wishes of their own lie on all of
    them, and a write is acknowledged by two."""

    memory_only = False

    def __init__(
        self,
        program: KafkaProgram,
        folder: Path,
        ports: Sequence[int],
        heap_mib: int = 512,
        properties: Callable[[int], Mapping[str, str]] = lambda _node: {},
    ) -> None:
        """`ports`: one for each broker, then one for each controller. `properties`: more lines of
        server.properties of the node of that number, from 0."""
        assert len(ports) == 2 * NODES
        cluster = new_cluster_id()
        voters = tuple((number + 1, ports[NODES + number]) for number in range(NODES))
        self.nodes = [
            KafkaNode(
                program,
                folder / f"kafka-{node_id}",
                NodeConfig(
                    ports[node_id - 1],
                    controller,
                    node_id,
                    voters,
                    cluster,
                    heap_mib,
                    dict(properties(node_id - 1)),
                ),
                folder / f"broker-{node_id}.log",
            )
            for node_id, controller in voters
        ]

    @property
    def bootstrap(self) -> str:
        """host:port of every broker, for Kafka clients."""
        return ",".join(node.bootstrap for node in self.nodes)

    def start(self) -> None:
        """Start all and wait until they serve. Raises LocalError."""
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.wait()

    def stop(self) -> None:
        """End all cleanly; their data stays. The last ones have no quorum, so all are asked at
        once."""
        for node in self.nodes:
            node.child.ask_to_end()
        for node in self.nodes:
            node.stop()

    def kill(self) -> None:
        """SIGKILL for all; their data stays."""
        for node in self.nodes:
            node.kill()

    def in_sync(self) -> bool:
        """Whether every partition has all its replicas in sync; False where nobody answers."""
        return all(not late for late in behind(self.bootstrap).values())


def behind(bootstrap: str) -> dict[str, int]:
    """Topic -> how many of its replicas are not in sync. {"": 1}: the cluster does not answer."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    try:
        topics: Mapping[str, Any] = admin.list_topics(timeout=_ANSWER_SECONDS).topics
    except KafkaException:
        return {"": 1}
    return {
        name: sum(len(each.replicas) - len(each.isrs) for each in topic.partitions.values())
        for name, topic in topics.items()
    }
