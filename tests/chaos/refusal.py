"""The store refuses some rows for a while; afterwards they are inserted again, as by an operator.

A constraint on a table picks the rows: of `events_log` one of 8 by the last byte of the id, of
`rolling` one of 64.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.chaos.asking import Store
from tests.chaos.schedule import REFUSING

_ROOT: Final = Path(__file__).parents[2]
_SHARE: Final = 8
_ROWS_SHARE: Final = 64
_PICKED: Final = 7
_CHECKS: Final = {
    "events_log": f"reinterpretAsUInt8(substring(event_id, 16, 1)) % {_SHARE} != {_PICKED}",
    "rolling": f"cityHash64(indicator, cohort, window_end) % {_ROWS_SHARE} != {_PICKED}",
}
_ANSWER_SECONDS: Final = 2.0
_REPLAY_SECONDS: Final = 240.0
_REFUSED: Final = "stage = 'sink' AND reason = 'refused_by_store'"


def may_be_refused(event_id: bytes) -> bool:
    """Whether the constraint on `events_log` picks this event."""
    return event_id[-1] % _SHARE == _PICKED


def begin(store: Store, table: str) -> bool:
    """From now on some rows of the table are refused. False: the store did not answer."""
    added = f"ADD CONSTRAINT IF NOT EXISTS chaos CHECK {_CHECKS[table]}"
    return _alter(store, table, added, _ANSWER_SECONDS)


def end(store: Store, table: str) -> bool:
    """All rows of the table are taken again. False: the store did not answer."""
    return _alter(store, table, "DROP CONSTRAINT IF EXISTS chaos", _ANSWER_SECONDS)


def replay(store: Store, config: Path) -> tuple[int, list[str]]:
    """Lift every constraint and insert what was refused, by `uptake dead-letters replay` with
    the settings in `config`. (How many rows were refused, what went wrong). Raises OSError."""
    for table in set(REFUSING):
        # One that came after its end, from a store that was frozen.
        store.command(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS chaos")
    refused = _count(store, _REFUSED)
    if not refused:
        return 0, []
    command = [sys.executable, "-m", "uptake", "dead-letters", "replay", "--stage", "sink"]
    command += ["--reason", "refused_by_store", "--policy", "re-insert", "--limit", "100000"]
    done = subprocess.run(
        [*command, "--config", str(config)],
        capture_output=True,
        text=True,
        cwd=_ROOT,
        timeout=_REPLAY_SECONDS,
    )
    left = _count(store, f"{_REFUSED} AND fate = ''")
    if done.returncode or left:
        told = (done.stdout + done.stderr).strip()
        return refused, [f"replay: exit code {done.returncode}, {left} rows are left: {told}"]
    return refused, []


def _count(store: Store, which: str) -> int:
    [[count]] = store.rows(f"SELECT toString(count()) FROM dead_letters WHERE {which}")
    return int(str(count))


def _alter(store: Store, table: str, how: str, seconds: float) -> bool:
    try:
        store.command(f"ALTER TABLE {table} {how}", seconds)
    except OSError:
        return False
    return True
