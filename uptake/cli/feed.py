"""Commands that bring events in: replay, send and simulate."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer

from uptake.cli.errors import Exit, fail
from uptake.cli.options import DEFAULT_DATA

_PANEL = "Events"

RunOption = Annotated[
    Path,
    typer.Option("--config", "-c", help="run.json of the running `uptake up`.", dir_okay=False),
]
SourceArgument = Annotated[Literal["lms", "ticketing", "crm"], typer.Argument()]
ViaOption = Annotated[
    Literal["http", "kafka"], typer.Option(help="Through the collector, or straight to Kafka.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (replay, send, simulate):
        app.command(rich_help_panel=_PANEL)(command)


def replay(
    source: SourceArgument,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    via: ViaOption = "http",
    config: RunOption = DEFAULT_DATA / "run.json",
    speed: Annotated[
        float | None,
        typer.Option(min=0.001, help="Event seconds that pass in one second. Default: no limit."),
    ] = None,
    as_fast_as_possible: Annotated[
        bool, typer.Option("--as-fast-as-possible", help="In the order of the file; the default.")
    ] = False,
) -> None:
    """Send a file of a real log to a running Uptake, at the event times that it holds.

    lms: xAPI statements, one JSON a line. ticketing: the audit log of a ServiceNow incident
    process (CSV), a row is a state change. crm: a sales pipeline export (CSV), a row is an
    opportunity. The files may be packed with gzip.

    Who is the learner: lms: the actor of the statement. ticketing: assigned_to, where that is `?`
    resolved_by, of the issuer https://servicenow.example. crm: sales_agent, of the issuer
    https://crm.example. The three logs share no people.

    Returns when everything was acknowledged. After Ctrl-C the same command goes on where it
    stopped. A second replay of a file changes no number.
    """
    from uptake.feed.replay import replay as run

    if as_fast_as_possible and speed is not None:
        raise fail("give --speed or --as-fast-as-possible, not both", Exit.USAGE)
    raise SystemExit(run(source, file, via, config, speed))


def send(
    source: SourceArgument,
    file: Annotated[Path | None, typer.Argument(exists=True, dir_okay=False)] = None,
    via: ViaOption = "http",
    config: RunOption = DEFAULT_DATA / "run.json",
) -> None:
    """Send events to a running Uptake: one that is made up on the spot, or those of a file.

    FILE holds compact events or xAPI statements (lms), as a JSON array or one object a line.
    Without FILE an example is sent and printed, so that you can change it and send yours.
    """
    from uptake.feed.send import send as run

    raise SystemExit(run(source, file, via, config))


Share = Annotated[float, typer.Option(min=0.0, max=1.0)]


def simulate(
    learners: Annotated[int, typer.Option(min=15)] = 120,
    days: Annotated[int, typer.Option(min=1)] = 56,
    seed: int = 1,
    begins: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="First day, UTC. Default: ends today."),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(help="Write files to this new folder, and send nothing.", file_okay=False),
    ] = None,
    via: ViaOption = "http",
    config: RunOption = DEFAULT_DATA / "run.json",
    twice: Share = 0.0,
    late: Share = 0.0,
    shuffled: Annotated[
        int, typer.Option(min=0, help="Events arrive up to so many places after their turn.")
    ] = 0,
) -> None:
    """Send, or write, the events of a simulated organisation whose true effects are known.

    The same learners, days, seed and first day give the same events. --twice and --late: shares of
    events that arrive a second time, and up to two days late. A folder written with --to holds
    lms.jsonl, ticketing.jsonl and crm.jsonl (for `uptake send`), directory.jsonl (for
    `uptake directory load`), rubric.toml, by which raters scored (for `uptake rubric load`), and
    truth.json, the true effects.
    """
    from uptake.simulate.command import run
    from uptake.simulate.run import DAY_MS, Plan
    from uptake.simulate.troubles import Troubles

    first = begins or datetime.now(UTC) - timedelta(days=days + 1)
    day = int(first.replace(tzinfo=UTC).timestamp() * 1000) // DAY_MS * DAY_MS
    troubles = Troubles(twice=twice, late=late, shuffled=shuffled)
    plan = Plan(learners, days, day, seed, troubles=troubles)
    raise SystemExit(run(plan, to, via, config))
