"""Exit codes are one list, and a process ends in time whatever it is doing."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from schemas.stopping import Exit, explained

_ROOT = Path(__file__).parents[2]
_BLOCKED = """
import schemas.stopping as stopping
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
{before}
print("ready", flush=True)
# In the library, which looks at no signal: nothing answers there.
try:
    AdminClient({{"bootstrap.servers": "127.0.0.1:1", "log_level": 0}}).list_topics(timeout=30)
except KafkaException:
    raise SystemExit(99)
"""


def _end(before: str, signals: int) -> tuple[int, float]:
    """Exit code and seconds of a process that is in a library when the signals come."""
    process = subprocess.Popen(
        [sys.executable, "-c", _BLOCKED.format(before=before)],
        cwd=_ROOT,
        env={"PYTHONPATH": str(_ROOT)},
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        began = time.monotonic()
        for _ in range(signals):
            process.send_signal(signal.SIGTERM)
        return process.wait(20), time.monotonic() - began
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("signals", [1, 2])
def test_a_process_that_starts_leaves_at_once(signals: int) -> None:
    code, seconds = _end("stopping.leave_while_starting()", signals)
    assert code == Exit.DONE
    assert seconds < 5


@pytest.mark.parametrize("where", ["first", "last"])
def test_a_signal_before_the_thread_listens_is_not_lost(where: str) -> None:
    """The kernel says that SIGTERM is caught before the wake-up descriptor is there."""
    before = f"""
import signal
setting = signal.set_wakeup_fd

def between(*arguments, **options):
    if "{where}" == "first":
        signal.raise_signal(signal.SIGTERM)
    setting(*arguments, **options)
    stopping.Thread.start = lambda thread: signal.raise_signal(signal.SIGTERM)

signal.set_wakeup_fd = between
print("ready", flush=True)
stopping.leave_while_starting()
"""
    code, seconds = _end(before, 0)
    assert code == Exit.DONE
    assert seconds < 5


@pytest.mark.parametrize("signals", [1, 2])
def test_a_process_that_does_not_come_to_an_end_is_ended(signals: int) -> None:
    before = "stopping.leave_while_starting(); stopping.on_stop(lambda: None, 0.3)"
    code, seconds = _end(before, signals)
    assert code == Exit.TIMEOUT
    assert 0.3 <= seconds < 6


def test_the_codes_are_explained_and_there_are_no_others() -> None:
    told = {int(number) for number in re.findall(r"(?:^|; )(\d+) ", explained())}
    assert told == {int(code) for code in Exit}
    runbook = (_ROOT / "docs" / "runbook.md").read_text()
    table = {int(number) for number in re.findall(r"^\| (\d+) \|", runbook, re.MULTILINE)}
    assert table == told
    numbers = re.compile(r"(_exit|SystemExit|sys\.exit)\(\s*-?\d")
    files = [each for name in ("schemas", "streams", "sinks", "uptake") for each in _py(name)]
    assert [each.name for each in files if numbers.search(each.read_text())] == []


def _py(name: str) -> list[Path]:
    return sorted((_ROOT / name).rglob("*.py"))
