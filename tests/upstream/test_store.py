"""Defects of chDB and a habit of clickhouse-connect that the embedded store works around; see
docs/upstream.md.

chDB in a process of its own: it allows one database for each, and takes over its signals.
"""

import subprocess
import sys
from pathlib import Path

import lz4.frame
import pytest
from clickhouse_connect.driver.compression import get_compressor

from tests.chaos import disk

pytest.importorskip("chdb")

_INSERT = """
import sys, chdb
connection = chdb.connect(sys.argv[1])
connection.query("CREATE DATABASE d")
connection.query(
    "CREATE TABLE d.t (x UInt8, CONSTRAINT small CHECK x < 10) ENGINE MergeTree ORDER BY x"
)
with connection.send_insert("INSERT INTO d.t (x)", "CSV") as inserter:
    inserter.append("5\\n50\\n")
    told = inserter.finish()
print("told", told.rows_written)
print("rows", connection.query("SELECT count() FROM d.t", "TSVRaw").bytes().decode())
"""

_FILES = """
import sys, chdb
connection = chdb.connect(sys.argv[1])
engine = connection.query("SELECT engine FROM system.databases WHERE name = 'default'", "TSVRaw")
print(engine.bytes().decode())
"""

_ALTER = """
import sys, chdb
from pathlib import Path
from tests.chaos.disk import Disk
disk = Disk(Path(sys.argv[1]) / "disk")
try:
    connection = chdb.connect(str(Path(sys.argv[1]) / "disk" / "db"))
    connection.query("CREATE DATABASE d ENGINE Atomic")
    connection.query("CREATE TABLE d.t (x UInt8) ENGINE MergeTree ORDER BY x")
    disk.fill()
    connection.query("ALTER TABLE d.t ADD CONSTRAINT small CHECK x < 10")
    [definition] = Path(sys.argv[1]).rglob("t.sql")
    print("size", definition.stat().st_size)
finally:
    disk.close()
"""


def _run(program: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder / "chdb")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout + done.stderr


def test_an_insert_whose_rows_were_refused_is_answered_well(tmp_path: Path) -> None:
    """Place: the file without a name in `Engine.insert`."""
    told = _run(_INSERT, tmp_path)
    assert "rows 0" in told
    assert "Exception" not in told


def test_the_default_database_shows_files(tmp_path: Path) -> None:
    """Place: `Engine._close_file_tables`."""
    told = _run(_FILES, tmp_path)
    assert "Overlay" in told or "Filesystem" in told


def test_clickhouse_connect_sends_a_frame_for_each_block() -> None:
    """Place: `_all_frames` of `sinks/clickhouse/embedded/compression.py`, which a reader of the
    first frame alone would not need: it would lose rows without an error."""
    compressor = get_compressor("lz4")
    body = b"".join(bytes(compressor.compress_block(block)) for block in (b"one", b"two"))
    first = lz4.frame.LZ4FrameDecompressor()
    assert first.decompress(body) == b"one"
    assert first.eof
    assert first.unused_data


@pytest.mark.skipif(not disk.available(), reason="only root may mount a small disk")
def test_a_table_that_is_altered_on_a_full_disk_loses_its_definition(tmp_path: Path) -> None:
    assert _run(_ALTER, tmp_path).splitlines() == ["size 0"]
