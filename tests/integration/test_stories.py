"""Stories and briefs on the simulated organisation: each number is what its query says."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from reports.board.read import EVERYBODY, Cohort
from reports.stories.brief import brief
from reports.stories.document import Document
from reports.stories.pdf import NoPdf, pdf
from reports.stories.render import html, markdown
from reports.stories.story import story
from schemas.settings import ClickHouseSettings
from sinks.clickhouse.client import Store
from tests.fixtures.running import cli
from tests.fixtures.store import running_store
from tests.fixtures.write_docs import examples, fill_for_examples

_EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
_QUERY = re.compile(
    r'^### <a id="query-(\d+)"></a>Query \d+\n\n```sql\n(.*?)\n```\n(.*?)(?=^###|\Z)',
    re.MULTILINE | re.DOTALL,
)
_ROW = re.compile(r"^\| (.+?) \| `(\w+)` \| (.+?) \|$", re.MULTILINE)
_CITED = re.compile(r"\[\[(\d+)\]\]\(#query-\d+\)")
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?: %)?")
_MAKERS = [story, brief]


class Read(NamedTuple):
    """A document as somebody reads it: (sentence, numbers of its queries), and by query its SQL and
    (shown, column, value)."""

    sentences: list[tuple[str, set[int]]]
    queries: dict[int, tuple[str, list[tuple[str, str, str]]]]


def _read(text: str) -> Read:
    body, _, end = text.partition("## Queries\n")
    lines = [line for line in body.splitlines()[3:] if line and not line.startswith("#")]
    sentences = [
        (_CITED.sub("", line).strip(), {int(n) for n in _CITED.findall(line)}) for line in lines
    ]
    queries = {int(n): (sql, _ROW.findall(rest)) for n, sql, rest in _QUERY.findall(end)}
    return Read(sentences, queries)


def _row(store: Store, sql: str) -> dict[str, Any]:
    names = [row[0] for row in store.query(f"DESCRIBE ({sql})")]
    [values] = store.query(sql)
    return {
        name.removeprefix("i.").removeprefix("c."): v for name, v in zip(names, values, strict=True)
    }


def _check(store: Store, text: str) -> int:
    """Each value is the query's; each shown number is its value; each number of a sentence is shown
    of a query that it names. How many numbers were looked at."""
    read = _read(text)
    shown: dict[int, set[str]] = {}
    for number, (sql, figures) in read.queries.items():
        row = _row(store, sql) if figures else {}
        for told, column, value in figures:
            shown.setdefault(number, set()).add(told)
            if isinstance(row[column], str):
                assert told == value == row[column]
                continue
            assert float(value) == float(row[column]), (number, column)
            plain = told.replace(",", "").removesuffix(" %")
            decimals = len(plain.partition(".")[2])
            scale = 100 if told.endswith("%") else 1
            assert float(plain) == pytest.approx(scale * float(value), abs=0.51 * 10**-decimals)
    looked = 0
    for sentence, cited in read.sentences:
        assert cited, sentence
        assert cited <= set(read.queries)
        known = set().union(*(shown.get(number, set()) for number in cited))
        for found in _NUMBER.findall(sentence):
            assert found in known, sentence
            looked += 1
    assert {n for _, cited in read.sentences for n in cited} == set(read.queries)
    return looked


def _make(make: Callable[..., Document], store: Store, cohort: Cohort, least: int = 10) -> Document:
    return make(store, cohort, datetime.now(UTC), least)


@pytest.mark.parametrize("make", _MAKERS)
@pytest.mark.parametrize("cohort", [EVERYBODY, Cohort("region", "North"), Cohort("team", "Alder")])
def test_every_number_is_what_its_query_says(
    reader: Store, make: Callable[..., Document], cohort: Cohort
) -> None:
    looked = _check(reader, markdown(_make(make, reader, cohort)))
    assert looked >= (15 if cohort == EVERYBODY else 3)


def test_a_number_that_was_changed_is_found(reader: Store) -> None:
    text = markdown(_make(story, reader, EVERYBODY))
    [value] = re.findall(r"\| `modules` \| (.*?) \||\| `value` \| (\d+\.0) \|", text)[:1]
    raw = value[0] or value[1]
    with pytest.raises(AssertionError):
        _check(reader, text.replace(f"| {raw} |", "| 123456.0 |"))
    with pytest.raises(AssertionError):
        _check(reader, text.replace("people completed", "and 3 more people completed"))


@pytest.mark.parametrize("make", _MAKERS)
def test_nothing_of_few_people_is_shown(reader: Store, make: Callable[..., Document]) -> None:
    read = _read(markdown(_make(make, reader, EVERYBODY, least=1_000)))
    assert any("too few people" in sentence for sentence, _ in read.sentences)
    assert [each for each, _ in read.sentences if any(letter.isdigit() for letter in each)] == []
    numbers = [row for _, figures in read.queries.values() for row in figures if row[1] != "advice"]
    assert numbers == []
    # Nor is it asked how that compares.
    assert {n for _, cited in read.sentences for n in cited} == set(read.queries)


@pytest.mark.parametrize("make", _MAKERS)
def test_a_cohort_that_is_not_there_has_no_numbers(
    reader: Store, make: Callable[..., Document]
) -> None:
    text = markdown(_make(make, reader, Cohort("team", "O'Nobody \\")))
    assert not any(letter.isdigit() for sentence, _ in _read(text).sentences for letter in sentence)


@pytest.mark.parametrize("make", _MAKERS)
def test_the_page_says_what_the_text_says(reader: Store, make: Callable[..., Document]) -> None:
    document = _make(make, reader, EVERYBODY)
    page = re.sub(r"<[^>]+>", "", html(document))
    for section in document.sections:
        for sentence in section.sentences:
            assert sentence.plain in page


def test_a_story_is_printed(reader: Store, tool: Callable[..., str]) -> None:
    tool("chromium", "chromium-browser", "google-chrome")
    printed = pdf(html(_make(story, reader, EVERYBODY)))
    assert printed.startswith(b"%PDF-")
    assert len(printed) > 10_000


def test_without_chromium_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoPdf, match="Chromium"):
        pdf("<p>")


@pytest.fixture(scope="module")
def spring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseSettings]:
    """The organisation of the examples."""
    with running_store(tmp_path_factory.mktemp("spring") / "store") as process:
        fill_for_examples(process.settings)
        yield process.settings


def test_the_examples_are_what_is_written_today(spring: ClickHouseSettings, tmp_path: Path) -> None:
    with Store(spring) as store:
        for name, text in examples(store).items():
            assert (_EXAMPLES / name).read_text("utf-8") == text, "run `make examples`"
            if name.endswith(".md"):
                assert _check(store, text) >= 15
    config = tmp_path / "settings.toml"
    config.write_text(f'[clickhouse]\nurl = "{spring.url}"\npassword = "{spring.password}"\n')
    for name in ("story.md", "brief.html"):
        out = tmp_path / name
        told = ("--until", "2026-04-20", "--out", str(out), "--config", str(config))
        done = cli(out.stem, *told)
        assert done.returncode == 0, done.stderr
        assert out.read_text("utf-8") == (_EXAMPLES / name).read_text("utf-8")
    refused = cli("story", "--cohort", "Alder", "--config", str(config))
    assert refused.returncode == 2
    assert "is no cohort" in refused.stderr
