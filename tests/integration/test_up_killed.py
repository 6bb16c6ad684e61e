"""All of `uptake up` on the embedded broker dies at once, in the middle of real logs."""

from pathlib import Path

import pytest

from tests.fixtures import logs
from tests.fixtures.exact import assert_exact, load_directory, settle, shown
from tests.fixtures.running import Running, cli
from tests.fixtures.waiting import wait_for
from tests.recount import recount_sql
from tests.recount.recount import Key, Value


@pytest.fixture
def data(tmp_path: Path) -> Path:
    logs.require_logs()
    return tmp_path / "data"


def test_numbers_follow_from_what_is_stored(data: Path, numbers_of_logs: dict[Key, Value]) -> None:
    """What the broker had not passed on is lost with it; the rest is whole, and so after a second
    replay."""
    with Running(data, "embedded") as first:
        load_directory(first)
        replay(first, "crm")
        wait_for(lambda: int(first.query("SELECT count() FROM events")) > 2_000, 60, "2,000 events")
        first.process.kill()
        first.process.wait()
    with Running(data, "embedded") as second:
        stored = int(second.query("SELECT count() FROM events"))
        assert stored > 2_000
        assert shown(second) == recount_sql.recount(second.rows)
        replay(second, "ticketing", "crm", "lms")
        settle(second)
        assert_exact(second, numbers_of_logs)
        assert second.end() == 0, second.told.read_text()


def replay(running: Running, *sources: str) -> None:
    for source in sources:
        done = cli(
            "replay", source, str(logs.FILES[source]), "--config", running.config, seconds=180
        )
        assert done.returncode == 0, done.stdout + done.stderr
