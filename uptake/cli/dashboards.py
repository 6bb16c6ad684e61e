"""Write Grafana's dashboards and alert rules."""

from pathlib import Path
from typing import Annotated

import typer

from uptake.cli.errors import Exit, fail
from uptake.cli.options import ConfigOption, client_settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Reports")(dashboards)


def dashboards(
    out: Annotated[Path, typer.Option(help="Folder to write to.", file_okay=False)] = Path(
        "deploy/grafana"
    ),
    config: ConfigOption = None,
) -> None:
    """Write Grafana's dashboards and alert rules, with `board.least_people` of the settings."""
    try:
        from reports.grafana.write import write
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("grafana_foundation_sdk"):
            raise
        raise fail(
            "install the extra for it: pip install 'uptake[reports]'", Exit.MISSING
        ) from error
    for path in write(out, client_settings(config).settings.board.least_people):
        typer.echo(str(path))
