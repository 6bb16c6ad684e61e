"""The long-running processes, one command each. They end on SIGTERM."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from schemas.settings import Settings
from uptake.cli.options import ProcessConfigOption, process_settings

_PANEL = "Processes"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (collector, intake, worker, sink, repair, board):
        app.command(rich_help_panel=_PANEL)(command)
    app.command(hidden=True)(store)


def collector(config: ProcessConfigOption = None) -> None:
    """Take events over HTTP and write them to Kafka."""
    from streams.collector.server import run

    _run(run, process_settings(config))


def intake(config: ProcessConfigOption = None) -> None:
    """Decode, check and pseudonymise events, and pack them by learner."""
    from streams.intake.service import run

    _run(run, process_settings(config))


def worker(config: ProcessConfigOption = None) -> None:
    """Deduplicate, enrich, follow journeys and count: the three Faust agents."""
    from streams.agents.worker import run

    _run(run, process_settings(config))


def sink(config: ProcessConfigOption = None) -> None:
    """Write events and indicators into ClickHouse."""
    from sinks.clickhouse.service import run

    _run(run, process_settings(config))


def repair(config: ProcessConfigOption = None) -> None:
    """Compute again what memory had let go of: the repair list of the store."""
    from uptake.repair.service import run

    _run(run, process_settings(config))


def board(config: ProcessConfigOption = None) -> None:
    """Serve the decision board: live adoption and its outcomes, in the browser."""
    from reports.board.server import run

    _run(run, process_settings(config))


def store(
    data: Annotated[Path, typer.Option(help="Folder of the store's data.")],
    config: ProcessConfigOption = None,
) -> None:
    """Serve the embedded store by the ClickHouse HTTP protocol."""
    from urllib.parse import urlsplit

    from sinks.clickhouse.embedded import run

    settings = process_settings(config).clickhouse
    address = urlsplit(settings.url)
    run(data, address.hostname or "127.0.0.1", address.port or 8123, settings.password)


def _run(run: Callable[[Settings], int | None], settings: Settings) -> None:
    raise SystemExit(run(settings) or 0)
