"""What one run of `uptake up` will look like: its ports, its settings, its processes."""

from dataclasses import replace as replace_spec
from typing import NamedTuple

from msgspec.structs import replace

from schemas.settings import KeySettings, Settings
from schemas.settings_load import DEFAULT, Loaded
from sinks.clickhouse.embedded import reader_password
from uptake.local.folder import DataFolder, Run, Secrets, State, Store
from uptake.local.ports import LOOPBACK, free_ports
from uptake.local.processes import Spec

_EMBEDDED_SESSION_SECONDS = 6.0
_WORKER_INSTANCE = "up"
"""The group keeps the partitions of a static member that has died for as long as a session: the
worker that is started in its place has them at once."""


class Ports(NamedTuple):
    """Where everything listens, on the loopback interface."""

    kafka: int = 9092
    controller: int = 9093
    clickhouse: int = 8123
    collector: int = 8000
    up: int = 9400
    collector_metrics: int = 9401
    intake_metrics: int = 9402
    worker_metrics: int = 9403
    sink_metrics: int = 9404
    repair_metrics: int = 9405
    board: int = 8050
    board_metrics: int = 9406

    def purposes(self) -> dict[str, int]:
        """Each port by what it is for, in words."""
        return {
            "Kafka clients": self.kafka,
            "Kafka's controller": self.controller,
            "ClickHouse clients": self.clickhouse,
            "the collector": self.collector,
            "metrics of up": self.up,
            "metrics of the collector": self.collector_metrics,
            "metrics of intake": self.intake_metrics,
            "metrics of the worker": self.worker_metrics,
            "metrics of the sink": self.sink_metrics,
            "metrics of repair": self.repair_metrics,
            "the board": self.board,
            "metrics of the board": self.board_metrics,
        }


def choose_ports(base: Loaded, auto: bool) -> Ports:
    """Free ports, or the known ones; the collector's and the board's may come from the settings."""
    if auto:
        return Ports(*free_ports(len(Ports._fields)))
    chosen = {
        name: getattr(base.settings, name).port
        for name in ("collector", "board")
        if base.origins.get(f"{name}.port", DEFAULT) != DEFAULT
    }
    return Ports(**chosen)


def settings_of(base: Settings, ports: Ports, secrets: Secrets, state: State) -> Settings:
    """The settings of all processes of this run: the user's, with what `up` decides."""
    kafka = replace(
        base.kafka,
        bootstrap=f"{LOOPBACK}:{ports.kafka}",
        replication=1,
        generation=state.generation,
        memory_only=state.broker == "embedded",
        security={},
    )
    clickhouse = replace(
        base.clickhouse,
        url=f"http://{LOOPBACK}:{ports.clickhouse}",
        user="default",
        password=base.clickhouse.password or secrets.store_password,
        replicated=False,
    )
    # The embedded broker holds the worker's first join for half of its session.
    longest = _EMBEDDED_SESSION_SECONDS if kafka.memory_only else base.worker.session_seconds
    session = min(longest, base.worker.session_seconds)
    worker = replace(base.worker, session_seconds=session)
    local = KeySettings("local", secrets.write_key, "*")
    collector = replace(base.collector, port=ports.collector, keys=[*base.collector.keys, local])
    privacy = replace(
        base.privacy, pseudonym_key=base.privacy.pseudonym_key or secrets.pseudonym_key
    )
    board = replace(base.board, host=LOOPBACK, port=ports.board)
    return replace(
        base,
        board=board,
        kafka=kafka,
        clickhouse=clickhouse,
        collector=collector,
        worker=worker,
        privacy=privacy,
    )


class Plan(NamedTuple):
    """Everything that is known before the first process starts."""

    folder: DataFolder
    ports: Ports
    settings: Settings
    secrets: Secrets
    state: State

    def store(self) -> Spec:
        """The embedded store."""
        arguments = ("store", "--data", str(self.folder.store), *self._config())
        return Spec("store", arguments, self.ports.clickhouse, "/ping", stop_seconds=30.0)

    def processes(self) -> dict[str, Spec]:
        """The others by name."""
        ports = {
            "worker": self.ports.worker_metrics,
            "sink": self.ports.sink_metrics,
            "repair": self.ports.repair_metrics,
            "intake": self.ports.intake_metrics,
            "collector": self.ports.collector_metrics,
            "board": self.ports.board_metrics,
        }
        specs = {name: Spec(name, (name, *self._config()), port) for name, port in ports.items()}
        # In its environment, not in settings.json: a second worker that is started by hand with
        # that file has to be another member.
        specs["worker"] = replace_spec(specs["worker"], instance=_WORKER_INSTANCE)
        return specs

    def run(self, pid: int) -> Run:
        """run.json."""
        settings = self.settings
        metrics = {name: spec.port for name, spec in self.processes().items()}
        return Run(
            pid=pid,
            collector=f"http://{LOOPBACK}:{self.ports.collector}",
            key=self.secrets.write_key,
            clickhouse=Store(
                settings.clickhouse.url,
                settings.clickhouse.user,
                settings.clickhouse.password,
                settings.clickhouse.database,
                reader_password(settings.clickhouse.password),
            ),
            kafka=settings.kafka.bootstrap,
            registry=settings.kafka.registry or None,
            board=f"http://{LOOPBACK}:{self.ports.board}",
            metrics={
                name: f"http://{LOOPBACK}:{port}/metrics"
                for name, port in {**metrics, "up": self.ports.up}.items()
            },
        )

    def _config(self) -> tuple[str, str]:
        return "--config", str(self.folder.settings_file)
