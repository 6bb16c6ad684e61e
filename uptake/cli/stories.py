"""Write stories and briefs."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from uptake.cli.errors import Exit, fail
from uptake.cli.options import ConfigOption, client_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from reports.board.read import Cohort
    from reports.stories.document import Document
    from sinks.clickhouse.client import Store

    Maker = Callable[[Store, Cohort, datetime, int], Document]

Format = Literal["md", "html", "pdf"]
_KINDS = ("team", "region", "manager")

UntilOption = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Day after the last one, UTC. Default: today."),
]
CohortOption = Annotated[
    str, typer.Option(help="`all`, or a kind and a name: `team:Alder`, `region:North`.")
]
FormatOption = Annotated[
    Format | None, typer.Option("--format", help="Default: by the ending of --out, else md.")
]
OutOption = Annotated[
    Path | None, typer.Option(help="File to write to. Default: print it.", dir_okay=False)
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (story, brief):
        app.command(rich_help_panel="Reports")(command)


def story(
    until: UntilOption = None,
    cohort: CohortOption = "all",
    form: FormatOption = None,
    out: OutOption = None,
    config: ConfigOption = None,
) -> None:
    """Write the story of a week: learners, managers, the business.

    From the store only. Every number is a value of a query that stands at the end; what too few
    people (`board.least_people`) stand behind is not shown.
    """
    from reports.stories.story import story as make

    _write(make, until, cohort, form, out, config)


def brief(
    until: UntilOption = None,
    cohort: CohortOption = "all",
    form: FormatOption = None,
    out: OutOption = None,
    config: ConfigOption = None,
) -> None:
    """Write the brief for executives, of 28 days beside the 28 before.

    From the store only, as `uptake story`.
    """
    from reports.stories.brief import brief as make

    _write(make, until, cohort, form, out, config)


def _write(
    make: "Maker",
    until: datetime | None,
    cohort: str,
    form: Format | None,
    out: Path | None,
    config: Path | None,
) -> None:
    from reports.stories.pdf import pdf
    from reports.stories.render import html, markdown
    from sinks.clickhouse.client import Store

    wanted = form or _by_ending(out)
    if wanted == "pdf" and out is None:
        raise fail("give --out for a PDF", Exit.USAGE)
    whose = _cohort(cohort)
    settings = client_settings(config).settings
    ends = until or datetime.now(UTC)
    with Store(settings.clickhouse) as store:
        document = make(store, whose, ends.replace(tzinfo=UTC), settings.board.least_people)
    if wanted == "pdf":
        data = pdf(html(document))
    else:
        data = (markdown(document) if wanted == "md" else html(document)).encode()
    if out is None:
        typer.echo(data, nl=False)
    else:
        out.write_bytes(data)


def _by_ending(out: Path | None) -> Format:
    endings: dict[str, Format] = {".html": "html", ".pdf": "pdf"}
    return endings.get(out.suffix.lower(), "md") if out is not None else "md"


def _cohort(text: str) -> "Cohort":
    from reports.board.read import EVERYBODY, Cohort

    if text == "all":
        return EVERYBODY
    kind, _, name = text.partition(":")
    if kind not in _KINDS or not name:
        raise fail(
            f"{text!r} is no cohort: say all, team:NAME, region:NAME, manager:NAME", Exit.USAGE
        )
    return Cohort(kind, name)
