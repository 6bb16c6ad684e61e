"""`uptake rebuild-state`: keyed state is made anew from the stored events."""

from typing import Annotated

import typer

from schemas.settings import Settings
from uptake.cli.errors import Exit, fail
from uptake.cli.options import ConfigOption, client_settings

_PANEL = "Set-up"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=_PANEL)(rebuild_state)


def rebuild_state(
    config: ConfigOption = None,
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Wait until intake, worker and sink have ended."),
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(min=0, help="Seconds to wait for the new numbers, once all is filled."),
    ] = 3600.0,
) -> None:
    """Make the topics between the stages and all state anew, from the stored events.

    For a changed catalog, vocabulary or kafka.partitions, and for state that a worker refuses
    (exit code 10). First end intake, worker, sink and repair; the collector may go on. Start them
    when this command says so. Until the new numbers are all there, the old ones are shown. It may
    be killed at any moment: then run it again. `uptake up` does all this by itself.
    """
    from schemas.records import Life
    from sinks.clickhouse.account import total
    from uptake.cli.waiting import Waiting
    from uptake.local.ends import reachable
    from uptake.rebuild_state import procedure

    settings = client_settings(config).settings
    if not reachable(settings.kafka.bootstrap):
        raise fail(f"nothing answers at {settings.kafka.bootstrap}", Exit.MISSING)
    if settings.kafka.memory_only:
        raise fail("on the embedded broker `uptake up` does this at each start", Exit.MISSING)

    def filled(settings: Settings) -> Life:
        _migrate(settings)
        typer.echo(f"Rebuilding state: {procedure.due(settings) or 'as asked'}")
        with Waiting() as waiting:
            seconds = float("inf") if wait else 0.0
            life = procedure.begin(settings, seconds, waiting.tell)
            procedure.fill(
                settings, life, lambda done, all_: waiting.tell(f"{done:,} of {all_:,} events")
            )
        typer.echo("All stored events are in the log: start worker, sink, repair and intake now.")
        return life

    life = procedure.unfinished(settings)
    if life is None or not procedure.at_work(settings):
        life = filled(settings)
    with Waiting() as waiting:
        accounts = procedure.finish(settings, life, timeout, waiting.tell)
    typer.echo(total(accounts).line())
    typer.echo("State is rebuilt, and the numbers are those of the stored events.")


def _migrate(settings: Settings) -> None:
    from sinks.clickhouse import migrate
    from streams.catalog.load import load, rows_for_store

    migrate.run(settings, rows_for_store(load(settings.worker.catalog)))
