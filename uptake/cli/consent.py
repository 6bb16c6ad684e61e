"""`uptake consent`: what people decided about data on them."""

from pathlib import Path
from typing import Annotated

import typer

from uptake.cli.options import ConfigOption, client_settings

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Load what people decided about data on them."""


@app.command()
def load(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    config: ConfigOption = None,
) -> None:
    """Load a file: CSV with a header, a JSON array, or one JSON object a line.

    Columns: learner, issuer, opted_out, notes, removed. From then on nothing new is stored of a
    person who opted out: their events are only counted. `notes` says that short notes on the
    person may be kept, where the organisation keeps any. Identifiers are pseudonymised before
    they are sent; a line that is loaded again replaces the old one.
    """
    from streams.intake.directory import load_consents

    count = load_consents(client_settings(config).settings, file)
    typer.echo(f"Loaded {count:,} lines of {file}")
