"""All processes of the pipeline, started here one by one, so that each can be hurt alone.

Between some of them lies a proxy: a process has settings of its own that name the proxy instead
of what is behind it.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Final

from msgspec.structs import replace

from schemas.settings import (
    ClickHouseSettings,
    CollectorSettings,
    IntakeSettings,
    KafkaSettings,
    KeySettings,
    PrivacySettings,
    Settings,
    WorkerSettings,
)
from schemas.settings_load import dump
from sinks.clickhouse import migrate
from streams import admin
from streams.catalog.load import load, rows_for_store
from streams.intake import directory
from tests.chaos.brokers import Brokers
from tests.chaos.clocks import Clock
from tests.chaos.disk import Disk
from tests.chaos.process import Process
from tests.chaos.proxy import Link
from tests.chaos.schedule import HELPERS, LINKS, WORKER_SESSION_SECONDS, Fault
from tests.chaos.upgrade import Upgrade
from tests.fixtures.brokers import Kind
from tests.fixtures.catalogs import old_catalog
from tests.fixtures.waiting import wait_for
from uptake.feed.target import Target
from uptake.local.child import Child
from uptake.local.files import write_private
from uptake.local.kafka import KafkaNode
from uptake.local.kafka_cluster import NODES
from uptake.local.ports import LOOPBACK, free_ports
from uptake.local.processes import Spec
from uptake.local.settle import settle

KEY: Final = "chaos-write-key-0123456789"
PASSWORD: Final = "chaos-store-password"
_ROOT: Final = Path(__file__).parents[2]
_PAUSE_SECONDS: Final = 0.5
_READY_SECONDS: Final = 120.0
_ORDER: Final = ("worker", "sink", "repair", "intake", "collector")
_OF_CATALOG: Final = ("worker", "sink", "repair", "intake")
"""They have to end before state is made anew; helpers of them too."""
_PORTS: Final = 40
_END_SECONDS: Final = 30.0
_UPGRADE_SECONDS: Final = 180.0


class Pipeline:
    """One run's processes. All methods belong to the thread that made it: children end with it."""

    def __init__(self, folder: Path, kind: Kind, faults: Sequence[Fault] = ()) -> None:
        """`faults`: what is to come, for what has to be prepared."""
        self.folder = folder.absolute()
        self.kind = kind
        self.folder.mkdir(parents=True, exist_ok=True)
        self.own_ends: Counter[str] = Counter()
        """Processes that ended without our doing, with the reason that they logged."""
        # All at once: two draws may give the same port.
        free = iter(free_ports(_PORTS))
        store, collector = next(free), next(free)
        self._brokers = Brokers(kind, self.folder, free)
        self.links = {
            "feeder-collector": Link([collector]),
            "sink-store": Link([store]),
            **self._brokers.links,
        }
        assert set(self.links) == {*LINKS, *self._brokers.links}
        self.settings = _settings(kind, self._brokers.bootstrap, store, collector)
        self._upgrade: Upgrade | None = None
        self._back: set[str] = set()
        """Who is to be started when the upgrade allows it."""
        if any(fault.what == "catalog" for fault in faults):
            self._put_catalog(str(old_catalog(self.folder)))
        self.clocks = {
            fault.whom: Clock(self.folder / f"{fault.whom}.clock")
            for fault in faults
            if fault.what == "clock"
        }
        self._disk: Disk | None = None
        if any(fault.what == "full" for fault in faults):
            self._disk = Disk(self.folder / "store")
        self._processes: dict[str, Process] = {}
        for name, node in self._brokers.nodes.items():
            begin = node.launch if isinstance(node, KafkaNode) else None
            self._processes[name] = Process(node.child, self._brokers.ports[name], begin=begin)
        self._add("store", "store", store, "/ping")
        for name in (*_ORDER, *HELPERS):
            self._add(name, name.split("-")[0], next(free))

    @property
    def config(self) -> Path:
        """The settings by which commands reach all, past the proxies, in a file."""
        file = self._file("commands")
        write_private(file, dump(self.settings))
        return file

    @property
    def target(self) -> Target:
        """Where to feed, past all proxies."""
        collector = f"http://{LOOPBACK}:{self.settings.collector.port}"
        return Target(os.getpid(), collector, KEY, self.settings.kafka.bootstrap)

    def start(self, teams: Path) -> None:
        """Start all, load the directory of learners, and wait until it is in force everywhere: an
        event that came before would not count for the cohorts of its learner."""
        self._processes["store"].start()
        self._brokers.start()
        for name in self._brokers.nodes:
            self._processes[name].held = False
        admin.ensure(self.settings)
        self._processes["collector"].start()
        self._processes["worker"].start()
        self._wait_ready("store")
        migrate.run(self.settings, rows_for_store(load(self.settings.worker.catalog)))
        for name in ("intake", "sink", "repair"):
            self._processes[name].start()
        directory.load(self.settings, teams, lambda _done, _total: None)
        for name in _ORDER:
            self._wait_ready(name)
        settle(self.settings, _READY_SECONDS, lambda _: self.tick())

    def tick(self) -> None:
        """Start again what has ended; to be called several times a second."""
        self._go_on_upgrading()
        for process in self._processes.values():
            process.look()
            if process.held or process.child.running():
                continue
            if process.start_at is None:
                process.start_at = monotonic() + _PAUSE_SECONDS
                if not process.expected:
                    self._note_end_of(process.child)
            elif monotonic() >= process.start_at:
                process.start()

    def wait_all_ready(self) -> None:
        """Until everything that belongs here runs and is ready, and no upgrade is under way."""
        if self._upgrade is not None:
            self._wait_for(lambda: not self.upgrading(), _UPGRADE_SECONDS, "state to be filled")
        for name in ("store", *_ORDER):
            self._wait_ready(name)
        if self._upgrade is not None:
            self._wait_for(self._upgraded, _UPGRADE_SECONDS, "state to be whole")

    def upgrade(self) -> None:
        """End what works by the catalog, and make state anew by the bundled one. Who is asked to
        start meanwhile does so when that is allowed."""
        self._put_catalog("")
        for name in (*_OF_CATALOG, *HELPERS):
            process = self._processes[name]
            write_private(self._file(name), dump(self._settings_of(name.split("-")[0])))
            if not process.held:
                self._back.add(name)
            process.held = True
            process.child.ask_to_end()
        spec = Spec("rebuild-state", ("rebuild-state", "--config", str(self.config)), 0)
        environment = {**spec.environment(), "PYTHONPATH": str(_ROOT)}
        log = self.folder / "rebuild-state.log"
        self._upgrade = Upgrade(spec.command(), log, environment, self._note_end_of)

    def upgrading(self) -> bool:
        """Whether processes must not be started, as state is being made anew."""
        return self._upgrade is not None and not self._upgrade.filled

    def kill_upgrade(self) -> None:
        """SIGKILL for the command that makes state anew; it is started again soon."""
        if self._upgrade is not None:
            self._upgrade.kill()

    def kill(self, name: str) -> None:
        """SIGKILL; it is started again soon."""
        process = self._processes[name]
        process.expected = True
        if process.child.running():
            process.child.kill()

    def freeze(self, name: str) -> int:
        """SIGSTOP; the pid, for `thaw`. 0: it was not running."""
        child = self._processes[name].child
        if not child.running() or child.pid is None:
            return 0
        os.kill(child.pid, signal.SIGSTOP)
        return child.pid

    def thaw(self, name: str, pid: int) -> None:
        """SIGCONT, if that process still lives."""
        child = self._processes[name].child
        if pid and child.pid == pid and child.running():
            os.kill(pid, signal.SIGCONT)

    def running(self, name: str) -> bool:
        """Whether it has not ended."""
        return self._processes[name].child.running()

    def steady(self) -> bool:
        """Whether all brokers run and every partition has all its copies."""
        brokers = [self._processes[name] for name in self._brokers.nodes]
        cluster = self._brokers.cluster
        running = all(process.child.running() for process in brokers)
        return running and (cluster is None or cluster.in_sync())

    def empty(self, name: str) -> None:
        """SIGKILL for a broker, and its data are gone; it is away until `release`."""
        node = self._brokers.nodes[name]
        assert isinstance(node, KafkaNode)
        self.hold(name)
        node.forget()

    def fill_disk(self) -> None:
        """Nothing more can be written to the disk of the store."""
        assert self._disk is not None
        self._disk.fill()

    def mend_disk(self) -> None:
        """There is room again."""
        if self._disk is not None:
            self._disk.mend()

    def memory(self) -> dict[str, int]:
        """Process -> the most memory in MiB that it had at any look."""
        return {name: each.peak_bytes >> 20 for name, each in self._processes.items()}

    def hold(self, name: str) -> None:
        """SIGKILL, and keep it away until `release`."""
        self._processes[name].held = True
        self.kill(name)

    def release(self, name: str) -> None:
        """Start it, if it is away."""
        if self.upgrading() and name.split("-")[0] in _OF_CATALOG:
            self._back.add(name)
        elif not self._processes[name].child.running():
            self._processes[name].start()

    def leave(self, name: str, how: str) -> None:
        """It goes until `release`: killed, or asked to end."""
        process = self._processes[name]
        process.held = True
        self._back.discard(name)
        if how == "kill":
            process.child.kill()
        else:
            process.child.ask_to_end()

    def mend(self) -> None:
        """End everything that was done to links and helpers."""
        for link in self.links.values():
            link.mend()
        self.mend_disk()
        for clock in self.clocks.values():
            clock.put_wrong(0)
        for name in HELPERS:
            self.leave(name, "term")
        for name in ("store", *_ORDER, *self._brokers.nodes):
            self.release(name)

    def end(self) -> list[str]:
        """SIGTERM for all, in order; what did not end in time or with exit code 0."""
        told = []
        for name in ("collector", "intake", *HELPERS, "worker", "sink", "repair"):
            process = self._processes[name]
            process.held = True
            started = process.child.pid is not None and process.child.running()
            if started and not process.child.stop(_END_SECONDS):
                told.append(f"{name} did not end within {_END_SECONDS:.0f} s of SIGTERM")
            elif started and process.child.exit_code() != 0:
                told.append(f"{name} ended with exit code {process.child.exit_code()}")
        self._close()
        return told

    def abandon(self) -> None:
        """SIGKILL for all that is left."""
        if self._upgrade is not None:
            self._upgrade.close()
        for process in self._processes.values():
            process.held = True
            with suppress(ProcessLookupError):
                process.child.kill()
        self._close()

    def _close(self) -> None:
        self._processes["store"].child.stop(_END_SECONDS)
        self._brokers.stop()
        for link in self.links.values():
            link.close()
        if self._disk is not None:
            self._disk.close()

    def _wait_ready(self, name: str) -> None:
        process = self._processes[name]
        self._wait_for(process.is_ready, _READY_SECONDS, f"{name} to be ready")

    def _wait_for(self, there: Callable[[], bool], seconds: float, what: str) -> None:
        def look() -> bool:
            self.tick()
            return there()

        wait_for(look, seconds, what)

    def _upgraded(self) -> bool:
        return self._upgrade is None or self._upgrade.done

    def _go_on_upgrading(self) -> None:
        if self._upgrade is None:
            return
        self._upgrade.tick()
        if not self._upgrade.filled:
            return
        for name in self._back:
            process = self._processes[name]
            process.held = False
            # One that was frozen all the while is started when it has come to its end.
            process.expected = True
        self._back.clear()

    def _put_catalog(self, file: str) -> None:
        worker = replace(self.settings.worker, catalog=file)
        self.settings = replace(self.settings, worker=worker)

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _note_end_of(self, child: Child) -> None:
        lines = child.last_lines(count=200)
        reasons = [line for line in lines if " CRITICAL " in line] or lines[-1:]
        told = reasons[0].partition(" CRITICAL ")[2] or reasons[0] if reasons else ""
        told = told[:160]
        self.own_ends[f"{child.name} ended with {child.exit_code()}: {told}"] += 1

    def _add(self, name: str, command: str, port: int, path: str = "/readyz") -> None:
        file = self._file(name)
        write_private(file, dump(self._settings_of(command)))
        arguments = [command, "--config", str(file)]
        if command == "store":
            arguments += ["--data", str(self.folder / "store")]
        spec = Spec(command, tuple(arguments), port, path)
        environment = {**spec.environment(), "PYTHONPATH": str(_ROOT)}
        if name in self.clocks:
            environment |= self.clocks[name].environment(str(_ROOT))
        child = Child(name, spec.command(), self.folder / f"{name}.log", environment)
        self._processes[name] = Process(child, port, path)

    def _settings_of(self, command: str) -> Settings:
        """The settings of a process: it reaches others through the proxies."""
        settings = self.settings
        link = self.links.get(f"{command}-broker")
        if link is not None:
            kafka = replace(settings.kafka, bootstrap=link.bootstrap)
            settings = replace(settings, kafka=kafka)
        if command == "sink":
            url = f"http://{LOOPBACK}:{self.links['sink-store'].ports[0]}"
            settings = replace(settings, clickhouse=replace(settings.clickhouse, url=url))
        return settings


def _settings(kind: Kind, bootstrap: str, store: int, collector: int) -> Settings:
    """Short epochs and small batches, so that a fault meets every phase of them."""
    return Settings(
        kafka=KafkaSettings(
            bootstrap=bootstrap,
            memory_only=kind == "embedded",
            generation=1,
            replication=NODES if kind == "cluster" else 1,
        ),
        clickhouse=ClickHouseSettings(url=f"http://{LOOPBACK}:{store}", password=PASSWORD),
        collector=CollectorSettings(port=collector, keys=[KeySettings("chaos", KEY, "*")]),
        intake=IntakeSettings(poll_records=200, pack_events=20),
        worker=WorkerSettings(session_seconds=WORKER_SESSION_SECONDS, epoch_seconds=0.4),
        privacy=PrivacySettings(pseudonym_key="chaos-pseudonym-key-0123456789"),
    )
