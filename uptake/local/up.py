"""Run all of Uptake on this machine: broker, store and processes, from start to end."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from confluent_kafka import KafkaException

from schemas import health
from schemas.records import Life
from schemas.settings import MetricsSettings
from schemas.settings_load import Loaded, dump
from schemas.stopping import Exit
from sinks.clickhouse.account import total
from sinks.clickhouse.errors import StoreError
from streams import experiments
from streams.intake.store import StoreUnavailable
from streams.intake.writer import NotWritten
from uptake.local.broker import EmbeddedBroker, MemoryBound, MemoryLevel
from uptake.local.errors import LocalError
from uptake.local.files import write_json, write_private
from uptake.local.folder import BrokerKind, DataFolder, next_state
from uptake.local.kafka import KafkaNode, NodeConfig
from uptake.local.kafka_jars import kafka_program
from uptake.local.plan import Plan, choose_ports, settings_of
from uptake.local.ports import require_free
from uptake.local.processes import Spec, Supervisor
from uptake.local.settle import Unsettled, drain
from uptake.rebuild_state import procedure

_TICK_SECONDS = 0.2
_EMBEDDED_DRAIN_SECONDS = 60.0
_KAFKA_DRAIN_SECONDS = 10.0
_CATCH_UP_SECONDS = 600.0
_EMPTY_GROUP_SECONDS = 60.0
"""The group drops a static member that has ended only when its session is over."""
_REBUILDS = 3
_REBUILDS_SECONDS = 600.0
"""State that is refused more often than that within this time is refused for ever."""
_REFUSED = "the worker refuses the state that it found (see its log)"


class Teller(Protocol):
    """Tells the user what goes on."""

    def say(self, text: str) -> None:
        """A line."""

    def progress(self, title: str, done: int, total: int) -> None:
        """How far something long has come."""


@dataclass(frozen=True)
class Wish:
    """What the user asked for."""

    folder: DataFolder
    broker: BrokerKind
    auto_ports: bool
    base: Loaded
    broker_memory: int
    """Bytes that the embedded broker may take."""


class MemoryFull(LocalError):
    """The embedded broker has reached its bound."""


class Up:
    """One run. Its methods are called from the thread that made it, which starts the children
    and must live as long as they do."""

    def __init__(self, wish: Wish, teller: Teller) -> None:
        self._wish = wish
        self._teller = teller
        self._bound = MemoryBound(wish.broker_memory)
        self._warned = False
        self._due = ""
        self._rebuilt: deque[float] = deque(maxlen=_REBUILDS)
        self._began = monotonic()
        folder = wish.folder
        self._supervisor = Supervisor(folder.logs, folder.processes_file, teller.say)
        self._broker: EmbeddedBroker | KafkaNode | None = None
        self.plan = self._make_plan()

    def start(self, given_up: Callable[[], bool]) -> None:
        """Start all and write run.json. The folder is held by the caller.

        Raises LocalError, also when `given_up` says so; what had been started has ended then.
        """
        # An `up` that was killed left its own behind, with addresses of nobody.
        self._wish.folder.run_file.unlink(missing_ok=True)
        try:
            for step in (self._start_parts, self._prepare, self._start_processes):
                step()
                if given_up():
                    raise LocalError("interrupted while starting")
        except BaseException:
            self._abandon()
            raise
        write_json(self._wish.folder.run_file, self.plan.run(os.getpid()))
        self._teller.say(f"Ready after {monotonic() - self._began:.1f} s")

    def watch(self, ended: Callable[[float], bool]) -> None:
        """Look after everything until `ended`, which waits as long as it is told.

        Raises MemoryFull when the broker's bound is reached, LocalError when it has ended.
        """
        while not ended(_TICK_SECONDS):
            self._supervisor.tick()
            self._look_at_broker()
            self._look_at_state()

    def stop(self, impatient: Callable[[], bool]) -> None:
        """End all in order: no new events, then what was accepted reaches the store, then the
        rest. The wait for that is cut short when `impatient` says so."""
        self._wish.folder.run_file.unlink(missing_ok=True)
        self._supervisor.stop("collector")
        self._drain(impatient)
        for name in ("repair", "intake", "worker", "sink", "board", "store"):
            self._supervisor.stop(name)
        if self._broker is not None:
            self._broker.stop()

    def _make_plan(self) -> Plan:
        wish = self._wish
        ports = choose_ports(wish.base, wish.auto_ports)
        require_free(ports.purposes())
        kafka_is_new = not (wish.folder.kafka / "logs" / "meta.properties").exists()
        state = next_state(wish.folder.state(), wish.broker, kafka_is_new)
        secrets = wish.folder.secrets()
        settings = settings_of(wish.base.settings, ports, secrets, state)
        return Plan(wish.folder, ports, settings, secrets, state)

    def _start_parts(self) -> None:
        """Broker and store, side by side."""
        plan = self.plan
        folder = plan.folder
        write_private(folder.settings_file, dump(plan.settings))
        health.serve(MetricsSettings(port=plan.ports.up), "up", folder.run_file.exists)
        self._broker = self._make_broker()
        folder.note(plan.state)
        self._supervisor.launch(plan.store())
        self._broker.start()
        self._supervisor.adopt("broker", self._broker.child, restart=not self._broker.memory_only)
        self._teller.say(f"  broker      {self._broker.bootstrap} ({plan.state.broker})")
        self._supervisor.wait_ready(plan.store())
        self._teller.say(f"  store       {plan.settings.clickhouse.url}")

    def _make_broker(self) -> EmbeddedBroker | KafkaNode:
        plan = self.plan
        log = plan.folder.logs / "broker.log"
        if plan.state.broker == "embedded":
            return EmbeddedBroker(plan.ports.kafka, log)
        config = NodeConfig(plan.ports.kafka, plan.ports.controller)
        return KafkaNode(kafka_program(), plan.folder.kafka, config, log)

    def _prepare(self) -> None:
        """Tables, and topics that state is in."""
        from sinks.clickhouse import migrate
        from streams import admin
        from streams.catalog.load import load, rows_for_store

        settings = self.plan.settings
        with _told():
            migrate.run(settings, rows_for_store(load(settings.worker.catalog)))
            self._due = procedure.due(settings)
            if not self._due:
                admin.ensure(settings)
                procedure.note_new(settings)

    def _start_processes(self) -> None:
        """If state has to be rebuilt, worker and sink read while the log is filled; nothing new
        comes before it is full."""
        settings = self.plan.settings
        life = self._rebuild(self._due) if self._due else None
        self._launch("worker", "sink", "repair", "board", "intake", "collector")
        for name, spec in self.plan.processes().items():
            while not self._is_ready(spec):
                life = self._rebuild(_REFUSED)
                self._launch("worker", "sink", "repair", "intake")
            self._teller.say(f"  {name:<11} metrics on port {spec.port}")
        if life is not None:
            self._finish(life)
        if settings.kafka.memory_only:
            with _told():
                known = experiments.stored(settings.clickhouse)
                experiments.write(settings.kafka, *known)

    def _launch(self, *names: str) -> None:
        """Start those of them that are not there."""
        specs = self.plan.processes()
        for name in names:
            if not self._supervisor.has(name):
                self._supervisor.launch(specs[name])

    def _is_ready(self, spec: Spec) -> bool:
        """Wait until it is; False: somebody refuses the state."""
        try:
            self._supervisor.wait_ready(spec)
        except LocalError:
            if not self._supervisor.ended_with(Exit.REBUILD):
                raise
            return False
        return True

    def _look_at_state(self) -> None:
        """Rebuild it when the worker has refused it."""
        if not self._supervisor.ended_with(Exit.REBUILD):
            return
        life = self._rebuild(_REFUSED)
        self._launch("worker", "sink", "repair", "intake")
        self._finish(life)

    def _rebuild(self, reason: str) -> Life:
        """A new life of the topics between the stages, filled with all stored events. The
        collector goes on meanwhile."""
        began = monotonic()
        if len(self._rebuilt) == _REBUILDS and began - self._rebuilt[0] < _REBUILDS_SECONDS:
            raise LocalError(f"state was rebuilt {_REBUILDS} times, and again: {reason}")
        self._rebuilt.append(began)
        self._teller.say(f"Rebuilding state from the stored events: {reason}")
        for name in ("intake", "worker", "sink", "repair"):
            self._supervisor.stop(name)

        def tell(done: int, total: int) -> None:
            self._teller.progress("Rebuilding state from stored events", done, total)
            self._supervisor.tick()

        with _told():
            life = procedure.begin(self.plan.settings, _EMPTY_GROUP_SECONDS, self._tick)
            self._launch("worker", "sink")
            procedure.fill(self.plan.settings, life, tell)
        return life

    def _finish(self, life: Life) -> None:
        """Wait for the numbers that follow from the stored events, and drop what does not: if
        the life before ended at once, the store may hold numbers of events that it does not."""
        try:
            with _told():
                accounts = procedure.finish(self.plan.settings, life, _CATCH_UP_SECONDS, self._tick)
        except Unsettled as error:
            raise LocalError(f"the numbers of earlier events are not there yet: {error}") from error
        lost = total(accounts).lost
        if lost:
            self._teller.say(
                f"  {lost:,} events of earlier runs are lost: the embedded broker keeps nothing"
                " and ended before they were in the store"
            )

    def _tick(self, _: str) -> None:
        self._supervisor.tick()

    def _look_at_broker(self) -> None:
        broker = self._broker
        if not isinstance(broker, EmbeddedBroker):
            return
        if not broker.child.running():
            raise LocalError(
                broker.child.failure("has ended")
                + "\nStart again: what the store has is not lost, and state is rebuilt from it."
            )
        used = broker.memory()
        level = self._bound.level(used)
        if level is MemoryLevel.FULL:
            raise MemoryFull(self._bound.message(used))
        if level is MemoryLevel.WARN and not self._warned:
            self._warned = True
            self._teller.say(self._bound.message(used))

    def _drain(self, impatient: Callable[[], bool]) -> None:
        kafka = self.plan.state.broker == "kafka"
        seconds = _KAFKA_DRAIN_SECONDS if kafka else _EMBEDDED_DRAIN_SECONDS

        def tick(_: str) -> None:
            if impatient():
                raise Unsettled("the wait was cut short")
            self._supervisor.tick()

        try:
            drain(self.plan.settings, seconds, tick)
        except (Unsettled, LocalError, KafkaException, StoreError) as error:
            kept = "they are kept in Kafka" if kafka else "they are lost with the embedded broker"
            self._teller.say(f"Some events may not have reached the store ({error}); {kept}")

    def _abandon(self) -> None:
        self._supervisor.kill_all()
        if self._broker is not None:
            self._broker.stop()


@contextmanager
def _told() -> Iterator[None]:
    """What broker and store refuse, as errors for the user."""
    from streams.admin import TopicError

    try:
        yield
    except (TopicError, NotWritten, procedure.StillAtWork) as error:
        raise LocalError(str(error)) from error
    except KafkaException as error:
        raise LocalError(f"the broker refuses: {error.args[0].str()}") from error
    except (StoreError, StoreUnavailable) as error:
        raise LocalError(f"the store refuses: {error}") from error
