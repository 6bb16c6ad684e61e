"""`uptake docs`: pages made from what the code reads."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Print pages of the documentation that are made from what the code reads."""


@app.command()
def catalog(
    file: Annotated[
        Path | None,
        typer.Argument(exists=True, dir_okay=False, help="In place of the bundled one."),
    ] = None,
) -> None:
    """Print the page of a catalog file (none: the bundled one) in Markdown: each journey and
    indicator with its formula, unit, cohorts, sources and SQL."""
    from streams.catalog import load
    from uptake.docs.catalog import page

    typer.echo(page(load(str(file or ""))), nl=False)
