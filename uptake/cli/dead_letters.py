"""`uptake dead-letters`: records that could not be taken, kept with the reason."""

from typing import TYPE_CHECKING, Annotated

import typer

from uptake.cli.errors import Exit, fail
from uptake.cli.options import ConfigOption, client_settings

if TYPE_CHECKING:
    from schemas.records import DeadLetter
    from schemas.settings import Settings

app = typer.Typer(no_args_is_help=True)

_PLACE_HELP = "Where the record lies: TOPIC/PARTITION/OFFSET, as `list` prints it."

ReasonOption = Annotated[str, typer.Option("--reason", help="Only those refused for this reason.")]
SourceOption = Annotated[str, typer.Option("--source", help="Only those of crm, ticketing or lms.")]


@app.callback()
def _group() -> None:
    """List, show and replay dead letters: records that could not be taken, with the reason."""


@app.command(name="list")
def list_letters(
    reason: ReasonOption = "",
    source: SourceOption = "",
    limit: Annotated[int, typer.Option(min=1, help="How many at most, the newest first.")] = 50,
    config: ConfigOption = None,
) -> None:
    """List dead letters, the newest first."""
    from streams.intake import replay

    settings = client_settings(config).settings
    letters = replay.find(settings, reason=reason, source=source, limit=limit)
    for letter in letters:
        typer.echo(f"{_place(letter):<32} {letter.reason:<20} {letter.detail[:120]}")
    if not letters:
        typer.echo("There are none.")


@app.command()
def show(
    place: Annotated[str, typer.Argument(help=_PLACE_HELP)], config: ConfigOption = None
) -> None:
    """Show one dead letter with its bytes. It may hold personal data."""
    from streams.intake import replay

    typer.echo(replay.shown(_one(client_settings(config).settings, place)))


@app.command(name="replay")
def replay_letters(
    place: Annotated[str, typer.Argument(help=_PLACE_HELP)] = "",
    reason: ReasonOption = "",
    source: SourceOption = "",
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 1_000,
    config: ConfigOption = None,
) -> None:
    """Send dead letters once more: one by its place, or all of a reason or a source.

    To be used when what was wrong is mended: a schema was registered, a limit was raised. What
    is still wrong becomes a dead letter again.
    """
    from streams.intake import replay

    settings = client_settings(config).settings
    if not (place or reason or source):
        raise fail("name a dead letter, or give --reason or --source", Exit.USAGE)
    if place:
        letters = [_one(settings, place)]
    else:
        letters = replay.find(settings, reason=reason, source=source, limit=limit)
    typer.echo(f"Sent {replay.replay(settings, letters):,} again")


def _place(letter: "DeadLetter") -> str:
    return f"{letter.topic}/{letter.partition}/{letter.offset}"


def _one(settings: "Settings", place: str) -> "DeadLetter":
    from streams.intake import replay

    topic, _, rest = place.partition("/")
    partition, _, offset = rest.partition("/")
    if not (topic and partition.isdigit() and offset.isdigit()):
        raise fail(f"{place}: expected TOPIC/PARTITION/OFFSET", Exit.USAGE)
    found = replay.find(
        settings, topic=topic, partition=int(partition), offset=int(offset), limit=1
    )
    if not found:
        raise fail(f"there is no dead letter of {place}", Exit.FAILED)
    return found[0]
