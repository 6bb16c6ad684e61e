"""The life of the embedded store's process."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sinks.clickhouse.client import Store
from sinks.clickhouse.errors import TryAgain
from tests.fixtures.store import PASSWORD, StoreProcess, running_store

ROOT = Path(__file__).parents[2]


def counted(store: StoreProcess) -> int:
    with Store(store.settings) as db:
        return int(db.query("SELECT count() FROM kept")[0][0])


def make(store: StoreProcess) -> None:
    with Store(store.settings, database="default") as db:
        db.command("CREATE DATABASE uptake")
        db.command(
            "CREATE TABLE uptake.kept (version UInt32) ENGINE = MergeTree ORDER BY version "
            "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
        )


@pytest.mark.parametrize("after", [1, 7, 20])
def test_answered_inserts_outlive_kill(tmp_path: Path, after: int) -> None:
    """kill -9 between two inserts, while a third is on its way, and start again."""
    with running_store(tmp_path) as store:
        make(store)
        answered = 0
        enough = threading.Event()

        def insert() -> None:
            nonlocal answered
            with Store(store.settings) as db:
                while True:
                    try:
                        db.command(
                            f"INSERT INTO kept SELECT number + {answered} FROM numbers(1000)"
                        )
                    except TryAgain:
                        return
                    answered += 1
                    if answered >= after:
                        enough.set()

        writer = threading.Thread(target=insert)
        writer.start()
        assert enough.wait(60)
        store.kill()
        writer.join(60)
        store.start()
        found = counted(store)
        assert found in (answered * 1000, (answered + 1) * 1000)


def test_a_stop_is_clean_and_keeps_everything(tmp_path: Path) -> None:
    with running_store(tmp_path) as store:
        make(store)
        with Store(store.settings) as db:
            db.command("INSERT INTO kept SELECT number FROM numbers(10)")
        assert store.stop() == 0
        store.start()
        assert counted(store) == 10


def test_one_process_owns_the_folder(tmp_path: Path) -> None:
    with running_store(tmp_path) as store:
        second = StoreProcess(tmp_path)
        with pytest.raises(RuntimeError, match="ended with 1"):
            second.start()
        done = _run(tmp_path, second.port)
        assert f"the data folder {tmp_path} is in use by process " in done.stderr
        assert store.stop() == 0
    with running_store(tmp_path):
        pass


def test_a_port_in_use_is_an_error_of_the_system(tmp_path: Path) -> None:
    with running_store(tmp_path / "a") as store:
        done = _run(tmp_path / "b", store.port)
        assert done.returncode == 1
        assert "OSError: [Errno 98] Address already in use" in done.stderr


def test_what_is_in_work_is_finished_before_the_end(tmp_path: Path) -> None:
    with running_store(tmp_path) as store:
        make(store)
        done: list[int] = []

        def slow() -> None:
            with Store(store.settings) as db:
                started.set()
                db.command("INSERT INTO kept SELECT number FROM numbers(3) WHERE sleep(1) = 0")
            done.append(1)

        started = threading.Event()
        thread = threading.Thread(target=slow)
        thread.start()
        assert started.wait(30)
        with Store(store.settings) as db:
            running = "SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO kept%'"
            while not done and not db.query(running)[0][0]:
                pass
        assert store.stop() == 0
        thread.join(30)
        assert done == [1]
        store.start()
        assert counted(store) == 3


def _run(folder: Path, port: int) -> subprocess.CompletedProcess[str]:
    code = (
        "from sinks.clickhouse import embedded;"
        f"embedded.run({str(folder)!r}, '127.0.0.1', {port}, {PASSWORD!r})"
    )
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
