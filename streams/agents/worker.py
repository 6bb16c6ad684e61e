"""The worker process: one Faust app with three agents, each on the epoch log of its own table."""

import asyncio
import logging
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Mapping
from functools import partial
from time import sleep
from typing import Any, NamedTuple, cast

import faust
from aiokafka.errors import KafkaError
from faust.types import StreamT
from mode.supervisors import CrashingSupervisor

from schemas.health import serve
from schemas.records import Fingerprint
from schemas.settings import Settings
from schemas.stopping import Exit, end_within, started
from schemas.topics import AGENTS
from streams.agents import garbage, patches
from streams.agents.heartbeat import Heartbeat
from streams.agents.quiet import quieten
from streams.agents.runner import AgentRunner
from streams.agents.security import credentials
from streams.agents.stages import SOURCES, stage_factories
from streams.kafka_clients import MAX_RECORD_BYTES
from streams.model.stage import StageFactory
from streams.state import allocator, fingerprint
from streams.state.errors import Guard, exit_code

_TICK_SECONDS = 0.025
_LEAVE_SECONDS = 4.0
_CRASH_SECONDS = 5.0
_WATCH_SECONDS = 1.0
_FETCH_BYTES = 4 * 1024 * 1024
_BATCH_BYTES = 1024 * 1024
_WAITING_RECORDS = 64

_log = logging.getLogger(__name__)


class _Process(faust.Worker):
    """Ends within a limit, whatever Faust waits for (when it just joins a group, for ever)."""

    is_idle: Callable[[], bool]

    async def stop(self) -> None:
        """Stop; gone after _LEAVE_SECONDS if nothing is to be written, else STOP_SECONDS."""
        _after(_LEAVE_SECONDS, self._leave)
        end_within()
        await super().stop()

    def _leave(self) -> None:
        if self.is_idle():
            os._exit(int(Exit.DONE))


class Failure:
    """The first error that stops the worker."""

    def __init__(self, app: faust.App) -> None:
        self.error: Exception | None = None
        self._app = app
        self._task: asyncio.Task[None] | None = None

    def __call__(self, error: Exception) -> None:
        """Stop the worker. What was not written is done again after a restart."""
        if self.error is None:
            self.error = error
            _log.critical("the worker stops: %s: %s", type(error).__name__, error, exc_info=error)
            _after(_CRASH_SECONDS, partial(_end, exit_code(error)))
            self._task = asyncio.ensure_future(self._app.crash(error))


def run(settings: Settings, factories: Mapping[str, StageFactory] | None = None) -> int:
    """Work until SIGTERM; return the exit code. `factories`: other stages than the product's.

    Raises SecurityError, and what loading the catalog and the vocabulary raises.
    """
    quieten()
    allocator.one_arena()
    # Until Faust listens to it.
    signal.signal(signal.SIGTERM, _leave_early)
    started()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    with tempfile.TemporaryDirectory(prefix="uptake-worker-") as folder:
        made_by = fingerprint.of(settings)
        made = build(settings, folder, factories or stage_factories(settings), made_by)
        port = serve(settings.metrics, "worker", made.is_ready)
        _log.info("worker: metrics on %s:%d", settings.metrics.host, port)
        # Logging is ours; Faust's own, at level warning, turns on debug lines everywhere.
        process = _Process(made.app, loop=loop, override_logging=False, redirect_stdouts=False)
        process.spinner = None
        process.is_idle = made.is_idle
        _watch_group(made, loop)
        garbage.begin()
        try:
            process.execute_from_commandline()
        except SystemExit as ended:
            error = made.failure.error
            return int(ended.code or 0) if error is None else exit_code(error)


class WorkerApp(NamedTuple):
    """The app and what runs in it."""

    app: faust.App
    runners: list[AgentRunner]
    failure: Failure

    def is_ready(self) -> bool:
        """Whether input is read, as far as there are partitions for this worker."""
        return bool(self.app.tables.actives_ready) and not self.app.rebalancing

    def is_idle(self) -> bool:
        """Whether nothing is left to be written, and nothing went wrong."""
        return self.failure.error is None and not any(runner.is_busy for runner in self.runners)


def build(
    settings: Settings,
    folder: str,
    factories: Mapping[str, StageFactory],
    made_by: Fingerprint,
) -> WorkerApp:
    """The app with its agents, not started. `made_by`: see `streams.state.fingerprint`. Raises
    SecurityError."""
    app = faust.App(settings.worker.group, **_app_settings(settings, folder))
    patches.install(app, idempotent=not settings.kafka.memory_only)
    failure = Failure(app)
    heartbeat = Heartbeat(settings.worker.session_seconds)
    runners = [
        AgentRunner(
            app, agent, SOURCES[agent], factories[agent], settings, made_by, heartbeat, failure
        )
        for agent in AGENTS
    ]
    for runner in runners:
        app.tables.add(runner.table)
        _add_agent(app, runner)
    _connect(app, runners, heartbeat, failure)
    return WorkerApp(app, runners, failure)


def _app_settings(settings: Settings, folder: str) -> dict[str, Any]:
    worker = settings.worker
    return {
        "broker": ";".join(f"kafka://{place}" for place in settings.kafka.bootstrap.split(",")),
        "broker_credentials": credentials(settings.kafka.security),
        "datadir": folder,
        "store": "memory://",
        "web_enabled": False,
        "agent_supervisor": CrashingSupervisor,
        # Topics are made by `streams.admin`.
        "topic_partitions": settings.kafka.partitions,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "table_standby_replicas": 0,
        "broker_session_timeout": worker.session_seconds,
        "broker_heartbeat_interval": worker.session_seconds / 5,
        "broker_request_timeout": max(30.0, worker.session_seconds),
        "consumer_group_instance_id": worker.instance or None,
        "consumer_auto_offset_reset": "earliest",
        "consumer_max_fetch_size": _FETCH_BYTES,
        "producer_acks": -1,
        "producer_linger": 0,
        "producer_max_batch_size": _BATCH_BYTES,
        "producer_max_request_size": MAX_RECORD_BYTES,
        "stream_buffer_maxsize": _WAITING_RECORDS,
        "stream_wait_empty": False,
    }


def _add_agent(app: faust.App, runner: AgentRunner) -> None:
    # Without acks Faust commits nothing by itself.
    topic = app.topic(
        runner.source,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        acks=False,
    )

    async def consume(stream: StreamT[Any]) -> None:
        await runner.consume(cast(faust.Stream[Any], stream))

    app.agent(topic, name=runner.agent)(consume)


def _connect(
    app: faust.App, runners: list[AgentRunner], heartbeat: Heartbeat, failure: Failure
) -> None:
    async def tick() -> None:
        with Guard(failure):
            while not app.should_stop:
                heartbeat.beat()
                for runner in runners:
                    runner.tick()
                await asyncio.sleep(_TICK_SECONDS)

    async def release(*_: object, **__: object) -> None:
        if failure.error is None:
            with Guard(failure):
                await asyncio.gather(*(runner.release() for runner in runners))

    app.task(tick)
    app.on_partitions_revoked.connect(release)
    app.on_before_shutdown.connect(release)


def _watch_group(made: WorkerApp, loop: asyncio.AbstractEventLoop) -> None:
    """From a thread: Faust begins tasks only when the worker has got its partitions once."""

    def watch() -> None:
        while made.failure.error is None:
            sleep(_WATCH_SECONDS)
            try:
                patches.check_group(made.app)
                patches.ask_for_missing(made.app)
            except KafkaError as error:
                loop.call_soon_threadsafe(made.failure, error)
                return

    threading.Thread(target=watch, name="group", daemon=True).start()


def _after(seconds: float, act: Callable[[], None]) -> None:
    """Call it from a thread, if the process is still there then."""
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()


def _leave_early(number: int, frame: object) -> None:
    raise SystemExit(int(Exit.DONE))


def _end(code: int) -> None:
    """What was not written is done again by the next one."""
    os._exit(code)
