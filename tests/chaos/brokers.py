"""The brokers of a run, and the links by which each process reaches them.

On Apache Kafka each process has a listener of its own on every broker, advertised at its proxy.
The embedded broker has one address for all and is reached without.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from tests.chaos.proxy import Link
from tests.chaos.schedule import BROKERS, KAFKA_LINKS
from tests.fixtures.brokers import Kind
from uptake.local.broker import EmbeddedBroker
from uptake.local.kafka import KafkaNode, NodeConfig
from uptake.local.kafka_cluster import KafkaCluster
from uptake.local.kafka_jars import kafka_program
from uptake.local.ports import LOOPBACK

_HEAP_MIB = 256
_CLUSTER = {
    # Leaders go back to where they belong soon after a broker has come back.
    "leader.imbalance.check.interval.seconds": "5",
    "leader.imbalance.per.broker.percentage": "0",
}


class Brokers:
    """All brokers, not started. `nodes` and `ports` by name, in the order of `BROKERS`."""

    def __init__(self, kind: Kind, folder: Path, free: Iterator[int]) -> None:
        """`free`: ports that nobody else is given."""
        self.links: dict[str, Link] = {}
        names = BROKERS[kind]
        ports = list(islice(free, 2 * len(names)))
        self.ports = dict(zip(names, ports[: len(names)], strict=True))
        self._listeners: list[dict[str, int]] = [{} for _ in names]
        self.cluster: KafkaCluster | None = None
        if kind == "embedded":
            broker = EmbeddedBroker(ports[0], folder / "broker.log")
            self.nodes: Mapping[str, EmbeddedBroker | KafkaNode] = {names[0]: broker}
            self.bootstrap = broker.bootstrap
            return
        self._make_links(len(names), free)
        if kind == "kafka":
            more = self._properties(0, ports)
            config = NodeConfig(ports[0], ports[1], heap_mib=_HEAP_MIB, properties=more)
            node = KafkaNode(kafka_program(), folder / "kafka", config, folder / "broker.log")
            self.nodes = {names[0]: node}
            self.bootstrap = node.bootstrap
            return
        self.cluster = KafkaCluster(
            kafka_program(),
            folder,
            ports,
            _HEAP_MIB,
            lambda number: {**self._properties(number, ports), **_CLUSTER},
        )
        self.nodes = dict(zip(names, self.cluster.nodes, strict=True))
        self.bootstrap = self.cluster.bootstrap

    def start(self) -> None:
        """Start all and wait until they serve."""
        if self.cluster is not None:
            self.cluster.start()
            return
        for node in self.nodes.values():
            node.start()

    def stop(self) -> None:
        """End all."""
        if self.cluster is not None:
            self.cluster.stop()
            return
        for node in self.nodes.values():
            node.stop()

    def _make_links(self, brokers: int, free: Iterator[int]) -> None:
        for link in KAFKA_LINKS:
            listeners = list(islice(free, brokers))
            for number, port in enumerate(listeners):
                self._listeners[number][link] = port
            self.links[link] = Link(listeners)

    def _properties(self, number: int, ports: Sequence[int]) -> dict[str, str]:
        """The listeners of a broker: one for us and the other brokers, one for each process."""
        behind = self._listeners[number]
        port, controller = ports[number], ports[len(self._listeners) + number]
        names = {link: link.split("-")[0].upper() for link in behind}
        plain = f"PLAINTEXT://{LOOPBACK}:{port}"
        own = [f"{names[link]}://{LOOPBACK}:{at}" for link, at in behind.items()]
        told = [f"{names[link]}://{LOOPBACK}:{self.links[link].ports[number]}" for link in behind]
        protocols = ["PLAINTEXT", "CONTROLLER", *names.values()]
        return {
            "listeners": ",".join([plain, *own, f"CONTROLLER://{LOOPBACK}:{controller}"]),
            "advertised.listeners": ",".join([plain, *told]),
            "listener.security.protocol.map": ",".join(f"{each}:PLAINTEXT" for each in protocols),
        }
