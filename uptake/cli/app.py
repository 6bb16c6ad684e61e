"""All commands."""

from typing import Annotated

import typer

from schemas.version import VERSION
from uptake.cli import (
    dead_letters,
    directory,
    feed,
    local,
    look,
    processes,
    rebuild_state,
    reconcile,
    setup,
)

app = typer.Typer(
    name="uptake",
    help="Live leading indicators from the tools where work happens.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"uptake {VERSION}")
        raise typer.Exit


@app.callback()
def _all(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Live leading indicators from the tools where work happens.

    On one machine: `uptake demo` or `uptake up`. In a cluster: one `uptake` process a job.

    Exit codes: 0 done; 1 did not work; 2 wrong arguments or settings; 3 something needed is
    missing, away or taken; 4 out of time; 10 `uptake rebuild-state` has to run; 130 interrupted.
    """


local.register(app)
look.register(app)
reconcile.register(app)
feed.register(app)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(directory.app, name="directory")
processes.register(app)
setup.register(app)
rebuild_state.register(app)
