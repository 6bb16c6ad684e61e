"""`uptake index`: how sure people are and how able they were seen to be, by cohort."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from uptake.cli.errors import Exit, fail
from uptake.cli.moments import TIME_HELP, duration, moment, ms
from uptake.cli.options import ConfigOption, client_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from uptake.scores.index import CohortScores, Found


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Scores")(index)


def index(
    cohorts: Annotated[Literal["all", "team", "manager", "region"], typer.Option()] = "team",
    period: Annotated[str, typer.Option(help="Length of a period, such as 28d.")] = "28d",
    periods: Annotated[int, typer.Option(help="How many.", min=1, max=60)] = 3,
    until: Annotated[str, typer.Option(help=f"The end of the last one: {TIME_HELP}")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    config: ConfigOption = None,
) -> None:
    """Confidence, capability, their gap and the index, by cohort and period.

    Of a cohort with fewer people than the setting scores.minimum_cohort nothing is shown but its
    size. Weights are settings too (scores.*); docs/scores.md says what the numbers mean.
    """
    import msgspec

    from sinks.clickhouse.client import Store
    from uptake.scores.index import Periods, read

    settings = client_settings(config).settings
    now = datetime.now(UTC)
    end = moment(until, now)
    length = duration(period)
    if length <= 0:
        raise fail(f"'{period}' is no time that passes", Exit.USAGE)
    asked = Periods(ms(now) if end is None else end, length, periods)
    with Store(settings.clickhouse) as store:
        found = read(store, cohorts, asked, settings.scores)
    if as_json:
        typer.echo(msgspec.json.encode(_without_people(found)).decode())
        return
    single = found.reliability
    shown = "not known" if single.single is None else f"{single.single:.2f}"
    typer.echo(f"Reliability of one rating: {shown} ({single.told})")
    if not found.cohorts:
        typer.echo("Nobody had both scores in this time.")
    for each in found.cohorts:
        for line in _lines(each):
            typer.echo(line)


def _without_people(found: "Found") -> "Found":
    """Nobody's own index leaves: cohorts only."""
    import msgspec

    replace = msgspec.structs.replace
    cohorts = [
        replace(
            each,
            periods=[
                None if one is None else replace(one, cohort=replace(one.cohort, people=[]))
                for one in each.periods
            ],
        )
        for each in found.cohorts
    ]
    return replace(found, cohorts=cohorts)


def _lines(found: "CohortScores") -> "Iterator[str]":
    yield found.name
    for number, period in enumerate(found.periods, 1):
        if period is None:
            yield f"  period {number}: nobody with both scores"
            continue
        cohort = period.cohort
        if cohort.confidence is None or cohort.capability is None or cohort.gap is None:
            yield f"  period {number}: {cohort.reason}"
            continue
        index = "no index" if period.index is None else f"index {period.index:+.2f}"
        why = f" ({cohort.reason})" if cohort.reason else ""
        yield (
            f"  period {number}: {cohort.size} people, confidence {cohort.confidence:.2f}, "
            f"capability {cohort.capability:.2f}, gap {cohort.gap:+.2f}, {index}{why}"
        )
    yield f"  rising together: {found.rising.text}"
