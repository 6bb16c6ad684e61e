"""`uptake dead-letters`."""

import typer

app = typer.Typer(help="List, show and replay dead letters.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """List, show and replay dead letters."""
