"""`uptake up` from start to end, as its user sees it."""

import os
import re
import signal
import socket
import stat
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.brokers import KINDS, Kind, require
from tests.fixtures.running import Running, cli
from tests.fixtures.waiting import wait_for

_OPENED = (
    "SELECT numerator, people FROM indicators WHERE indicator = 'opportunities_opened' "
    "AND cohort_kind = 'all' AND window = '28d' ORDER BY window_end LIMIT 1"
)


def _settle(running: Running) -> str:
    done = cli("settle", "--config", running.config, "--timeout", "60", seconds=90)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each kind of broker."""
    require(request.param, request.config)
    kind: Kind = request.param
    return kind


@pytest.fixture
def up(kind: Kind, tmp_path: Path) -> Iterator[Running]:
    """An `uptake up` that is ready."""
    with Running(tmp_path / "data", kind) as running:
        yield running


def test_from_start_to_end(up: Running) -> None:
    run = up.run()
    assert set(run) == {
        "pid",
        "collector",
        "key",
        "clickhouse",
        "kafka",
        "registry",
        "metrics",
        "board",
    }
    assert run["pid"] == up.process.pid
    assert stat.S_IMODE(Path(up.config).stat().st_mode) == 0o600

    status = cli("status", "--config", up.config)
    assert status.returncode == 0, status.stdout + status.stderr
    assert len(re.findall(r"ready \(pid \d+\)", status.stdout)) == 8
    for url in run["metrics"].values():
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert b"uptake_build_info" in answer.read()

    up.post("ada", 40)
    assert "all: 40 received = 40 stored + 0 dead + 0 duplicate; 0 pending" in _settle(up)
    assert up.query("SELECT count() FROM events") == "40"

    again = cli("up", "--data", str(up.data), "--ports", "auto")
    assert again.returncode == 3
    assert f"in use by another `uptake up` (pid {up.process.pid})" in again.stderr

    assert up.end() == 0, up.told.read_text()
    assert not Path(up.config).exists()
    assert cli("status", "--config", up.config).returncode == 1
    assert "Traceback" not in up.told.read_text()


def test_what_was_accepted_is_there_after_an_end_and_a_new_start(
    kind: Kind, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with Running(data, kind) as first:
        first.post("ada", 25)
        first.post("bob", 5)
        assert first.end() == 0, first.told.read_text()
    with Running(data, kind) as second:
        assert second.query("SELECT count() FROM events") == "30"
        second.post("cyd", 3)
        assert "all: 33 received = 33 stored" in _settle(second)
        assert second.query(_OPENED) == "33\t3"
        assert second.end() == 0, second.told.read_text()


@pytest.mark.kafka
def test_a_folder_may_move_to_kafka(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    require("kafka", request.config)
    data = tmp_path / "data"
    with Running(data, "embedded") as embedded:
        embedded.post("ada", 8)
        assert embedded.end() == 0, embedded.told.read_text()
    for learner, opened in (("bob", "12\t2"), ("cyd", "16\t3")):
        with Running(data, "kafka") as kafka:
            kafka.post(learner, 4)
            _settle(kafka)
            assert kafka.query(_OPENED) == opened
            assert kafka.end() == 0, kafka.told.read_text()


def test_each_process_that_is_killed_is_started_again(up: Running) -> None:
    names = ["collector", "intake", "worker", "sink", "store"]
    for number, name in enumerate(names, 1):
        up.post(f"learner {number}", 10)
        _kill_and_wait(up, name)
    states = up.processes()
    assert [states[name]["restarts"] for name in names] == [1] * len(names)
    status = cli("status", "--config", up.config)
    assert status.stdout.count("restarted 1 times") == len(names)
    assert "all: 50 received = 50 stored" in _settle(up)
    assert up.end() == 0, up.told.read_text()


def _kill_and_wait(up: Running, name: str) -> None:
    old = up.processes()[name]["pid"]
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: up.processes()[name]["pid"] != old, 30, f"another process for {name}")
    wait_for(lambda: cli("status", "--config", up.config).returncode == 0, 60, "all ready")


def test_children_do_not_outlive_a_killed_supervisor(up: Running) -> None:
    pids = [state["pid"] for state in up.processes().values()]
    up.process.kill()
    up.process.wait()
    wait_for(lambda: not any(_alive(pid) for pid in pids), 15, "the end of all children")
    status = cli("status", "--config", up.config)
    assert status.returncode == 1
    assert "has ended without tidying up" in status.stdout


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        config = tmp_path / "uptake.toml"
        config.write_text(f"[collector]\nport = {port}\n")
        done = cli("up", "--data", str(tmp_path / "data"), "--config", str(config))
    assert done.returncode == 3
    assert re.search(r"port \d+ \(for .*\) is in use", done.stderr)
    assert "--ports auto" in done.stderr
    assert "Traceback" not in done.stderr


def test_interrupt_while_starting_ends_everything(tmp_path: Path) -> None:
    running = Running(tmp_path / "data", "embedded")
    try:
        store = tmp_path / "data" / "processes.json"
        wait_for(store.exists, 60, "the first process")
        pids = [state["pid"] for state in running.processes().values()]
        assert running.end(signal.SIGINT) == 3
        assert not any(_alive(pid) for pid in pids)
    finally:
        running.kill()


def test_the_embedded_brokers_bound_ends_all_with_advice(tmp_path: Path) -> None:
    with Running(tmp_path / "data", "embedded", "--broker-memory", "64") as running:
        number = 0
        while running.process.poll() is None and number < 200:
            number += 1
            _flood(running, number)
        assert running.process.wait(120) == 1
        told = running.told.read_text()
        assert "at the bound everything ends" in told
        assert "ending now" in told
        assert "--broker kafka" in told


def _flood(running: Running, number: int) -> None:
    """Records on a topic of nobody: memory without work."""
    from confluent_kafka import Producer

    run_file = Path(running.config)
    if not run_file.exists():
        return
    producer = Producer({"bootstrap.servers": running.run()["kafka"], "log_level": 0})
    for _ in range(100):
        producer.produce("flood", os.urandom(10_000))
    producer.flush(5)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
