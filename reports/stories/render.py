"""A document as Markdown and as HTML. Sentences carry the numbers of their queries; at the end
stands each query with the values that are shown of it."""

import re
from html import escape

from reports.stories.document import Document, Figure, Sentence

_PLACE = re.compile(r"\{(\w+)\}")
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 42rem; padding: 0 1rem;
  color: #1a1a1a; background: #fff; }
h1 { line-height: 1.2; } h2 { margin-top: 1.6rem; }
sup a { color: #0b57a4; text-decoration: none; }
pre { background: #f3f3f1; padding: .7rem; font-size: .75rem; white-space: pre-wrap; }
table { border-collapse: collapse; font-size: .8rem; }
th, td { text-align: left; padding: .1rem 1rem .1rem 0; }
.queries { break-before: page; } li { break-inside: avoid; }
@media screen and (prefers-color-scheme: dark) {
  body { color: #e8e8e6; background: #16181a; }
  pre { background: #24272a; }
  sup a { color: #8ab8e6; }
}
@page { size: A4; margin: 18mm; }
"""


def markdown(document: Document) -> str:
    """The same document gives the same text."""
    lines = [f"# {document.title}: {_plain(document.who)}", "", f"{document.period}", ""]
    for section in document.sections:
        lines += [f"## {section.heading}", ""]
        lines += [_sentence(sentence) for sentence in section.sentences]
        lines.append("")
    lines += [
        "## Queries",
        "",
        "Each number above is a value of the query whose number stands behind its sentence.",
        "",
    ]
    for number, sql in enumerate(document.queries, 1):
        lines += [f'### <a id="query-{number}"></a>Query {number}', "", "```sql", sql, "```", ""]
        figures = document.figures(number)
        if figures:
            lines += ["| Shown | Column | Value |", "|---|---|---|"]
            lines += [
                f"| {_plain(each.shown)} | `{each.column}` | {_plain(_raw(each))} |"
                for each in figures
            ]
            lines.append("")
    return "\n".join(lines)


def html(document: Document) -> str:
    """A page that needs nothing else: no script, no file, no network."""
    title = escape(f"{document.title}: {document.who}")
    parts = [f"<h1>{title}</h1>", f"<p>{escape(str(document.period))}</p>"]
    for section in document.sections:
        parts.append(f"<h2>{escape(section.heading)}</h2>")
        parts += [f"<p>{_marked(sentence)}</p>" for sentence in section.sentences]
    parts.append('<section class="queries"><h2>Queries</h2>')
    parts.append(
        "<p>Each number above is a value of the query whose number stands behind its sentence.</p>"
    )
    parts.append("<ol>")
    for number, sql in enumerate(document.queries, 1):
        parts.append(f'<li id="query-{number}"><pre>{escape(sql)}</pre>')
        parts.append(_table(document.figures(number)))
        parts.append("</li>")
    parts.append("</ol></section>")
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n"
        f"<body><main>\n{body}\n</main></body></html>\n"
    )


def _sentence(sentence: Sentence) -> str:
    text = _PLACE.sub(lambda m: _plain(sentence.figures[m[1]].shown), _kept(sentence.text))
    links = "".join(f"[[{number}]](#query-{number})" for number in sentence.queries)
    return f"{text} {links}"


def _marked(sentence: Sentence) -> str:
    text = _PLACE.sub(
        lambda m: f"<strong>{escape(sentence.figures[m[1]].shown)}</strong>", escape(sentence.text)
    )
    links = " ".join(f'<a href="#query-{n}">[{n}]</a>' for n in sentence.queries)
    return f"{text} <sup>{links}</sup>"


def _table(figures: list[Figure]) -> str:
    if not figures:
        return ""
    rows = "".join(
        f"<tr><td>{escape(each.shown)}</td><td><code>{escape(each.column)}</code></td>"
        f"<td>{escape(_raw(each))}</td></tr>"
        for each in figures
    )
    head = "<tr><th>Shown</th><th>Column</th><th>Value</th></tr>"
    return f"<table>{head}{rows}</table>"


def _raw(figure: Figure) -> str:
    return figure.value if isinstance(figure.value, str) else repr(figure.value)


def _kept(text: str) -> str:
    """Names in braces stay as they are."""
    return "".join(
        part if place else _plain(part)
        for place, part in ((part.startswith("{"), part) for part in re.split(r"(\{\w+\})", text))
    )


def _plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
