"""The harness itself: what is lost, doubled or changed behind its back is noticed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.run import Run, Wish
from tests.fixtures import logs

_SEED = 7
_SECONDS = 2.0
_STORIES = 60

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def quiet(tmp_path: Path) -> Iterator[Run]:
    """A run without faults, settled."""
    yield from _finished(tmp_path, lie=False)


@pytest.fixture
def lying(tmp_path: Path) -> Iterator[Run]:
    """The same, with a feeder that claims an event which it did not send."""
    yield from _finished(tmp_path, lie=True)


def test_a_quiet_run_is_exact_until_the_store_is_tampered_with(quiet: Run) -> None:
    verdict = quiet.judge()
    assert verdict.exact(), verdict
    assert verdict.events > 3 * _STORIES

    one = "(SELECT min(event_id) FROM events_log)"
    quiet.store.command(
        "INSERT INTO events_log SELECT * REPLACE (offset + 1000000 AS offset)"
        f" FROM events_log WHERE event_id = {one} LIMIT 1"
    )
    verdict = quiet.judge()
    assert (verdict.lost, verdict.double, verdict.unknown, verdict.wrong) == (0, 1, 0, 0)
    assert any("conservation" in problem for problem in verdict.problems), verdict

    quiet.store.command(
        f"ALTER TABLE events_log DELETE WHERE event_id = {one} SETTINGS mutations_sync = 2"
    )
    verdict = quiet.judge()
    assert (verdict.lost, verdict.double, verdict.unknown, verdict.wrong) == (1, 0, 0, 0)
    assert any("conservation" in problem for problem in verdict.problems), verdict

    quiet.store.command(
        "INSERT INTO rolling SELECT * REPLACE (people + 1 AS people, version + 1 AS version)"
        " FROM rolling WHERE NOT removed AND indicator = 'tickets_opened'"
        " AND cohort_kind = 'all' AND window = '1h' ORDER BY window_end LIMIT 1"
    )
    assert quiet.judge().wrong == 1
    assert quiet.close() == []


def test_an_event_that_was_acknowledged_and_never_came_is_noticed(lying: Run) -> None:
    verdict = lying.judge()
    assert (verdict.lost, verdict.double, verdict.unknown) == (1, 0, 0)
    assert verdict.wrong > 0
    assert not verdict.exact()


def _finished(folder: Path, lie: bool) -> Iterator[Run]:
    logs.require_logs()
    wish = Wish(_SEED, "embedded", _SECONDS, _STORIES, real=0.0, faults=[], lie=lie)
    run = Run(folder, wish, print)
    try:
        run.finish()
        yield run
    finally:
        run.abandon()
