"""The three real logs through the whole way, against two independent recounts. Exactly."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures import logs
from tests.fixtures.brokers import KINDS, Kind, require
from tests.fixtures.exact import assert_exact, load_directory, settle
from tests.fixtures.running import Running, cli
from tests.recount import recount_sql
from tests.recount.recount import Key, Value


@pytest.fixture(params=KINDS)
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    logs.require_logs()
    kind: Kind = request.param
    require(kind, request.config)
    with Running(tmp_path / "data", kind) as up:
        yield up


def test_exact_by_http_and_then_by_kafka(
    running: Running, numbers_of_logs: dict[Key, Value]
) -> None:
    """The second replay, by the other entrance, changes no number."""
    load_directory(running)
    replay(running, "http")
    settle(running)
    assert_exact(running, numbers_of_logs)
    replay(running, "kafka")
    account = settle(running)
    assert_exact(running, numbers_of_logs)
    events = len(logs.events())
    assert f"all: {2 * events:,} received = {events:,} stored + 0 dead + {events:,} dup" in account
    assert running.end() == 0, running.told.read_text()


def test_exact_by_kafka_alone(running: Running, numbers_of_logs: dict[Key, Value]) -> None:
    load_directory(running)
    replay(running, "kafka")
    settle(running)
    assert_exact(running, numbers_of_logs)
    assert recount_sql.recount(running.rows) == numbers_of_logs
    assert running.end() == 0, running.told.read_text()


def replay(running: Running, via: str) -> None:
    for source, file in logs.FILES.items():
        done = cli(
            "replay", source, str(file), "--via", via, "--config", running.config, seconds=180
        )
        assert done.returncode == 0, done.stdout + done.stderr
