"""`uptake reconcile`: are the streaming results what a recount says?"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from uptake.cli.errors import Exit, fail
from uptake.cli.moments import TIME_HELP, duration, moment, ms
from uptake.cli.options import ConfigOption, client_settings

if TYPE_CHECKING:
    from schemas.settings import Settings
    from uptake.reconcile.check import Report


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Look")(reconcile)


def reconcile(
    begin: Annotated[
        str, typer.Option("--from", help=f"Windows that end later than this: {TIME_HELP}")
    ] = "",
    end: Annotated[
        str, typer.Option("--to", help=f"Windows that end at this or earlier: {TIME_HELP}")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    every: Annotated[
        str,
        typer.Option(help="Again and again, with metrics, until SIGTERM: 1h, 30m."),
    ] = "",
    timeout: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for what is on its way.")
    ] = 120.0,
    config: ConfigOption = None,
) -> None:
    """Compare every indicator with a recount of the stored events, for closed windows.

    A window is closed when ten minutes have passed since its end, and the time in which later
    steps may change it (`settle` in the catalog). Without --from all windows are compared, slice
    by slice. A difference is named only if it is still there when everything on its way has
    arrived.

    Exit codes: 0 equal; 1 different, and the first difference is named; 3 the store is away; 4
    what is on its way did not arrive in time.
    """
    from streams.catalog.load import load
    from uptake.reconcile.check import Check

    settings = client_settings(config).settings
    catalog = load(settings.worker.catalog)

    def compare(tick: Callable[[str], None]) -> "Report":
        now = datetime.now(UTC)
        check = Check(settings, catalog, ms(now), timeout, tick)
        return check.run(moment(begin, now), moment(end, now))

    moment(begin, datetime.now(UTC))
    moment(end, datetime.now(UTC))
    if every:
        raise SystemExit(_repeat(settings, every, compare))
    raise SystemExit(int(_once(compare, as_json)))


def _once(compare: "Callable[[Callable[[str], None]], Report]", as_json: bool) -> Exit:
    import json

    from uptake.cli.waiting import Waiting

    with Waiting() as waiting:
        report = compare(waiting.tell)
    if as_json:
        typer.echo(json.dumps(report.document()))
    else:
        for line in report.lines():
            typer.echo(line)
    return Exit.DONE if report.equal else Exit.FAILED


def _repeat(
    settings: "Settings", every: str, compare: "Callable[[Callable[[str], None]], Report]"
) -> int:
    import logging

    from uptake.cli.options import LOG_FORMAT
    from uptake.reconcile.process import run

    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    seconds = duration(every) / 1000
    if not seconds:
        raise fail("--every 0 is no pause", Exit.USAGE)
    return run(settings, seconds, compare)
