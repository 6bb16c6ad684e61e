"""Broker, store and processes as `uptake up` starts them, but one by one and when asked for."""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from time import monotonic, sleep

from confluent_kafka import KafkaError, Message, Producer
from msgspec.structs import replace as changed

from schemas.settings import Settings
from schemas.settings_load import Loaded, dump
from sinks.clickhouse import migrate
from streams import admin
from streams.catalog.load import load as load_catalog
from streams.catalog.load import rows_for_store
from streams.intake import directory
from uptake.local.broker import EmbeddedBroker
from uptake.local.ends import Ends
from uptake.local.files import write_private
from uptake.local.folder import BrokerKind, DataFolder, next_state
from uptake.local.kafka import KafkaNode, NodeConfig
from uptake.local.kafka_jars import kafka_program
from uptake.local.plan import Plan, choose_ports, settings_of
from uptake.local.processes import Spec, Supervisor, ready
from uptake.local.settle import missing, settle

PIPELINE = ("worker", "sink", "intake")
_LOOK_SECONDS = 0.1
_READY_SECONDS = 120.0
_READY_STEP_SECONDS = 0.005


@dataclass(frozen=True)
class OtherSpec(Spec):
    """A process of the product run by a module of the benchmarks."""

    module: str = ""

    def command(self) -> list[str]:
        """That module with the process's arguments."""
        return [sys.executable, "-m", self.module, *self.arguments]


class Rig:
    """One run in a folder of its own. To be used from the thread that made it."""

    def __init__(self, kind: BrokerKind, folder: Path) -> None:
        data = DataFolder(folder)
        data.logs.mkdir(parents=True)
        loaded = Loaded(Settings(), {})
        ports = choose_ports(loaded, auto=True)
        state = next_state(None, kind, kafka_is_new=True)
        secrets = data.secrets()
        settings = settings_of(loaded.settings, ports, secrets, state)
        self.plan = Plan(data, ports, settings, secrets, state)
        self._supervisor = Supervisor(data.logs, data.processes_file, print)
        self._node = self._make_node(kind)

    def start(self) -> None:
        """Broker, store, topics and tables. Raises LocalError."""
        self.configure(self.settings)
        self._supervisor.launch(self.plan.store())
        self._node.start()
        self._supervisor.adopt("broker", self._node.child, restart=False)
        self._supervisor.wait_ready(self.plan.store())
        admin.ensure(self.settings)
        migrate.run(self.settings, rows_for_store(load_catalog()))

    def configure(self, settings: Settings) -> None:
        """What processes that are started from now on read."""
        write_private(self.plan.folder.settings_file, dump(settings))

    @property
    def settings(self) -> Settings:
        """Of all processes."""
        return self.plan.settings

    def port(self, name: str) -> int:
        """Where a process has its metrics."""
        return self.plan.processes()[name].port

    def pids(self) -> dict[str, int]:
        """Of what runs now, with broker and store."""
        states = self._supervisor.states()
        return {name: state.pid for name, state in states.items() if state.pid and state.running}

    def launch(self, *names: str, module: str = "", arguments: Sequence[str] = ()) -> None:
        """Start processes and wait until they are ready. Raises LocalError.

        `module`: the module to run in the place of `uptake`, with more arguments before its own.
        """
        specs = [self._spec(name, module, arguments) for name in names]
        for spec in specs:
            self._supervisor.launch(spec)
        for spec in specs:
            self.wait_ready(spec.name)

    def wait_ready(self, name: str) -> None:
        """Wait, looking often: clocks begin when this returns."""
        wait_for(
            partial(ready, self.port(name)), _READY_SECONDS, f"{name} ready", _READY_STEP_SECONDS
        )

    def begin(self, name: str) -> None:
        """Start one process without waiting for it."""
        self._supervisor.launch(self._spec(name, "", ()))

    def stop(self, *names: str) -> None:
        """End processes cleanly, in this order."""
        for name in names:
            self._supervisor.stop(name)

    def kill(self, name: str) -> None:
        """kill -9."""
        os.kill(self.pids()[name], signal.SIGKILL)
        self._supervisor.stop(name)

    def end(self) -> None:
        """End everything, at once."""
        self._supervisor.kill_all()
        self._node.stop()

    def settle(self, seconds: float) -> None:
        """Wait until all that was sent is in the store and the account adds up."""
        settle(self.settings, seconds, lambda _: None)

    def load_directory(self, lines: bytes) -> int:
        """Write lines to the directory's topic; return how many."""
        with NamedTemporaryFile(suffix=".jsonl") as file:
            file.write(lines)
            file.flush()
            return directory.load(self.settings, Path(file.name))

    def passed(self, group: str, topics: Sequence[str], seconds: float) -> None:
        """Wait until a group has committed all that its topics hold now."""
        ends = Ends(self.settings.kafka)
        try:
            wanted = ends.ends(ends.places(topics))

            def done() -> bool:
                return not missing(wanted, ends.committed(group, wanted))

            wait_for(done, seconds, f"{group} at the end of {', '.join(topics)}", _LOOK_SECONDS)
        finally:
            ends.close()

    def _spec(self, name: str, module: str, arguments: Sequence[str]) -> Spec:
        spec = self.plan.processes()[name]
        if not module:
            return spec
        told = (*arguments, *spec.arguments)
        return OtherSpec(spec.name, told, spec.port, module=module)

    def _make_node(self, kind: BrokerKind) -> EmbeddedBroker | KafkaNode:
        log = self.plan.folder.logs / "broker.log"
        ports = self.plan.ports
        if kind == "embedded":
            return EmbeddedBroker(ports.kafka, log)
        config = NodeConfig(ports.kafka, ports.controller)
        return KafkaNode(kafka_program(), self.plan.folder.kafka, config, log)


@contextmanager
def running(kind: BrokerKind) -> Iterator[Rig]:
    """A started rig; it and its folder are gone afterwards. Raises LocalError."""
    with TemporaryDirectory(prefix="uptake-bench-") as folder:
        rig = Rig(kind, Path(folder) / "data")
        try:
            rig.start()
            yield rig
        finally:
            rig.end()


def static_member(settings: Settings) -> Settings:
    """With a worker that gets its partitions back at once after a restart."""
    return changed(settings, worker=changed(settings.worker, instance="bench"))


def preload(bootstrap: str, topic: str, values: Sequence[bytes]) -> None:
    """Write records without keys. Raises RuntimeError when the broker does not take them all."""
    failed: list[KafkaError] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failed.append(error)

    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "linger.ms": 20,
            "compression.type": "lz4",
            "enable.idempotence": True,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    for value in values:
        while True:
            try:
                producer.produce(topic, value, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    if producer.flush(120) or failed:
        raise RuntimeError(f"{topic}: not all records were written {failed[:1]}")


def wait_for(done: Callable[[], bool], seconds: float, what: str, step: float = 0.05) -> None:
    """Return when `done()` is true. Raises RuntimeError naming `what` when it stays false."""
    limit = monotonic() + seconds
    while not done():
        if monotonic() > limit:
            raise RuntimeError(f"not within {seconds:.0f} s: {what}")
        sleep(step)
