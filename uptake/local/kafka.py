"""A real Apache Kafka on this machine: one KRaft node for each `KafkaNode`, data in a folder."""

import shutil
import signal
import subprocess
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from uptake.local.child import Child
from uptake.local.errors import LocalError
from uptake.local.kafka_jars import KafkaProgram, log_settings
from uptake.local.ports import LOOPBACK

_START_SECONDS = 60.0
_STARTED = "Kafka Server started"


@dataclass(frozen=True)
class NodeConfig:
    """What tells one node from another. `voters` are all nodes' (id, controller port)."""

    port: int
    controller_port: int
    node_id: int = 1
    voters: tuple[tuple[int, int], ...] = ()
    cluster_id: str = ""
    """Empty: made up. The nodes of one cluster need the same."""
    heap_mib: int = 512
    properties: dict[str, str] = field(default_factory=dict)
    """More lines of server.properties; they win."""

    def server_properties(self, folder: Path) -> dict[str, str]:
        """The node's settings, for a small machine and a quick restart."""
        voters = self.voters or ((self.node_id, self.controller_port),)
        copies = str(min(3, len(voters)))
        in_sync = str(max(1, int(copies) - 1))
        return {
            "process.roles": "broker,controller",
            "node.id": str(self.node_id),
            "controller.quorum.voters": ",".join(f"{n}@{LOOPBACK}:{port}" for n, port in voters),
            "listeners": f"PLAINTEXT://{LOOPBACK}:{self.port},"
            f"CONTROLLER://{LOOPBACK}:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{self.port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(folder / "logs"),
            "auto.create.topics.enable": "false",
            "default.replication.factor": copies,
            "min.insync.replicas": in_sync,
            "offsets.topic.replication.factor": copies,
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": in_sync,
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": in_sync,
            "share.coordinator.state.topic.num.partitions": "1",
            "group.initial.rebalance.delay.ms": "0",
            # The shortest session that our settings allow.
            "group.min.session.timeout.ms": "1000",
            "num.network.threads": "1",
            "num.io.threads": "2",
            "num.replica.fetchers": "1",
            "log.cleaner.threads": "1",
            "log.cleaner.dedupe.buffer.size": "16777216",
            # After kill -9 a node may come back only when its old session has ended.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
            **self.properties,
        }


class KafkaNode:
    """One node as a child process."""

    memory_only = False

    def __init__(self, program: KafkaProgram, folder: Path, config: NodeConfig, log: Path) -> None:
        self._program = program
        self._folder = folder.absolute()
        self._config = config
        java = self._java(*(self._archived() or self._archiving()))
        command = [*java, "kafka.Kafka", str(self._properties)]
        self._child = Child("Apache Kafka", command, log, death_signal=signal.SIGTERM)

    @property
    def bootstrap(self) -> str:
        """host:port for Kafka clients."""
        return f"{LOOPBACK}:{self._config.port}"

    @property
    def child(self) -> Child:
        """The process."""
        return self._child

    @property
    def _properties(self) -> Path:
        return self._folder / "server.properties"

    def start(self) -> None:
        """Start, format the folder the first time, and wait until it serves. Raises LocalError."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start without waiting: the nodes of a cluster wait for each other. Raises LocalError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        settings = self._config.server_properties(self._folder)
        lines = (f"{name}={value}\n" for name, value in settings.items())
        self._properties.write_text("".join(lines))
        if not (self._folder / "logs" / "meta.properties").exists():
            self._format()
        self._child.start()

    def wait(self) -> None:
        """Wait until it serves. Raises LocalError."""
        self._child.wait_until(lambda: self._child.logged(_STARTED), _START_SECONDS)

    def stop(self) -> None:
        """End it cleanly; its data stays."""
        self._child.stop(seconds=20.0)
        if self._new_archive.exists():
            self._new_archive.replace(self._program.archive)

    def kill(self) -> None:
        """SIGKILL; its data stays."""
        self._child.kill()

    def forget(self) -> None:
        """Remove its data, as a new disk does; it must not run. In a cluster it gets everything
        from the others again."""
        shutil.rmtree(self._folder)

    def _format(self) -> None:
        cluster = self._config.cluster_id or new_cluster_id()
        tool = [*self._java(*self._archived()), "kafka.tools.StorageTool", "format"]
        done = subprocess.run(
            [*tool, "-t", cluster, "-c", str(self._properties)], capture_output=True, text=True
        )
        if done.returncode != 0:
            told = (done.stdout + done.stderr).strip()[-800:]
            raise LocalError(f"Apache Kafka cannot format {self._folder}: {told}")

    def _java(self, *options: str) -> list[str]:
        return [
            self._program.java,
            f"-Xmx{self._config.heap_mib}m",
            "-Xms64m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Xshare:auto",
            *options,
            "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={log_settings()}",
            "-cp",
            f"{self._program.libs}/*",
        ]

    @property
    def _new_archive(self) -> Path:
        return self._folder / "classes.jsa"

    def _archived(self) -> list[str]:
        """Classes as Java keeps them in memory: a start needs little more than half the work."""
        archive = self._program.archive
        return [f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []

    def _archiving(self) -> list[str]:
        """The first node that ends cleanly leaves its classes for all that come after it."""
        return [f"-XX:ArchiveClassesAtExit={self._new_archive}"]


def new_cluster_id() -> str:
    """A cluster id in the form Kafka wants: 16 bytes in base64, no leading dash."""
    while True:
        text = urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text
