"""What analysts get: the dictionary, the cookbook, the notebook, the user who may only read."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from reports import dictionary
from schemas.settings import ClickHouseSettings
from sinks.clickhouse import tables
from sinks.clickhouse.client import Store
from sinks.clickhouse.embedded.users import READER, reader_password
from sinks.clickhouse.errors import StoreError
from sinks.clickhouse.migrate import statements
from uptake.simulate.learning import challenges

_ROOT = Path(__file__).parents[2]
_DOCS = _ROOT / "docs"
_QUESTION = re.compile(r"^## (\d+)\. (.*?\?)$.*?^```sql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_QUESTIONS = _QUESTION.findall((_DOCS / "cookbook.md").read_text("utf-8"))
_ACCESS = ("CREATE SETTINGS PROFILE", "CREATE ROLE", "CREATE USER", "GRANT", "REVOKE")


def test_the_dictionary_is_that_of_the_store(reader: Store) -> None:
    page = dictionary.text(dictionary.read(reader))
    assert (_DOCS / "dictionary.md").read_text("utf-8") == page, "run `make dictionary`"


def test_the_dictionary_has_every_table_and_view(reader: Store) -> None:
    found = {table.name: table for table in dictionary.read(reader)}
    assert set(found) == {*tables.EXPECTED, *tables.VIEWS}
    assert {name for name, table in found.items() if table.is_view} == set(tables.VIEWS)


def test_the_cookbook_has_twenty_questions() -> None:
    text = (_DOCS / "cookbook.md").read_text("utf-8")
    assert [int(number) for number, _, _ in _QUESTIONS] == list(range(1, 21))
    assert text.count("```sql") == 20


@pytest.mark.parametrize(
    ("number", "sql"), [pytest.param(int(n), sql, id=title) for n, title, sql in _QUESTIONS]
)
def test_every_question_has_an_answer(reader: Store, number: int, sql: str) -> None:
    rows = reader.query(sql)
    assert rows
    assert any(value not in (None, 0, "") for row in rows for value in row)


def test_modules_that_offer_too_few_or_too_many_challenges_are_named(reader: Store) -> None:
    found = dict(reader.query("SELECT module, verdict FROM module_challenges WHERE times > 9"))
    wanted = {2: "too few", 6: "too many"}
    numbers = {module: int(module.rpartition("/")[2]) for module in found}
    assert found == {
        module: wanted.get(challenges(number), "right") for module, number in numbers.items()
    }
    assert {*found.values()} == {"too few", "right", "too many"}


def test_answers_of_the_cookbook_are_those_of_the_simulation(reader: Store) -> None:
    """People of one region are surer than they are good; suggestion `pair` works most often."""
    answers = {int(number): reader.query(sql) for number, _, sql in _QUESTIONS}
    assert answers[15][0][0] == "West"
    offered = dict(reader.query("SELECT signal, count() FROM events GROUP BY signal"))
    assert sum(row[1] for row in answers[11]) == offered["challenge.offered"]
    assert sum(row[2] for row in answers[9]) == offered["nudge.shown"]
    # The eight weeks may begin on the last day of a month, of which few people are not shown.
    [months] = [sql for number, _, sql in _QUESTIONS if number == "19"]
    whole = reader.query(months.replace("HAVING uniqExact(learner) >= 10\n", ""))
    assert {*answers[19]} <= {*whole}
    assert sum(row[2] for row in whole) == offered["deal.opened"]
    assert sum(row[3] for row in whole) == offered["deal.won"]


def test_the_notebook_runs(
    organisation: ClickHouseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLICKHOUSE_URL", organisation.url)
    monkeypatch.setenv("CLICKHOUSE_USER", READER)
    monkeypatch.setenv("CLICKHOUSE_PASSWORD", reader_password(organisation.password))
    notebook = json.loads((_DOCS / "examples" / "analysis.ipynb").read_text("utf-8"))
    assert notebook["nbformat"] == 4
    names: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    assert names["now"]
    assert names["difference"] is not None
    names["client"].close()


def test_a_reader_reads_and_does_nothing_else(reader: Store) -> None:
    assert reader.query("SELECT count() FROM events") > [(0,)]
    for sql in ("TRUNCATE TABLE events_log", "INSERT INTO assets SELECT * FROM assets"):
        with pytest.raises(StoreError, match="Not enough privileges"):
            reader.command(sql)


def test_the_script_for_readers_names_what_there_is(
    organisation: ClickHouseSettings, reader: Store
) -> None:
    """The embedded store has no roles: it can read the script, and run what is not about them."""
    script = (_ROOT / "deploy" / "clickhouse" / "reader.sql").read_text()
    asked = statements(script)
    ours = [sql for sql in asked if not sql.startswith(_ACCESS)]
    assert len(asked) == 7
    assert len(ours) == 1
    with Store(organisation) as store:
        for sql in asked:
            store.query(f"EXPLAIN AST {sql}", {"password": "x"})
        before = store.query("SELECT * FROM dead_letters")
        for sql in ours:
            store.command(sql)
        assert store.query("SELECT * FROM dead_letters") == before
    [columns] = re.findall(r"REVOKE SELECT\((.*?)\) ON uptake.dead_letters_log", script)
    assert set(columns.split(", ")) == {"key", "value", "headers"}
    assert set(columns.split(", ")) <= set(tables.INSERTED["dead_letters_log"])
