"""What of a running `uptake up` is alive."""

import os
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from uptake.local.folder import DataFolder, ProcessState, Run
from uptake.local.ports import answers
from uptake.local.processes import ready

_SECONDS = 3.0


def report(run_file: Path) -> tuple[list[str], bool]:
    """Lines for people, and whether all is well. Raises LocalError when a file is damaged."""
    folder = DataFolder(run_file.parent)
    run = folder.read_run()
    if run is None:
        return [f"Nothing runs: there is no {run_file}. Start with `uptake up`."], False
    if not _alive(run.pid):
        return [f"Nothing runs: `uptake up` (pid {run.pid}) has ended without tidying up."], False
    lines = [f"uptake up runs (pid {run.pid}), data in {folder.path}"]
    good = True
    for name, state in sorted(folder.read_processes().items()):
        fine = state.running and _serves(name, run)
        good = good and fine
        lines.append(_line(name, state, fine))
    lines += [
        f"collector   {run.collector}",
        f"clickhouse  {run.clickhouse.url} (database {run.clickhouse.database})",
        f"kafka       {run.kafka}",
    ]
    return lines, good


def _line(name: str, state: ProcessState, fine: bool) -> str:
    how = "ready" if fine else "running, not ready" if state.running else "not running"
    times = f", restarted {state.restarts} times" if state.restarts else ""
    return f"  {name:<10} {how} (pid {state.pid}{times})"


def _serves(name: str, run: Run) -> bool:
    if name == "broker":
        return answers(int(run.kafka.rpartition(":")[2]))
    if name == "store":
        return _pings(run.clickhouse.url)
    url = run.metrics.get(name)
    return url is not None and ready(urlsplit(url).port or 0)


def _pings(url: str) -> bool:
    try:
        with urlopen(f"{url}/ping", timeout=_SECONDS) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
