"""`uptake lint`: is what learners are offered well put?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from uptake.cli.errors import Exit
from uptake.cli.options import ConfigOption, client_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from uptake.challenges.lint import ModuleResult, Report

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Check what learners are offered, before they see it."""


@app.command()
def challenges(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    load_scores: Annotated[
        bool,
        typer.Option("--load", help="Load the challenges into the asset directory, with scores."),
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Check the micro-challenges of a TOML file against the golden rules.

    One short sentence, in the first person; a concrete action in a defined time; the learner can
    start it; an easy first step; 3 to 5 a module, of mixed kinds. English and French. Each
    finding has its reason and a better example, each challenge a score from 0 to 1: the share of
    the rules it keeps. The rules look at words and can be wrong: a person decides.

    With --load each challenge becomes a line of the asset directory, by its id, which is to be
    that of the object in events; its score is the attribute `quality`.

    Exit codes: 0 nothing found; 1 findings; 2 the file cannot be read as challenges.
    """
    import msgspec

    from uptake.challenges.definition import load
    from uptake.challenges.lint import lint

    report = lint(load(file))
    if load_scores:
        _load(report, config)
    if as_json:
        typer.echo(msgspec.json.encode(report).decode())
    else:
        for module in report.modules:
            for line in _lines(module):
                typer.echo(line)
        typer.echo(f"{report.findings} findings" if report.findings else "Nothing found")
    raise SystemExit(int(Exit.FAILED if report.findings else Exit.DONE))


def _load(report: "Report", config: Path | None) -> None:
    import time

    from streams.intake import directory
    from uptake.challenges.assets import entries

    made = entries(report, int(time.time() * 1000))
    directory.write(client_settings(config).settings, made)
    typer.echo(f"Loaded {len(made):,} challenges into the asset directory", err=True)


def _lines(module: "ModuleResult") -> "Iterator[str]":
    yield f"{module.id}"
    for finding in module.findings:
        yield f"  {finding.rule}: {finding.reason}"
        if finding.better:
            yield f"    better: {finding.better}"
    for challenge in module.challenges:
        yield f"  {challenge.id} ({challenge.kind}), score {challenge.score:.2f}: {challenge.text}"
        for finding in challenge.findings:
            yield f"    {finding.rule}: {finding.reason}"
            yield f"      better: {finding.better}"
