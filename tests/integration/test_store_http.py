"""The embedded store speaks the ClickHouse HTTP protocol: as a real process, with real clients."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.external import ExternalData

from sinks.clickhouse.embedded import reader_password
from tests.fixtures.store import PASSWORD, StoreProcess, running_store

ROWS = 100_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    """One store for this file."""
    with running_store(tmp_path_factory.mktemp("store")) as process:
        http(process, "CREATE DATABASE uptake")
        yield process


def http(
    store: StoreProcess,
    sql: str | bytes = "",
    headers: Mapping[str, str] | None = None,
    user: str = "default",
    **query: Any,
) -> httpx.Response:
    password = PASSWORD if user == "default" else reader_password(PASSWORD)
    return httpx.post(
        store.url, content=sql, params=query, headers=headers, auth=(user, password), timeout=60
    )


def client(store: StoreProcess, **options: Any) -> Client:
    return clickhouse_connect.get_client(
        host="127.0.0.1", port=store.port, username="default", password=PASSWORD,
        database="uptake", **options,
    )  # fmt: skip


@pytest.mark.parametrize("compress", [False, "lz4", "zstd", "gzip", True])
def test_many_blocks_arrive_whole_with_every_compression(
    store: StoreProcess, compress: bool | str
) -> None:
    """clickhouse-connect sends one frame a block."""
    with client(store, compress=compress) as db:
        db.command("CREATE OR REPLACE TABLE many (a Int64, s String) ENGINE = MergeTree ORDER BY a")
        numbers = list(range(ROWS))
        texts = [f"value {number} " * 5 for number in numbers]
        context = db.create_insert_context("many", ["a", "s"], column_oriented=True)
        context.req_block_size = 5_000
        context.data = [numbers, texts]
        db.insert(context=context)
        found = db.query("SELECT count(), uniqExact(a), sum(a), sum(length(s)) FROM many")
        assert found.first_row == (ROWS, ROWS, sum(numbers), sum(map(len, texts)))
        rows = db.query("SELECT a, s FROM many ORDER BY a").result_rows
        assert [row[0] for row in rows] == numbers
        assert [row[1] for row in rows] == texts
        with db.query_row_block_stream("SELECT a, s FROM many") as blocks:
            assert sum(len(block) for block in blocks) == ROWS


@pytest.mark.parametrize("encoding", ["gzip", "lz4", "zstd"])
def test_a_broken_body_stores_nothing(store: StoreProcess, encoding: str) -> None:
    http(store, "CREATE OR REPLACE TABLE uptake.broken (a Int64) ENGINE = MergeTree ORDER BY a")
    answer = http(
        store,
        b"1\n2\n",
        {"Content-Encoding": encoding},
        query="INSERT INTO uptake.broken FORMAT TSV",
    )
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (400, "36")
    assert http(store, "SELECT count() FROM uptake.broken").text == "0\n"


@pytest.mark.parametrize(
    "name",
    ["Native", "CSV", "CSVWithNames", "TabSeparated", "JSONEachRow", "Values", "RowBinary", "Arrow",
     "Parquet", "JSON"],
)  # fmt: skip
def test_rows_go_out_and_in_in_any_format(store: StoreProcess, name: str) -> None:
    for table in ("out", "back"):
        http(
            store,
            f"CREATE OR REPLACE TABLE uptake.{table} (a Int64, s String, m Map(String, String)) "
            "ENGINE = MergeTree ORDER BY a",
        )
    http(
        store,
        "INSERT INTO uptake.out "
        "SELECT number, concat('a\\t\\'\\n', toString(number)), map('k', 'ä') FROM numbers(300)",
    ).raise_for_status()
    sent = http(store, f"SELECT * FROM uptake.out ORDER BY a FORMAT {name}")
    assert sent.headers["X-ClickHouse-Format"] == name
    stored = http(store, sent.content, query=f"INSERT INTO uptake.back FORMAT {name}")
    assert stored.status_code == 200, stored.text
    assert '"written_rows": "300"' in stored.headers["X-ClickHouse-Summary"]
    same = "SELECT count() FROM uptake.out AS o JOIN uptake.back AS b USING (a, s, m)"
    assert http(store, same).text == "300\n"


@pytest.mark.parametrize("rows", [4, 200_000])
@pytest.mark.parametrize("name", ["Native", "CSV", "JSONEachRow", "Values"])
def test_rows_that_a_table_refuses_are_an_error(store: StoreProcess, name: str, rows: int) -> None:
    """Also when they can be read: chDB's own way of inserting answers well there."""
    http(
        store,
        "CREATE OR REPLACE TABLE uptake.strict (a Int64, CONSTRAINT c CHECK a != 3) "
        "ENGINE = MergeTree ORDER BY a",
    )
    sent = http(store, f"SELECT toInt64(number) AS a FROM numbers({rows}) FORMAT {name}").content
    answer = http(store, sent, query=f"INSERT INTO uptake.strict FORMAT {name}")
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (500, "469")
    assert http(store, "SELECT count() FROM uptake.strict").text == "0\n"


def test_binary_data_may_begin_with_an_end_of_line(store: StoreProcess) -> None:
    """Native data begins with the number of its columns, and ten is an end of line."""
    columns = ", ".join(f"{name} String" for name in "abcdefghij")
    http(
        store,
        f"CREATE OR REPLACE TABLE uptake.ten ({columns}, CONSTRAINT c CHECK a != unhex('E0'))"
        " ENGINE = MergeTree ORDER BY a",
    )
    values = ", ".join(f"'{name}' AS {name}" for name in "bcdefghij")
    for first, status in (("41", 200), ("E0", 500)):
        sent = http(store, f"SELECT unhex('{first}') AS a, {values} FORMAT Native").content
        assert sent[:1] == b"\n"
        for query in ("INSERT INTO uptake.ten FORMAT Native", "INSERT INTO ten FORMAT Native\n"):
            assert http(store, sent, query=query, database="uptake").status_code == status
    assert http(store, "SELECT a, j FROM uptake.ten").text == "A\tj\nA\tj\n"
    # The error quotes the bytes of the row, which are no text.
    answer = http(store, sent, query="INSERT INTO uptake.ten FORMAT Native")
    assert answer.headers["X-ClickHouse-Exception-Code"] == "469"


def test_columns_left_out_get_their_defaults(store: StoreProcess) -> None:
    http(
        store,
        "CREATE OR REPLACE TABLE uptake.partial (a Int64, b Int64 DEFAULT a * 2, c Int8 DEFAULT 5) "
        "ENGINE = MergeTree ORDER BY a",
    )
    insert = "INSERT INTO uptake.partial (c, a) SETTINGS async_insert = 0 FORMAT JSONEachRow"
    http(store, '{"a": 1, "c": 2} {"a": 2}', query=insert).raise_for_status()
    http(store, "INSERT INTO uptake.partial (a) VALUES (3)").raise_for_status()
    assert (
        http(store, "SELECT * FROM uptake.partial ORDER BY a").text == "1\t2\t2\n2\t4\t5\n3\t6\t5\n"
    )


def test_query_and_data_may_come_in_every_place(store: StoreProcess) -> None:
    http(store, "CREATE OR REPLACE TABLE uptake.places (a Int64) ENGINE = MergeTree ORDER BY a")
    http(store, "INSERT INTO uptake.places FORMAT CSV\n1\n").raise_for_status()
    http(store, "2\n", query="INSERT INTO uptake.places FORMAT CSV").raise_for_status()
    http(store, "(3),(4)", query="INSERT INTO uptake.places VALUES").raise_for_status()
    http(store, "INSERT INTO uptake.places VALUES (5)").raise_for_status()
    http(store, '{"a":6}', query="INSERT INTO places FORMAT JSONEachRow", database="uptake")
    http(store, "7", {"X-ClickHouse-Database": "uptake"}, query="INSERT INTO places FORMAT TSV")
    assert http(store, "SELECT groupArray(a) FROM uptake.places").text == "[1,2,3,4,5,6,7]\n"


def test_parameters_settings_and_default_formats(store: StoreProcess) -> None:
    answer = http(store, "SELECT {a:Int32} + 1, {b:String}", param_a="3", param_b="x'y")
    assert answer.text == "4\tx\\'y\n"
    answer = http(store, "SELECT getSetting('max_threads') AS x", max_threads="1",
                  default_format="JSONEachRow")  # fmt: skip
    assert answer.json() == {"x": 1}
    answer = http(store, "SELECT 1 AS x", {"X-ClickHouse-Format": "JSONEachRow"})
    assert answer.json() == {"x": 1}
    assert http(store, "SELECT getSetting('max_threads')").text != "1\n"


@pytest.mark.parametrize(
    ("sql", "query", "code"),
    [
        ("SELECT * FROM uptake.nowhere", {}, 60),
        ("SELEC", {}, 47),
        ("SELECT (", {}, 62),
        ("SELECT 1; SELECT 2", {}, 62),
        ("SELECT 1", {"no_such_setting": "1"}, 115),
        ("SELECT 1", {"bad name": "1"}, 36),
        ("SELECT 1", {"database": "nowhere"}, 81),
        ("SELECT throwIf(number = 1e6) FROM numbers(2e6)", {"wait_end_of_query": "1"}, 395),
        ("SELECT count() FROM numbers(1e12)", {"max_execution_time": "1"}, 159),
        ("SET max_threads = 1", {}, 48),
        ("CREATE TEMPORARY TABLE t (a Int8)", {"session_id": "a"}, 48),
        ("SELECT 1", {"session_id": "a", "session_check": "1"}, 372),
        ("SELECT 1", {"compress": "1"}, 48),
        ("SELECT 1", {"role": "x"}, 48),
        ("INSERT INTO uptake.nowhere FORMAT CSV\n1", {}, 60),
        ("CREATE TABLE default.x (a Int8) ENGINE = MergeTree ORDER BY a", {}, 79),
    ],
)
def test_errors_have_the_form_of_clickhouse(
    store: StoreProcess, sql: str, query: dict[str, Any], code: int
) -> None:
    answer = http(store, sql, **query)
    assert answer.status_code >= 400
    assert answer.headers["X-ClickHouse-Exception-Code"] == str(code)
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    assert "(version 2" in answer.text


def test_a_failure_after_the_first_rows_cannot_be_taken_for_an_end(store: StoreProcess) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        http(store, "SELECT throwIf(number = 3e6), repeat('x', 100) FROM numbers(4e6)")


def test_clickhouse_connect_names_the_error(store: StoreProcess) -> None:
    with client(store) as db, pytest.raises(DatabaseError) as error:
        db.query("SELECT * FROM nowhere")
    assert (error.value.code, error.value.name) == (60, "UNKNOWN_TABLE")


def test_external_tables_are_refused(store: StoreProcess) -> None:
    data = ExternalData(file_name="t", data=b"1", fmt="CSV", structure="a Int8")
    with client(store) as db, pytest.raises(DatabaseError, match="external tables"):
        db.query("SELECT * FROM t", external_data=data)


def test_long_queries_may_come_as_a_form(store: StoreProcess) -> None:
    with client(store, form_encode_query_params=True) as db:
        found = db.query("SELECT {a:Array(Int32)}", parameters={"a": list(range(500))})
    assert found.first_row == (list(range(500)),)


def test_who_may_ask(store: StoreProcess) -> None:
    wrong = httpx.get(store.url, params={"query": "SELECT 1"}, auth=("default", "wrong"))
    nobody = httpx.get(store.url, params={"query": "SELECT 1"})
    for answer in (wrong, nobody):
        assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "516")
    headers = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": PASSWORD}
    assert httpx.post(store.url, content="SELECT 1", headers=headers).text == "1\n"
    query = {"query": "SELECT 1", "user": "default", "password": PASSWORD}
    assert httpx.get(store.url, params=query).text == "1\n"


def test_ping_and_head(store: StoreProcess) -> None:
    for path in ("/ping", "/replicas_status", "/"):
        assert httpx.get(store.url + path).text == "Ok.\n"
    answer = httpx.head(store.url, params={"query": "SELECT 1"}, auth=("default", PASSWORD))
    assert (answer.status_code, answer.content) == (200, b"")
    assert "X-ClickHouse-Query-Id" in answer.headers


def test_get_only_reads(store: StoreProcess) -> None:
    query = {"query": "CREATE TABLE uptake.got (a Int8) ENGINE = MergeTree ORDER BY a"}
    answer = httpx.get(store.url, params=query, auth=("default", PASSWORD))
    assert answer.headers["X-ClickHouse-Exception-Code"] == "164"


def test_a_reader_reads(store: StoreProcess) -> None:
    http(store, "CREATE OR REPLACE TABLE uptake.shared (a Int8) ENGINE = MergeTree ORDER BY a")
    for sql in ("SELECT count() FROM uptake.shared", "SHOW TABLES FROM uptake",
                "DESCRIBE uptake.shared", "EXPLAIN SELECT 1", "EXISTS uptake.shared",
                "WITH 1 AS x SELECT x", "SELECT 1 SETTINGS max_execution_time = 3"):  # fmt: skip
        assert http(store, sql, user="reader").status_code == 200, sql
    assert http(store, "SELECT 1", user="reader", max_execution_time="9").text == "1\n"


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO uptake.shared VALUES (1)",
        "DROP TABLE uptake.shared",
        "CREATE TABLE uptake.mine (a Int8) ENGINE = Memory",
        "TRUNCATE TABLE uptake.shared",
        "OPTIMIZE TABLE uptake.shared",
        "SYSTEM SHUTDOWN",
        "KILL QUERY WHERE 1",
        "SELECT * FROM file('/etc/passwd', LineAsString)",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM `/etc/passwd`",
        "SELECT * FROM default.`/etc/passwd`",
        "SELECT * FROM url('http://127.0.0.1:9/', LineAsString)",
        "SELECT 1 INTO OUTFILE '/tmp/never'",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1; DROP TABLE uptake.shared",
    ],
)
def test_a_reader_does_nothing_else(store: StoreProcess, sql: str) -> None:
    answer = http(store, sql, user="reader")
    assert answer.status_code >= 400
    assert "X-ClickHouse-Exception-Code" in answer.headers


def test_a_reader_cannot_lift_its_limit(store: StoreProcess) -> None:
    answer = http(store, "DROP TABLE uptake.shared", user="reader", readonly="0")
    assert answer.status_code >= 400


def test_requests_run_beside_each_other(store: StoreProcess) -> None:
    """Fifty are answered while one runs; that one then ends on demand."""
    running = "query LIKE '%sleepEachRow(1)%' AND query NOT LIKE '%processes%'"
    with ThreadPoolExecutor(9) as threads:
        sql = "SELECT sleepEachRow(1) FROM numbers(60) SETTINGS max_block_size = 1"
        slow = threads.submit(http, store, sql, wait_end_of_query="1")
        there = f"SELECT count() FROM system.processes WHERE {running}"
        while http(store, there).text == "0\n":
            assert not slow.done()
        quick = [threads.submit(http, store, f"SELECT {number}") for number in range(50)]
        assert [answer.result().text for answer in quick] == [f"{n}\n" for n in range(50)]
        assert not slow.done()
        http(store, f"KILL QUERY WHERE {running}").raise_for_status()
        assert slow.result().headers["X-ClickHouse-Exception-Code"] == "394"


def test_a_session_id_is_taken_as_a_name_only(store: StoreProcess) -> None:
    """clickhouse-connect sends one unless told otherwise."""
    assert http(store, "SELECT 1", session_id="a").text == "1\n"


def test_newer_native_blocks_have_heads_and_flags(store: StoreProcess) -> None:
    """As clickhouse-go asks for them: every block begins with its head."""
    sql = "SELECT number AS a, toString(number) AS s FROM numbers(3) FORMAT Native"
    plain = http(store, sql).content
    newer = http(store, sql, client_protocol_version="54460").content
    assert newer.startswith(b"\x01\x00\x02\xff\xff\xff\xff\x00\x02\x03\x01a\x06UInt64\x00")
    assert len(newer) == len(plain) + 8 + 2
    assert http(store, sql, client_protocol_version="54405").content == plain


def test_newer_native_blocks_with_dictionaries(store: StoreProcess) -> None:
    """Every view has columns of LowCardinality."""
    words = "toLowCardinality(toString(number % 300))"
    sql = (
        f"SELECT {words} AS w, toLowCardinality(nullIf(toString(number % 3), '1')) AS n, "
        f"if(number % 2 = 0, [{words}, 'x'], []) AS a, map('k', {words}) AS m, "
        f"tuple(number, {words}) AS t, [tuple({words}, [toLowCardinality('y')])] AS deep, "
        "number AS last FROM numbers(70000) FORMAT Native"
    )
    plain = http(store, sql).content
    newer = http(store, sql, client_protocol_version="54460")
    assert newer.status_code == 200, newer.text
    blocks = newer.content.count(b"\x01\x00\x02\xff\xff\xff\xff\x00\x07")
    assert blocks >= 2
    assert len(newer.content) == len(plain) + blocks * (8 + 7)


def test_what_a_grafana_datasource_asks_first(store: StoreProcess) -> None:
    for sql in ("SELECT displayName(), version(), revision(), timezone()", "SELECT version()",
                "SELECT timezone()", "SELECT 1", "SHOW DATABASES",
                "SELECT name, comment FROM system.columns LIMIT 1"):  # fmt: skip
        answer = http(
            store, sql, {"Accept-Encoding": "gzip"}, user="reader", default_format="Native",
            client_protocol_version="54460", enable_http_compression="1", max_execution_time="60",
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Encoding"] == "gzip"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl(store: StoreProcess, tmp_path: Path) -> None:
    def curl(*arguments: str) -> str:
        command = ["curl", "-sS", "--fail-with-body", "-u", f"default:{PASSWORD}", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert curl(store.url, "-d", "SELECT 1 + 1") == "2\n"
    assert curl("--get", store.url, "--data-urlencode", "query=SELECT 2 FORMAT CSV") == "2\n"
    curl(store.url, "-d", "CREATE OR REPLACE TABLE uptake.c (a Int8) ENGINE = Memory")
    file = tmp_path / "rows.csv"
    file.write_text("1\n2\n")
    curl(f"{store.url}/?query=INSERT%20INTO%20uptake.c%20FORMAT%20CSV", "--data-binary", f"@{file}")
    assert curl(store.url, "-d", "SELECT sum(a) FROM uptake.c") == "3\n"
