"""Enough of ClickHouse's SQL to know what a request wants: tokens, not a parser. Pure."""

import re
from collections.abc import Iterator, Set
from itertools import pairwise
from typing import Final, NamedTuple

from sinks.clickhouse.embedded.errors import ACCESS_DENIED, NOT_IMPLEMENTED, SYNTAX_ERROR, refused

_TOKEN: Final = re.compile(
    rb"""
    (?P<space>\s+ | --[^\n]* | \#[ !][^\n]* | /\*.*?(?:\*/|\Z))
  | (?P<text>'(?:[^'\\]|\\.|'')*(?:'|\Z))
  | (?P<heredoc>\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z))
  | (?P<quoted>`(?:[^`\\]|\\.|``)*(?:`|\Z) | "(?:[^"\\]|\\.|"")*(?:"|\Z))
  | (?P<word>[A-Za-z_\x80-\xff][\w$\x80-\xff]*)
  | (?P<number>\d[\w.]*)
  | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """`kind` is word, quoted, text, number or mark; `text` is as written, a word in capitals."""

    kind: str
    text: str
    start: int
    end: int


class Insert(NamedTuple):
    """An INSERT with data: the statement up to its settings or FORMAT, its SETTINGS clause (or
    nothing), the format, and where in the SQL the data begins."""

    head: str
    settings: str
    format: str
    data_at: int


READS: Final = frozenset({"SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS"})
"""First words of statements that only read."""

_OF_SESSIONS: Final = frozenset({"SET", "USE"})

HARMLESS_FUNCTIONS: Final = frozenset(
    {"numbers", "numbers_mt", "zeros", "zeros_mt", "values", "null", "view", "viewexplain"}
    | {"viewifpermitted", "generaterandom", "generateseries", "generate_series", "primes"}
    | {"format", "merge", "sqlstandardvalues"}
)
"""Table functions that reach nothing but the database. All others are closed to readers."""


def tokens(sql: bytes) -> Iterator[Token]:
    """The tokens of a statement, without spaces and comments. Reads no further than asked."""
    at = 0
    while at < len(sql):
        found = _TOKEN.match(sql, at)
        if found is None:
            return
        at = found.end()
        kind = found.lastgroup or "mark"
        if kind == "space":
            continue
        if kind in ("heredoc", "tag"):
            kind = "text"
        written = found[0].decode(errors="replace")
        text = written.upper() if kind == "word" else written
        yield Token(kind, text, found.start(), found.end())


def insert_with_data(sql: bytes, default_format: str) -> Insert | None:
    """What is inserted when a statement is an INSERT with data after it; else None."""
    depth = 0
    first = True
    settings_at = None
    for token in tokens(sql):
        if first and token.text != "INSERT":
            return None
        first = False
        depth += (token.text == "(") - (token.text == ")")
        if token.kind != "word" or depth:
            continue
        if token.text in ("SELECT", "WITH", "WATCH"):
            return None
        if token.text == "SETTINGS":
            settings_at = token.start
        if token.text == "VALUES":
            return _insert(sql, settings_at, token.start, "Values", token.end)
        if token.text == "FORMAT":
            name = next(tokens(sql[token.end :]), None)
            if name is None:
                return None
            end = token.end + name.end
            written = _text(sql[token.end + name.start : end])
            return _insert(sql, settings_at, token.start, written, _data_after(sql, end))
    if first:
        return None
    return _insert(sql, settings_at, len(sql.rstrip(b"; \n\t")), default_format, len(sql))


def _insert(
    sql: bytes, settings_at: int | None, end: int, written_format: str, data_at: int
) -> Insert:
    head_end = end if settings_at is None else settings_at
    settings = _text(sql[head_end:end])
    return Insert(_text(sql[:head_end]), settings, written_format, data_at)


def _data_after(sql: bytes, at: int) -> int:
    """Where data begins after the name of a format: after blanks and one end of line."""
    while sql[at : at + 1] in (b" ", b"\t", b"\r", b";"):
        at += 1
    return at + 1 if sql[at : at + 1] == b"\n" else at


def _text(sql: bytes) -> str:
    return sql.decode(errors="replace").strip()


class Statement(NamedTuple):
    """What the front has to know of a statement: its first word, and the FORMAT it names."""

    verb: str
    format: str


def inspect(sql: bytes) -> Statement:
    """Look through one statement.

    Raises Refused for several statements in one, for an empty one, and for one that only means
    something in a session.
    """
    found = list(tokens(sql))
    ends = [number for number, token in enumerate(found) if token.text == ";"]
    if ends and any(token.text != ";" for token in found[ends[0] :]):
        raise refused(SYNTAX_ERROR, "Multi-statements are not allowed")
    found = [token for token in found if token.text != ";"]
    if not found:
        raise refused(SYNTAX_ERROR, "Empty query")
    words = [token.text for token in found if token.text != "("]
    verb = words[0] if words else ""
    if verb in _OF_SESSIONS or _is_temporary(found):
        raise refused(
            NOT_IMPLEMENTED,
            "The embedded store keeps no sessions: send settings with the query, "
            "name the database in the request, use a table in place of a temporary one",
        )
    return Statement(verb, _format_of(sql, found))


def _is_temporary(found: list[Token]) -> bool:
    head = [token.text for token in found[:4]]
    return head[0] in ("CREATE", "REPLACE") and "TEMPORARY" in head


def _format_of(sql: bytes, found: list[Token]) -> str:
    """The name after the last FORMAT outside of parentheses; empty: there is none."""
    depth = 0
    name = ""
    for token, after in pairwise(found):
        depth += (token.text == "(") - (token.text == ")")
        if token.text == "FORMAT" and token.kind == after.kind == "word" and depth == 0:
            name = _text(sql[after.start : after.end])
    return name


def check_reader(sql: bytes, table_functions: Set[str]) -> None:
    """Refuse what a reader may not do: anything but reading, and reading outside of the database.

    The engine's own `readonly` is set besides; it does not stop INTO OUTFILE, nor functions that
    reach files and the network. `table_functions`: their names in small letters.
    """
    found = list(tokens(sql))
    words = [token.text for token in found if token.text != "("]
    if not words or words[0] not in READS:
        raise refused(ACCESS_DENIED, "reader: Not enough privileges: only reading is allowed")
    for token, after in pairwise(found):
        if token.text == "INTO" and after.text == "OUTFILE":
            raise refused(ACCESS_DENIED, "reader: Not enough privileges for INTO OUTFILE")
        if after.text != "(" or token.kind not in ("word", "quoted"):
            continue
        name = token.text.strip('`"').lower()
        if name in table_functions and name not in HARMLESS_FUNCTIONS:
            raise refused(ACCESS_DENIED, f"reader: Not enough privileges for the function {name}")
