"""`uptake pairs`: do leading and lagging indicators move together?"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from uptake.cli.moments import TIME_HELP, moment, ms
from uptake.cli.options import ConfigOption, client_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reports.statistics.lagged import Lagged
    from uptake.scores.pairs import PairFound


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Scores")(pairs)


def pairs(
    cohorts: Annotated[Literal["all", "team", "manager", "region"], typer.Option()] = "team",
    since: Annotated[str, typer.Option(help=f"From {TIME_HELP}")] = "365d",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    config: ConfigOption = None,
) -> None:
    """Lagged correlation of the pairs that the catalog declares, by cohort, with intervals.

    Descriptive only. Values that fewer people stand behind than the setting board.least_people,
    and values that may still change, are left out.
    """
    import msgspec

    from sinks.clickhouse.client import Store
    from streams.catalog import load
    from uptake.scores.pairs import LABEL, Asked, read

    settings = client_settings(config).settings
    now = datetime.now(UTC)
    asked = Asked(cohorts, settings.board.least_people, moment(since, now) or 0, ms(now))
    declared = load(settings.worker.catalog).pairs
    with Store(settings.clickhouse) as store:
        found = [read(store, name, pair, asked) for name, pair in declared.items()]
    if as_json:
        typer.echo(msgspec.json.encode({"label": LABEL, "pairs": found}).decode())
        return
    typer.echo(LABEL)
    for each in found:
        for line in _lines(each):
            typer.echo(line)


def _lines(found: "PairFound") -> "Iterator[str]":
    yield f"{found.name}: {found.leading}, and {found.lagging} {found.delay} later"
    if not found.cohorts:
        yield "  no values"
    if found.together is not None:
        yield f"  all cohorts, each from its own mean: {_told(found.together)}"
    for cohort, each in found.cohorts.items():
        yield f"  {cohort}: {'too few values' if each is None else _told(each)}"


def _told(found: "Lagged") -> str:
    reach = found.interval
    between = "no interval" if reach is None else f"{reach.low:+.2f} to {reach.high:+.2f}"
    return (
        f"r {found.correlation:+.2f} ({between}), n {found.pairs} "
        f"(as good as {found.effective:.1f} independent ones)"
    )
