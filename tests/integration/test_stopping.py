"""SIGTERM ends each process in time: while it starts, while Kafka is away, and twice in a row."""

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.settings import (
    ClickHouseSettings,
    CollectorSettings,
    KafkaSettings,
    PrivacySettings,
    Settings,
    WorkerSettings,
)
from schemas.settings_load import dump
from schemas.stopping import STOP_SECONDS, Exit
from sinks.clickhouse import migrate
from streams import admin
from tests.fixtures.brokers import Broker
from tests.fixtures.running import command
from tests.fixtures.signals import wait_caught
from tests.fixtures.store import StoreProcess, running_store
from tests.fixtures.waiting import wait_for
from uptake.local.ports import free_ports
from uptake.local.processes import Spec, ready

_PROCESSES = ("collector", "intake", "worker", "sink")
_MORE = 6.0
"""Seconds that a machine with much else to do may take on top of a limit."""


def _settings(kafka: KafkaSettings, store: StoreProcess | None = None) -> Settings:
    (port,) = free_ports(1)
    made = Settings(
        kafka=kafka,
        privacy=PrivacySettings(pseudonym_key="a key for tests only"),
        collector=CollectorSettings(port=port, acknowledge_seconds=3.0),
        worker=WorkerSettings(session_seconds=4.0),
    )
    if store is None:
        return made
    return Settings(
        kafka=kafka,
        clickhouse=store.settings,
        privacy=made.privacy,
        collector=made.collector,
        worker=made.worker,
    )


def _written(settings: Settings, folder: Path) -> str:
    file = folder / "settings.json"
    file.write_bytes(dump(settings))
    return str(file)


@pytest.mark.parametrize("name", [*_PROCESSES, "repair", "board", "store", "reconcile", "up"])
def test_a_process_that_still_starts_ends_at_once(name: str, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    config = _written(_settings(KafkaSettings(bootstrap=f"127.0.0.1:{port}")), tmp_path)
    more = {
        "store": ("--data", str(tmp_path / "store")),
        "reconcile": ("--every", "1h"),
        "up": ("--data", str(tmp_path / "data"), "--ports", "auto"),
    }
    arguments = command(name, *more.get(name, ()), "--config", config)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(arguments, stdout=log, stderr=log, cwd=tmp_path)
    try:
        wait_caught(process.pid)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == Exit.DONE, (tmp_path / "log").read_text()
        assert time.monotonic() - began < 5
    finally:
        process.kill()
        process.wait()


def test_a_comparison_that_was_cut_off_has_not_found_all_equal(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings = Settings(clickhouse=ClickHouseSettings(url=url))
        arguments = command("reconcile", "--config", _written(settings, tmp_path))
        process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL, cwd=tmp_path)
        try:
            silent.settimeout(60)
            silent.accept()
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == -signal.SIGTERM
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StoreProcess]:
    with running_store(tmp_path / "store") as running:
        yield running


def test_they_end_in_time_while_kafka_and_clickhouse_are_away(
    embedded_broker: Broker, store: StoreProcess, tmp_path: Path
) -> None:
    settings = _settings(embedded_broker.settings, store)
    admin.ensure(settings)
    migrate.run(settings, {})
    config = _written(settings, tmp_path)
    specs = [Spec(name, (name, "--config", config), free_ports(1)[0]) for name in _PROCESSES]
    with (tmp_path / "log").open("wb") as log:
        running = [
            subprocess.Popen(each.command(), env=each.environment(), stdout=log, stderr=log)
            for each in specs
        ]
    try:
        for each in specs:
            wait_for(lambda each=each: ready(each.port), 60, each.name)  # type: ignore[misc]
        embedded_broker.kill()
        store.kill()
        began = time.monotonic()
        for process in running:
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(STOP_SECONDS + _MORE) for process in running]
        assert set(codes) <= {Exit.DONE, Exit.TIMEOUT}, (codes, (tmp_path / "log").read_text())
        assert time.monotonic() - began < STOP_SECONDS + _MORE
    finally:
        for process in running:
            process.kill()
            process.wait()
