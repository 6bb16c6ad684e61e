"""The rules of a story's sentences, and how they are written."""

from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.stories.document import Document, Figure, Period, Section, Sentence
from reports.stories.render import html, markdown

_FIGURE = Figure("62.0 %", 0.62, 1, "value")
_PERIOD = Period(datetime(2026, 4, 13, tzinfo=UTC), datetime(2026, 4, 20, tzinfo=UTC))


def _document(
    text: str = "It was {value}.", who: str = "Everybody", sql: str = "SELECT 1"
) -> Document:
    sentence = Sentence(text, {"value": _FIGURE})
    return Document("Story", who, _PERIOD, (Section("Learners", (sentence,)),), (sql,))


def test_a_number_of_no_query_is_refused() -> None:
    with pytest.raises(ValueError, match="of no query"):
        Sentence("It was {value}, as 3 said.", {"value": _FIGURE})


def test_a_sentence_without_evidence_is_refused() -> None:
    with pytest.raises(ValueError, match="without evidence"):
        Sentence("All went well.", {})
    assert Sentence("All went well.", {}, (2, 1)).queries == [1, 2]


def test_figures_are_all_used_and_all_there() -> None:
    for text in ("It was {other}.", "It was."):
        with pytest.raises(ValueError, match="figures"):
            Sentence(text, {"value": _FIGURE}, (1,))


def test_a_sentence_is_read_with_its_figures() -> None:
    sentence = Sentence("It was {value}.", {"value": _FIGURE}, (3,))
    assert sentence.plain == "It was 62.0 %."
    assert sentence.queries == [1, 3]


def test_markdown_names_queries_and_values() -> None:
    text = markdown(_document())
    assert "It was 62.0 %. [[1]](#query-1)" in text
    assert '<a id="query-1"></a>Query 1' in text
    assert "| 62.0 % | `value` | 0.62 |" in text
    assert "13 April 2026 to 20 April 2026" in text


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=30))
def test_names_and_sql_of_others_cannot_write_markup(name: str) -> None:
    hostile = f"<script>alert(1)</script>{name}"
    page = html(_document(who=hostile, sql=hostile))
    seen = _Seen()
    seen.feed(page)
    assert "script" not in seen.tags
    assert seen.text.count("alert(1)") == 3
    assert "<script>" not in markdown(_document(who=hostile)).split("```")[0]
