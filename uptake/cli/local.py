"""`uptake up` and `uptake demo`: everything on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from uptake.cli.options import DEFAULT_DATA, ProcessConfigOption

if TYPE_CHECKING:
    from uptake.local.up import Wish

_PANEL = "On this machine"
_MIB = 1_048_576

DataOption = Annotated[
    Path, typer.Option("--data", help="Folder for all data; made where missing.", file_okay=False)
]
BrokerOption = Annotated[
    Literal["embedded", "kafka"],
    typer.Option(
        "--broker",
        help="embedded: in memory, state is rebuilt from stored events at each start. "
        "kafka: a real Apache Kafka with its data in the folder (needs Java 17+ and Maven).",
    ),
]
PortsOption = Annotated[
    Literal["fixed", "auto"],
    typer.Option("--ports", help="fixed: the known ports; auto: any free ones (see run.json)."),
]
MemoryOption = Annotated[
    int | None,
    typer.Option(
        "--broker-memory",
        min=64,
        metavar="MIB",
        help="Memory that the embedded broker may take; all ends when it is reached. "
        "Default: half of the machine's, 4096 at most.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (up, demo):
        app.command(rich_help_panel=_PANEL)(command)


def up(
    data: DataOption = DEFAULT_DATA,
    broker: BrokerOption = "embedded",
    ports: PortsOption = "fixed",
    broker_memory: MemoryOption = None,
    config: ProcessConfigOption = None,
) -> None:
    """Run broker, store, collector, intake, worker, sink, repair and board until Ctrl-C."""
    from uptake.local.session import run_up

    raise SystemExit(run_up(_wish(data, broker, ports, broker_memory, config)))


def demo(
    data: DataOption = DEFAULT_DATA,
    broker: BrokerOption = "embedded",
    ports: PortsOption = "fixed",
    broker_memory: MemoryOption = None,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="End by itself after this time.")
    ] = None,
    config: ProcessConfigOption = None,
) -> None:
    """Run everything with a simulated organisation, and show it live."""
    from uptake.local.session import run_demo

    raise SystemExit(run_demo(_wish(data, broker, ports, broker_memory, config), seconds))


def _wish(
    data: Path,
    broker: Literal["embedded", "kafka"],
    ports: str,
    broker_memory: int | None,
    config: Path | None,
) -> "Wish":
    from schemas.settings_load import load
    from uptake.local.broker import default_limit
    from uptake.local.folder import DataFolder
    from uptake.local.up import Wish

    limit = broker_memory * _MIB if broker_memory else default_limit()
    return Wish(DataFolder(data), broker, ports == "auto", load(config), limit)
