"""`uptake directory`: who works where, and what the learning objects are."""

from pathlib import Path
from typing import Annotated

import typer

from uptake.cli.options import ConfigOption, client_settings

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Load the directories of learners and learning objects."""


@app.command()
def load(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    config: ConfigOption = None,
) -> None:
    """Load a file: CSV with a header, a JSON array, or one JSON object a line.

    Learners: learner, issuer, team, manager, region, eligible, since, removed. Learning objects:
    asset_id, kind, module, title, removed. Identifiers of people are pseudonymised before they
    are sent; a line that is loaded again replaces the old one.
    """
    from streams.intake.directory import load as load_file
    from uptake.cli.waiting import Waiting

    settings = client_settings(config).settings
    with Waiting() as waiting:
        count = load_file(
            settings, file, lambda done, total: waiting.tell(f"{done:,} of {total:,} lines")
        )
    typer.echo(f"Loaded {count:,} lines of {file}")
