"""The data folder of `uptake up`: what lies in it, and who may use it.

run.json        where everything listens, while it runs: the contract for other programs
settings.json   all settings in force, while it runs
processes.json  pid and restarts of each process, for `uptake status`
secrets.json    made once; without its pseudonym key old and new events of a person do not meet
state.json      which broker, and which life of its log
kafka/ store/   data of Apache Kafka and of the store
logs/           a log file for each process
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from uptake.local.errors import LocalError
from uptake.local.files import write_json

BrokerKind = Literal["embedded", "kafka"]
T = TypeVar("T")
_OLD_LOG_BYTES = 10_000_000


class Store(Struct):
    """How to reach ClickHouse. `reader_password`: of the user `reader`, who may only read."""

    url: str
    user: str
    password: str
    database: str
    reader_password: str = ""


class Run(Struct):
    """run.json."""

    pid: int
    collector: str
    key: str
    clickhouse: Store
    kafka: str
    registry: str | None
    metrics: dict[str, str]
    board: str


class ProcessState(Struct):
    """One process in processes.json."""

    pid: int | None
    running: bool
    restarts: int = 0
    exit_code: int | None = None


class Secrets(Struct, forbid_unknown_fields=True):
    """secrets.json."""

    pseudonym_key: str
    store_password: str
    write_key: str


class State(Struct):
    """state.json."""

    broker: BrokerKind
    generation: int = 0


class DataFolder:
    """One folder; `hold` it before changing anything in it."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.logs = self.path / "logs"
        self.kafka = self.path / "kafka"
        self.store = self.path / "store"
        self.run_file = self.path / "run.json"
        self.settings_file = self.path / "settings.json"
        self.processes_file = self.path / "processes.json"

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep others out. Raises LocalError when another `uptake up` has it, or when the folder
        cannot be written."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = (self.path / "lock").open("a+")
        except OSError as error:
            raise LocalError(f"{self.path} cannot be used for data: {error.strerror}") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                lock.seek(0)
                holder = lock.read().strip() or "unknown"
                raise LocalError(
                    f"{self.path} is in use by another `uptake up` (pid {holder}); end that one, "
                    "or give another folder with `--data`"
                ) from error
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            self._begin()
            try:
                yield
            finally:
                self._forget_run()

    def read_run(self) -> Run | None:
        """run.json; None while nothing runs. Raises LocalError when it is damaged."""
        return _read(self.run_file, Run)

    def read_processes(self) -> dict[str, ProcessState]:
        """processes.json. Raises LocalError when it is damaged."""
        return _read(self.processes_file, dict[str, ProcessState]) or {}

    def secrets(self) -> Secrets:
        """The secrets, made the first time. Raises LocalError when they are damaged."""
        path = self.path / "secrets.json"
        known = _read(path, Secrets)
        if known is None:
            known = Secrets(*(secrets.token_urlsafe(32) for _ in range(3)))
            write_json(path, known)
        return known

    def state(self) -> State | None:
        """What the last run noted; None in a new folder. Raises LocalError when it is damaged."""
        return _read(self.path / "state.json", State)

    def note(self, state: State) -> None:
        """Keep the state."""
        write_json(self.path / "state.json", state)

    def _begin(self) -> None:
        """Tidy up after a run that was killed, and put large logs aside."""
        self._forget_run()
        self.logs.mkdir(exist_ok=True)
        for log in self.logs.glob("*.log"):
            if log.stat().st_size > _OLD_LOG_BYTES:
                log.replace(log.with_suffix(".log.old"))

    def _forget_run(self) -> None:
        for path in (self.run_file, self.settings_file, self.processes_file):
            path.unlink(missing_ok=True)


def next_state(known: State | None, broker: BrokerKind, kafka_is_new: bool) -> State:
    """The state of the run that begins now.

    Each start of the embedded broker, and a new Kafka folder, is a new generation: offsets begin
    again at 0. Raises LocalError where the folder's Kafka has newer events than the store.
    """
    last = known or State(broker)
    if broker == "embedded":
        if last.broker == "kafka":
            raise LocalError(
                "this data folder is kept on Apache Kafka, which may hold events that are not in "
                "the store yet; use `--broker kafka`, or another folder with `--data`"
            )
        return State("embedded", last.generation + 1)
    if kafka_is_new:
        return State("kafka", last.generation + 1)
    return State("kafka", max(last.generation, 1))


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise LocalError(f"{path} cannot be read: {error}") from error
