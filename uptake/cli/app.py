"""All commands."""

from typing import Annotated

import typer

from schemas.stopping import explained
from schemas.version import VERSION
from uptake.cli import (
    consent,
    dashboards,
    dead_letters,
    dictionary,
    directory,
    docs,
    experiment,
    feed,
    index,
    lint,
    local,
    look,
    pairs,
    processes,
    rebuild,
    rebuild_state,
    reconcile,
    rubric,
    setup,
    stories,
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


_HELP = f"""Live leading indicators from the tools where work happens.

On one machine: `uptake demo` or `uptake up`. In a cluster: one `uptake` process a job.

Exit codes: {explained()}.
"""


@app.callback(help=_HELP)
def _all(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """See `_HELP`."""


local.register(app)
look.register(app)
reconcile.register(app)
rebuild.register(app)
feed.register(app)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(directory.app, name="directory")
app.add_typer(consent.app, name="consent")
app.add_typer(rubric.app, name="rubric")
app.add_typer(lint.app, name="lint")
index.register(app)
pairs.register(app)
app.add_typer(docs.app, name="docs")
experiment.register(app)
dashboards.register(app)
dictionary.register(app)
stories.register(app)
processes.register(app)
setup.register(app)
rebuild_state.register(app)
