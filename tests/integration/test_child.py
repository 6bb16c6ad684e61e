"""Child processes: their logs, their ends, and that they do not outlive their parent."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.waiting import wait_for
from uptake.local.child import Child
from uptake.local.errors import LocalError

_SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
_STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('up', flush=True); time.sleep(600)",
]
_PARENT = """
import sys, time
from pathlib import Path
from uptake.local.child import Child
child = Child("c", [sys.executable, "-c", "import time; time.sleep(600)"], Path(sys.argv[1]))
child.start()
print(child.pid, flush=True)
time.sleep(600)
"""


def _gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def _started(command: list[str], log: Path) -> Child:
    child = Child("the child", command, log)
    child.start()
    child.wait_until(lambda: child.logged("up"), 10)
    return child


def test_a_child_ends_on_request(tmp_path: Path) -> None:
    child = _started(_SLEEPER, tmp_path / "log")
    assert child.stop(10) is True
    assert child.exit_code() == -signal.SIGTERM


def test_a_child_that_does_not_end_is_killed(tmp_path: Path) -> None:
    child = _started(_STUBBORN, tmp_path / "log")
    assert child.stop(0.3) is False
    assert child.exit_code() == -signal.SIGKILL


def test_a_child_that_fails_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("from an earlier start\n")
    child = Child("the child", [sys.executable, "-c", "print('no luck'); exit(7)"], log)
    child.start()
    with pytest.raises(LocalError) as caught:
        child.wait_until(lambda: False, 10)
    assert "the child ended with exit code 7" in str(caught.value)
    assert "no luck" in str(caught.value)
    assert "earlier" not in str(caught.value)


def test_a_child_that_is_never_ready_is_told(tmp_path: Path) -> None:
    child = _started(_SLEEPER, tmp_path / "log")
    try:
        with pytest.raises(LocalError, match="was not ready after 0 s"):
            child.wait_until(lambda: False, 0.2)
    finally:
        child.kill()


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    child = Child("the child", [str(tmp_path / "nothing")], tmp_path / "log")
    with pytest.raises(LocalError, match="the child cannot be run"):
        child.start()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal")
def test_a_child_ends_with_its_parent_also_by_kill_9(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert not _gone(pid)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: _gone(pid), 5, "the child's end")
