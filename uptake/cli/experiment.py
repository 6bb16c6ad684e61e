"""`uptake experiment`: define, check, start, stop and judge rapid experiments."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from uptake.cli.errors import Exit, fail

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.experiments.definition import Experiment

app = typer.Typer(
    help="Rapid experiments: define, check, start, stop, judge.", no_args_is_help=True
)

FolderOption = Annotated[
    Path,
    typer.Option(
        "--folder",
        help="Folder of the definitions; the collector's setting `collector.experiments`.",
        file_okay=False,
    ),
]
NameArgument = Annotated[str, typer.Argument(metavar="NAME")]
WhyOption = Annotated[str, typer.Option(help="In a few words; it is kept.")]
DEFAULT_FOLDER = Path("experiments")
Good = Literal["up", "down"]


@app.command()
def new(
    name: NameArgument,
    owner: Annotated[str, typer.Option(help="Who answers for it.")],
    purpose: Annotated[str, typer.Option(help="What is to be found out, in a sentence.")],
    told: Annotated[str, typer.Option(help="What learners are told, in the words they read.")],
    indicator: Annotated[str, typer.Option(help="The indicator that decides; a share.")],
    base: Annotated[float, typer.Option(help="Its value now.", min=0.001, max=0.999)],
    effect: Annotated[float, typer.Option(help="The smallest difference that matters.", min=1e-6)],
    guardrail: Annotated[str, typer.Option(help="An indicator that must not get worse.")],
    guardrail_good: Annotated[Good, typer.Option(help="Its good direction.")] = "down",
    good: Annotated[Good, typer.Option(help="The good direction of the indicator.")] = "up",
    variant: Annotated[list[str] | None, typer.Option(help="A variant; repeat it.")] = None,
    unit: Annotated[Literal["learner", "team"], typer.Option()] = "learner",
    folder: FolderOption = DEFAULT_FOLDER,
) -> None:
    """Write a definition, with the sample that its smallest effect needs; then read and edit it."""
    from schemas.experiments.book import Book
    from uptake.experiments import Draft, sample, template

    other = base + effect if good == "up" else base - effect
    if not 0 < other < 1:
        raise fail(f"{other:g} is no share: --effect is too large for --base", Exit.USAGE)
    draft = Draft(
        name=name,
        owner=owner,
        purpose=purpose,
        told=told,
        unit=unit,
        variants=("control", *(variant or ["new"])),
        indicator=indicator,
        good=good,
        effect=effect,
        guardrail=guardrail,
        guardrail_good=guardrail_good,
        minimum_units=sample(base, other),
    )
    path = Book(folder).add(name, template(draft))
    typer.echo(f"{path} is written. Edit it, then `uptake experiment check {name}` and `start`.")


@app.command()
def check(name: NameArgument, folder: FolderOption = DEFAULT_FOLDER) -> None:
    """Check a definition, also against the catalog of indicators."""
    from schemas.experiments.book import Book
    from uptake.experiments import check as check_catalog

    experiment = Book(folder).experiment(name)
    check_catalog(experiment)
    total = experiment.minimum_units * len(experiment.variants)
    typer.echo(
        f"{name} can be used. It needs {total:,} {experiment.unit}s in {len(experiment.variants)} "
        f"variants and {experiment.minimum_days} to {experiment.maximum_days} days."
    )


@app.command()
def start(
    name: NameArgument, why: WhyOption = "planned", folder: FolderOption = DEFAULT_FOLDER
) -> None:
    """Switch on: from now on its variants are given out. What was assigned before stays."""
    from uptake.experiments import check as check_catalog

    _switch(name, folder, True, why, check_catalog)


@app.command()
def stop(
    name: NameArgument,
    why: Annotated[str, typer.Option(help="In a few words; it is kept and shown.")],
    folder: FolderOption = DEFAULT_FOLDER,
) -> None:
    """Switch off: everybody gets the control. Nothing is lost; `start` undoes it."""
    _switch(name, folder, False, why, lambda _: None)


@app.command()
def status(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]")] = None,
    looks: Annotated[
        Path | None,
        typer.Option(help="Counts to judge (JSON, see docs/experiments.md).", exists=True),
    ] = None,
    folder: FolderOption = DEFAULT_FOLDER,
) -> None:
    """All experiments and whether they run; with NAME and --looks the verdict in a sentence."""
    from schemas.experiments.book import Book
    from uptake.experiments import judged, told

    book = Book(folder)
    now = int(time.time() * 1000)
    if name is None:
        if looks is not None:
            raise fail("say which experiment the --looks are of", Exit.USAGE)
        for each in book.names():
            typer.echo(told(book, each, now))
        return
    typer.echo(told(book, name, now))
    if looks is not None:
        typer.echo(json.dumps(judged(book, name, looks.read_bytes()), indent=2))


def register(parent: typer.Typer) -> None:
    """Add the commands."""
    parent.add_typer(app, name="experiment", rich_help_panel="Experiments")


def _switch(
    name: str, folder: Path, running: bool, why: str, check_first: "Callable[[Experiment], None]"
) -> None:
    from schemas.experiments.book import Book

    book = Book(folder)
    check_first(book.experiment(name))
    changed = book.switch(name, running, int(time.time() * 1000), why)
    done, already = ("runs now", "runs already") if running else ("is stopped", "is not running")
    typer.echo(f"{name} {done if changed else already}.")
