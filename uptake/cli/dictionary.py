"""Write the data dictionary of the store."""

from pathlib import Path
from typing import Annotated

import typer

from uptake.cli.options import ConfigOption, client_settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Reports")(dictionary)


def dictionary(
    out: Annotated[
        Path | None, typer.Option(help="File to write to. Default: print it.", dir_okay=False)
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write what every table, view and column of the store means (Markdown)."""
    from reports import dictionary as pages
    from sinks.clickhouse.client import Store

    with Store(client_settings(config).settings.clickhouse) as store:
        page = pages.text(pages.read(store))
    if out is None:
        typer.echo(page, nl=False)
    else:
        out.write_text(page, "utf-8")
