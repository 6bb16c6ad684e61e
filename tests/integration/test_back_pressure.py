"""With the store standing still, nothing grows without bound; then the backlog drains."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.running import Running
from tests.integration.pressure import PROCESSES, Measured

_MIB = 1_048_576
_GROWTH = 48 * _MIB
"""What a process may take more in the second half of the stop than in the first: buffers of
librdkafka and of the allocator that fill up; the backlog is many times as much in Python."""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    config = tmp_path / "uptake.toml"
    config.write_text("[sink]\nbatch_rows = 1000\n[intake]\npoll_records = 500\n")
    with Running(tmp_path / "data", "embedded", "--config", str(config)) as up:
        yield up


def test_nothing_grows_while_the_store_stands_still(running: Running) -> None:
    measured = Measured(running, 300.0, 3.0, 14.0)
    print("\n".join(measured.lines()))
    assert measured.backlog > 1_000
    # The embedded broker keeps everything by design.
    for name in (name for name in PROCESSES if name != "broker"):
        assert measured.late[name] <= measured.early[name] + _GROWTH, name
    total = measured.account.splitlines()[-1]
    assert f"{measured.accepted:,} stored + 0 dead + 0 duplicate" in total
    assert "0 pending, 0 difference" in total
    assert running.end() == 0
