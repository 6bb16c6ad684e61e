"""With a memory that is far too small for the real logs, the store repairs what memory let go of.

Everything is as exact as with a memory that holds all, and a resend of an event that memory has
forgotten is found in the store and counted as a duplicate.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures import logs
from tests.fixtures.exact import assert_exact, load_directory, settle
from tests.fixtures.running import Running, cli
from tests.recount.recount import recount

_CONFIG = """
[worker]
id_memory = 1500

[intake]
poll_records = 30
pack_events = 10
"""
"""A tenth of the events' ids; many small batches, because memory is looked at every 128 of them."""


_SETTLE_SECONDS = 400
_SOURCES = ("crm", "ticketing")
"""The newer log first, so that most of the older one lies before what memory may keep."""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    logs.require_logs()
    config = tmp_path / "uptake.toml"
    config.write_text(_CONFIG)
    with Running(tmp_path / "data", "embedded", "--config", str(config)) as up:
        yield up


@pytest.mark.chaos
@pytest.mark.timeout(1200)
def test_what_memory_lets_go_of_is_repaired(running: Running) -> None:
    wanted = recount(logs.events(*_SOURCES), logs.directory())
    load_directory(running)
    replay(running, "kafka")
    settle(running, _SETTLE_SECONDS)
    batches = running.query("SELECT max(batch_offset) FROM events_log")
    asked = int(running.query("SELECT count() FROM repairs"))
    print("repairs", asked, "batches", batches)
    assert asked > 0, f"memory let go of nothing in {batches} records"
    assert_exact(running, wanted)
    replay(running, "http")
    account = settle(running, _SETTLE_SECONDS)
    events = len(logs.events(*_SOURCES))
    assert f"all: {2 * events:,} received = {events:,} stored + 0 dead + {events:,} dup" in account
    assert_exact(running, wanted)
    assert running.query("SELECT count() FROM repairs_open") == "0"
    assert running.end() == 0, running.told.read_text()


def replay(running: Running, via: str) -> None:
    for source in _SOURCES:
        file = str(logs.FILES[source])
        done = cli("replay", source, file, "--via", via, "--config", running.config, seconds=180)
        assert done.returncode == 0, done.stdout + done.stderr
