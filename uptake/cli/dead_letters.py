"""`uptake dead-letters`: records that could not be taken, kept with the reason."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from uptake.cli.errors import Exit, fail
from uptake.cli.moments import TIME_HELP, moment
from uptake.cli.options import ConfigOption, client_settings

if TYPE_CHECKING:
    from schemas.settings import Settings
    from sinks.clickhouse.client import Store
    from uptake.dead_letters.letters import Found, Place, Wanted

app = typer.Typer(no_args_is_help=True)

_PLACE_HELP = "Where the record lies: TOPIC/PARTITION/OFFSET, as `list` prints it."

ReasonOption = Annotated[str, typer.Option("--reason", help="Only those refused for this reason.")]
SourceOption = Annotated[
    Literal["crm", "ticketing", "lms"] | None,
    typer.Option("--source", help="Only those of this source."),
]
StageOption = Annotated[
    Literal["intake", "sink"] | None, typer.Option("--stage", help="Only those of this stage.")
]
SinceOption = Annotated[str, typer.Option("--since", help=f"Only those refused since: {TIME_HELP}")]


@app.callback()
def _group() -> None:
    """List, show and replay dead letters: records that could not be taken, with the reason."""


@app.command(name="list")
def list_letters(
    reason: ReasonOption = "",
    source: SourceOption = None,
    stage: StageOption = None,
    since: SinceOption = "",
    counts: Annotated[
        bool, typer.Option("--counts", help="How many there are by source, stage and reason.")
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Also those that were replayed or dropped.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many at most, the newest first.")] = 50,
    config: ConfigOption = None,
) -> None:
    """List dead letters about which nothing was done yet, the newest first."""
    from sinks.clickhouse.client import Store
    from uptake.dead_letters import letters

    wanted = letters.Wanted(reason, source or "", stage or "", _since(since), None, every)
    settings = client_settings(config).settings
    with Store(settings.clickhouse) as store:
        if counts:
            _print_counts(store, wanted)
            return
        found = letters.find(store, wanted, limit)
    for each in found:
        typer.echo(_line(each, settings))
    if not found:
        typer.echo("There are none.")


@app.command()
def show(
    place: Annotated[str, typer.Argument(help=_PLACE_HELP)], config: ConfigOption = None
) -> None:
    """Show one dead letter with its bytes, and what was done. It may hold personal data."""
    from sinks.clickhouse.client import Store
    from uptake.dead_letters import letters

    settings = client_settings(config).settings
    at = letters.place_of(place)
    if at is None:
        raise _no_place(place)
    with Store(settings.clickhouse) as store:
        for found in _at(store, at):
            typer.echo(letters.shown(found, settings))


@app.command(name="replay")
def replay_letters(
    place: Annotated[str, typer.Argument(help=_PLACE_HELP)] = "",
    reason: ReasonOption = "",
    source: SourceOption = None,
    stage: StageOption = None,
    since: SinceOption = "",
    policy: Annotated[
        Literal["stop", "re-insert", "drop"],
        typer.Option(
            help="stop: 1, then 2, then 4 and so on, until one is refused again. re-insert: all, "
            "whatever becomes of them. drop: none; it is noted that they are not wanted, and what "
            "indicators count of a row that the store refused is taken back."
        ),
    ] = "stop",
    limit: Annotated[
        int, typer.Option(min=1, help="How many at most, those received first first.")
    ] = 1_000,
    timeout: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for what becomes of a step.")
    ] = 60.0,
    config: ConfigOption = None,
) -> None:
    """Replay dead letters: one by its place, or those of a reason, source, stage or time.

    To be used when what was wrong is mended: a schema was registered, a limit was raised. A
    record is sent again, and is a new record: one more received, and stored, a duplicate or dead.
    A row that the store refused is inserted again: not received again, and stored instead of
    dead. Letters that were replayed or dropped are not taken again, unless named by their place.
    A replay that was ended may be run again: each event counts once.

    Exit codes: 0 done; 1 stopped, as one was refused again; 4 not known in time what became of
    those that were sent.
    """
    from sinks.clickhouse.client import Store
    from uptake.cli.waiting import Waiting
    from uptake.dead_letters import letters
    from uptake.dead_letters.replay import replay

    if not (place or reason or source or stage or since):
        raise fail("name a dead letter, or give --reason, --source, --stage or --since", Exit.USAGE)
    at = letters.place_of(place) if place else None
    if place and at is None:
        raise _no_place(place)
    wanted = letters.Wanted(reason, source or "", stage or "", _since(since))
    settings = client_settings(config).settings
    with Store(settings.clickhouse) as store, Waiting() as waiting:
        found = _at(store, at) if at else letters.find(store, wanted, limit, first=True)
        chosen = [each.letter for each in found]
        result = replay(settings, store, chosen, policy, timeout, waiting.tell)
    typer.echo(f"{len(chosen):,} dead letters: {result.line()}")
    if policy == "stop" and result.dead:
        raise SystemExit(int(Exit.FAILED))


def _print_counts(store: "Store", wanted: "Wanted") -> None:
    from uptake.dead_letters import letters

    rows = letters.counts(store, wanted)
    for row in rows:
        told = (
            f"{row.all:,} ({row.open:,} open, {row.replayed:,} replayed, {row.dropped:,} dropped)"
        )
        times = f"{letters.time_of(row.first)} to {letters.time_of(row.last)}"
        typer.echo(f"{row.source or '-':<10} {row.stage:<7} {row.reason:<20} {told}  {times}")
    if not rows:
        typer.echo("There are none.")


def _line(found: "Found", settings: "Settings") -> str:
    from uptake.dead_letters import letters

    letter, fate = found
    done = "" if fate is None else f"  [{letters.fate_line(letter, fate, settings)}]"
    place = letters.named(letter, settings.kafka.generation)
    return f"{place:<32} {letter.reason:<20} {letter.detail[:120]}{done}"


def _at(store: "Store", place: "Place") -> "list[Found]":
    """The letters of one record, of the newest life of the log; it has several when stages
    refused it one after the other."""
    from uptake.dead_letters import letters

    found = letters.find(store, letters.Wanted(place=place, every=True), 10)
    if not found:
        raise fail(
            f"there is no dead letter of {place.topic}/{place.partition}/{place.offset}",
            Exit.FAILED,
        )
    newest = max(each.letter.generation for each in found)
    return [each for each in found if each.letter.generation == newest]


def _since(text: str) -> int:
    """ms since 1970 UTC."""
    return moment(text, datetime.now(UTC)) or 0


def _no_place(text: str) -> SystemExit:
    return fail(f"{text}: expected TOPIC/PARTITION/OFFSET", Exit.USAGE)
