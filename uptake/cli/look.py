"""Commands that look: config, status, settle, doctor."""

from pathlib import Path
from typing import Annotated

import typer

from uptake.cli.errors import Exit
from uptake.cli.options import (
    DEFAULT_DATA,
    ConfigOption,
    client_config,
    client_settings,
)

_PANEL = "Look"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (status, settle, doctor, config):
        app.command(rich_help_panel=_PANEL)(command)


def config(config: ConfigOption = None) -> None:
    """Print all settings in force and where each came from; secrets are masked."""
    from rich.console import Console
    from rich.table import Table

    table = Table("setting", "value", "from", box=None)
    for value in client_settings(config).values():
        table.add_row(value.name, value.shown(), value.origin)
    console = Console()
    if not console.is_terminal:
        console.width = 200
    console.print(table, highlight=False, markup=False)


def status(
    config: Annotated[
        Path, typer.Option("--config", "-c", help="run.json of `uptake up`.", dir_okay=False)
    ] = DEFAULT_DATA / "run.json",
) -> None:
    """Say what of a running `uptake up` is alive. Exit code 0: all of it."""
    from uptake.local.status import report

    lines, good = report(config)
    for line in lines:
        typer.echo(line)
    raise SystemExit(int(Exit.DONE if good else Exit.FAILED))


def settle(
    config: ConfigOption = None,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait at most.")] = 120.0,
) -> None:
    """Wait until all that was accepted is queryable, and print the account of each source."""
    from sinks.clickhouse.account import total
    from uptake.cli.waiting import Waiting
    from uptake.local.settle import settle as wait

    settings = client_settings(config).settings
    with Waiting() as waiting:
        rows = wait(settings, timeout, waiting.tell)
    for row in [*rows, total(rows)]:
        typer.echo(row.line())


def doctor(
    config: ConfigOption = None,
    data: Annotated[Path, typer.Option("--data", help="The data folder.")] = DEFAULT_DATA,
) -> None:
    """Check this machine, and the Kafka and store of the settings. Exit code 0: no problem."""
    from uptake.local.doctor import examine

    findings = examine(client_settings(config).settings, client_config(config), data)
    for finding in findings:
        typer.echo(finding.line())
    bad = any(finding.level == "problem" for finding in findings)
    raise SystemExit(int(Exit.FAILED if bad else Exit.DONE))
