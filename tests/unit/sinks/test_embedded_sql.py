"""What the embedded store reads from SQL without the engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.clickhouse.embedded import sql
from sinks.clickhouse.embedded.errors import Refused

FUNCTIONS = frozenset({"file", "url", "s3", "numbers", "python", "remote", "executable"})


@pytest.mark.parametrize(
    ("statement", "head", "name", "data"),
    [
        (b"INSERT INTO t (a) FORMAT Native\n\x00\x01", "INSERT INTO t (a)", "Native", b"\x00\x01"),
        (b"insert into t format CSV 1,2\n", "insert into t", "CSV", b"1,2\n"),
        (b"INSERT INTO t VALUES (1, ';')", "INSERT INTO t", "Values", b" (1, ';')"),
        (b"/* x */ INSERT INTO t\nFORMAT TSV\n\n1", "/* x */ INSERT INTO t", "TSV", b"\n1"),
        (b"INSERT INTO `format values` SETTINGS a = 'FORMAT x' FORMAT CSV\n1",
         "INSERT INTO `format values` SETTINGS a = 'FORMAT x'", "CSV", b"1"),
        (b"INSERT INTO t (a)", "INSERT INTO t (a)", "JSONEachRow", b""),
    ],
)  # fmt: skip
def test_inserts_with_data(statement: bytes, head: str, name: str, data: bytes) -> None:
    found = sql.insert_with_data(statement, "JSONEachRow")
    assert found is not None
    written = f"{found.head} {found.settings}".strip()
    assert (written, found.format, statement[found.data_at :]) == (head, name, data)


@pytest.mark.parametrize(
    "statement",
    [
        b"SELECT 1",
        b"INSERT INTO t SELECT 1",
        b"INSERT INTO t (a) WITH 1 AS x SELECT x",
        b"",
        b"-- x",
    ],
)
def test_other_statements_have_no_data(statement: bytes) -> None:
    assert sql.insert_with_data(statement, "Values") is None


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        (b"SELECT 1 FORMAT JSON", "JSON"),
        (b"SELECT 1 FORMAT Native;", "Native"),
        (b"SELECT 1 FORMAT JSONEachRow SETTINGS max_threads = 1", "JSONEachRow"),
        (b"SELECT ' FORMAT JSON'", ""),
        (b"SELECT 1 -- FORMAT JSON", ""),
        (b"SELECT format('{}', 1)", ""),
    ],
)
def test_the_format_of_a_query(statement: bytes, name: str) -> None:
    assert sql.inspect(statement).format == name


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (b"SELECT 1; SELECT 2", 62),
        (b"", 62),
        (b";", 62),
        (b"SET max_threads = 1", 48),
        (b"USE x", 48),
        (b"CREATE TEMPORARY TABLE t (a Int8)", 48),
        (b"CREATE OR REPLACE TEMPORARY TABLE t (a Int8)", 48),
    ],
)
def test_what_cannot_be_done_is_refused(statement: bytes, code: int) -> None:
    with pytest.raises(Refused) as error:
        sql.inspect(statement)
    assert error.value.code == code


@pytest.mark.parametrize(
    "statement",
    [
        b"SELECT * FROM numbers(3)",
        b"WITH 1 AS x SELECT x",
        b"(SELECT 1) UNION ALL (SELECT 2)",
        b"SHOW TABLES",
        b"DESCRIBE TABLE x",
        b"SELECT 'file(1)', \"file\" FROM t -- url(",
        b"EXPLAIN SELECT 1",
        b"SELECT $$ url( $$",
    ],
)
def test_readers_may_read(statement: bytes) -> None:
    sql.check_reader(statement, FUNCTIONS)


@pytest.mark.parametrize(
    "statement",
    [
        b"DROP TABLE x",
        b"INSERT INTO x VALUES (1)",
        b"",
        b"SELECT * FROM file('/etc/passwd')",
        b"SELECT * FROM FILE ('/etc/passwd')",
        b"SELECT * FROM `file`('/etc/passwd')",
        b"SELECT * FROM \"url\" /* x */ ('http://x')",
        b"SELECT file('/etc/passwd')",
        b"SELECT 1 INTO OUTFILE '/tmp/x'",
        b"SELECT 1 INTO/**/OUTFILE '/tmp/x'",
        b"SELECT (SELECT * FROM python(x))",
        b"DESCRIBE s3('x')",
    ],
)
def test_readers_may_do_nothing_else(statement: bytes) -> None:
    with pytest.raises(Refused) as error:
        sql.check_reader(statement, FUNCTIONS)
    assert error.value.code == 497


@given(st.binary(max_size=60) | st.text("SELECT 'x\"`\\-/*;()$#\n", max_size=60).map(str.encode))
def test_any_bytes_are_read_to_their_end(data: bytes) -> None:
    """Tokens follow each other, and nothing but spaces and comments lies between."""
    at = 0
    for token in sql.tokens(data):
        assert token.start >= at
        assert token.end > token.start
        at = token.end
    assert at <= len(data)
