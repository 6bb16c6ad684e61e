"""`uptake rebuild`: compute a period again from the stored events."""

from typing import Annotated

import typer

from uptake.cli.errors import Exit, fail
from uptake.cli.moments import TIME_HELP, moment
from uptake.cli.options import ConfigOption, client_settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Look")(rebuild)


def rebuild(
    begin: Annotated[
        str, typer.Option("--from", help=f"Windows that end later than this: {TIME_HELP}")
    ] = "",
    end: Annotated[
        str,
        typer.Option("--to", help="Windows that end at this or earlier. Default: all there are."),
    ] = "",
    indicator: Annotated[str, typer.Option(help="Only this one.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what differs, and change nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    timeout: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for what is on its way.")
    ] = 120.0,
    config: ConfigOption = None,
) -> None:
    """Compute indicators again from the stored events, while the stream goes on.

    Rows that are not what the events say are put right. Those that the stream writes meanwhile
    are left to it. Prints how many rows differed; a second run finds none.

    Exit codes: 0 done; 3 the store is away; 4 what is on its way did not arrive in time.
    """
    import json
    from datetime import UTC, datetime

    from streams.catalog.load import load
    from uptake.cli.waiting import Waiting
    from uptake.repair.rebuild import Rebuild

    settings = client_settings(config).settings
    catalog = load(settings.worker.catalog)
    if indicator and indicator not in catalog.indicators:
        raise fail(f"'{indicator}' is no indicator of the catalog", Exit.USAGE)
    now = datetime.now(UTC)
    with Waiting() as waiting:
        run = Rebuild(settings, catalog, timeout, dry_run, waiting.tell)
        done = run.run(moment(begin, now), moment(end, now), indicator)
    if as_json:
        typer.echo(json.dumps(done.document()))
    else:
        for line in done.lines():
            typer.echo(line)
