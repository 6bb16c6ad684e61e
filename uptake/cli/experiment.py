"""`uptake experiment`: define, check, start, stop and judge rapid experiments."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from uptake.cli.errors import Exit, fail
from uptake.cli.options import ConfigOption, client_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reports.experiments.verdict import Look, Verdict
    from schemas.experiments.book import Book, Entry
    from schemas.settings import Settings

app = typer.Typer(
    help="Rapid experiments: define, check, start, stop, judge.", no_args_is_help=True
)

FolderOption = Annotated[
    Path,
    typer.Option(
        "--folder",
        help="Folder of the definitions that people write.",
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
    from schemas.experiments.book import Drafts
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
    path = Drafts(folder).add(name, template(draft))
    typer.echo(f"{path} is written. Edit it, then `uptake experiment check {name}` and `start`.")


@app.command()
def check(
    name: NameArgument, folder: FolderOption = DEFAULT_FOLDER, config: ConfigOption = None
) -> None:
    """Check a definition, also against the catalog of indicators."""
    from schemas.experiments.book import Drafts
    from uptake.experiments import check as check_catalog

    experiment = Drafts(folder).experiment(name)
    check_catalog(experiment, client_settings(config).settings.worker.catalog)
    total = experiment.minimum_units * len(experiment.variants)
    typer.echo(
        f"{name} can be used. It needs {total:,} {experiment.unit}s in {len(experiment.variants)} "
        f"variants and {experiment.minimum_days} to {experiment.maximum_days} days."
    )


@app.command()
def start(
    name: NameArgument,
    why: WhyOption = "planned",
    folder: FolderOption = DEFAULT_FOLDER,
    config: ConfigOption = None,
) -> None:
    """Switch on: from now on its variants are given out. What was assigned before stays.

    The definition is that of the folder, where there is one; else the one that is known.
    """
    from schemas.experiments.book import Drafts, switched
    from schemas.experiments.definition import parse
    from uptake.experiments import check as check_catalog

    settings, book = _in_force(config)
    text = Drafts(folder).text(name)
    entry = book.entry(name) if text is None else book.published(name, text)
    check_catalog(parse(entry.definition, name), settings.worker.catalog)
    _put(settings, switched(entry, True, _now(), why), f"{name} runs now.", f"{name} runs already.")


@app.command()
def stop(
    name: NameArgument,
    why: Annotated[str, typer.Option(help="In a few words; it is kept and shown.")],
    config: ConfigOption = None,
) -> None:
    """Switch off: everybody gets the control. Nothing is lost; `start` undoes it."""
    from schemas.experiments.book import switched

    settings, book = _in_force(config)
    changed = switched(book.entry(name), False, _now(), why)
    _put(settings, changed, f"{name} is stopped.", f"{name} is not running.")


@app.command()
def status(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]")] = None,
    looks: Annotated[
        Path | None,
        typer.Option(help="Counts to judge in the place of the stored ones.", exists=True),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    config: ConfigOption = None,
) -> None:
    """All experiments and whether they run; with NAME the verdict, by the events in the store.

    --looks judges a file of counts instead (JSON, see docs/experiments.md).
    """
    from uptake.experiments import looks_of, plain, told, verdict_on

    settings, book = _in_force(config)
    if name is None:
        if looks is not None:
            raise fail("say which experiment the --looks are of", Exit.USAGE)
        for each in book.names():
            typer.echo(told(book, each, _now()))
        return
    left_out = ""
    if looks is not None:
        given = looks_of(name, looks.read_bytes())
    else:
        given, left_out = _counts(settings, book, name)
    verdict = verdict_on(book, name, given, settings.worker.catalog)
    if as_json:
        last = given[-1]._asdict() if given else None
        typer.echo(json.dumps({**plain(verdict), "looks": len(given), "last": last}))
        return
    typer.echo(told(book, name, _now()))
    for line in _lines(verdict, given):
        typer.echo(line)
    if left_out:
        typer.echo(left_out)


def register(parent: typer.Typer) -> None:
    """Add the commands."""
    parent.add_typer(app, name="experiment", rich_help_panel="Experiments")


def _in_force(config: Path | None) -> "tuple[Settings, Book]":
    from streams import experiments
    from uptake.local.ends import reachable

    settings = client_settings(config).settings
    if not reachable(settings.kafka.bootstrap):
        raise fail(f"nothing answers at {settings.kafka.bootstrap}", Exit.MISSING)
    return settings, experiments.read(settings.kafka)


def _put(settings: "Settings", changed: "Entry | None", done: str, already: str) -> None:
    from streams import experiments

    if changed is not None:
        experiments.write(settings.kafka, changed)
    typer.echo(already if changed is None else done)


def _counts(settings: "Settings", book: "Book", name: str) -> "tuple[list[Look], str]":
    """The looks, and a sentence on who is not in them."""
    from sinks.clickhouse.client import Store
    from streams.catalog import load
    from uptake.experiments import check as check_catalog
    from uptake.experiments.status import count

    experiment = book.experiment(name)
    check_catalog(experiment, settings.worker.catalog)
    with Store(settings.clickhouse) as store:
        found = count(
            store,
            settings.clickhouse.database,
            load(settings.worker.catalog),
            experiment,
            book.entry(name),
            _now(),
        )
    parts = [
        f"{number:,} {experiment.unit}s are left out: they were shown {what}."
        for number, what in (
            (found.mixed, "more than one variant"),
            (found.unknown, "a variant that the definition does not have"),
        )
        if number
    ]
    return found.looks, " ".join(parts)


def _lines(verdict: "Verdict", looks: "list[Look]") -> "Iterator[str]":
    yield verdict.sentence
    last = looks[-1] if looks else None
    if last is None:
        yield "Nobody has been exposed yet."
        return
    for name, exposed in last.exposed.items():
        arm = last.outcome.get(name)
        mean = f"{arm.mean:.4g} over {arm.cases:,}" if arm is not None and arm.cases else "none yet"
        yield f"  {name}: {exposed:,} exposed, outcome {mean}"
    for each in (*verdict.outcome, *verdict.guardrails):
        yield f"  {each.variant}, {each.indicator}: always-valid p {each.p:.3g}"
    balance = verdict.balance
    if balance.chi_square is not None:
        alarm = "ALARM" if balance.alarm else "fits"
        yield f"  sizes against the weights: {alarm} (chi-square p {balance.chi_square.p:.3g})"


def _now() -> int:
    return int(time.time() * 1000)
