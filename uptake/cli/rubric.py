"""`uptake rubric`: check rubrics, and how far raters agree on one."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from uptake.cli.errors import Exit, fail
from uptake.cli.moments import TIME_HELP, moment, ms
from uptake.cli.options import ConfigOption, client_settings

if TYPE_CHECKING:
    from reports.scores.agreement import Agreement
    from reports.scores.calibration import CriterionResult, RaterResult
    from reports.scores.verdicts import Verdict

app = typer.Typer(no_args_is_help=True)

_File = Annotated[Path, typer.Argument(exists=True, dir_okay=False)]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.callback()
def _group() -> None:
    """Check rubrics, and how far raters agree on one."""


@app.command()
def check(file: _File, as_json: _Json = False) -> None:
    """Check a rubric (TOML): would two raters agree on what it means?

    Refused are comparisons between people, levels without a behaviour that is seen or heard or
    without an example, missing levels, and levels that nobody can tell apart. English and French.

    Exit codes: 0 fine; 1 refused, with all reasons; 2 the file cannot be read as a rubric.
    """
    import json

    from uptake.rubrics.load import RubricRefused, load

    try:
        rubric = load(file)
    except RubricRefused as refused:
        if as_json:
            typer.echo(json.dumps({"faults": refused.faults}, ensure_ascii=False))
            raise SystemExit(int(Exit.FAILED)) from None
        raise fail(str(refused), Exit.FAILED) from None
    if as_json:
        found = {"id": rubric.id, "version": rubric.version, "fingerprint": rubric.fingerprint()}
        typer.echo(json.dumps({**found, "faults": []}))
        return
    typer.echo(
        f"{rubric.id}, version {rubric.version} ({rubric.fingerprint()}): "
        f"{len(rubric.criteria)} criteria of {len(rubric.levels)} levels, nothing to refuse"
    )


@app.command()
def calibrate(
    rubric: _File,
    ratings: _File,
    agreed: Annotated[
        str, typer.Option(help="The rater in the file whose levels are the agreed ones.")
    ] = "",
    as_json: _Json = False,
) -> None:
    """Say how far raters agree, from a calibration session.

    RATINGS is CSV with a header: item, criterion, rater, level. Nothing is stored or sent.

    Exit codes: 0 told, whatever the verdict; 2 a file cannot be used.
    """
    import msgspec

    from reports.scores.calibration import evaluate
    from uptake.rubrics import load as rubrics
    from uptake.rubrics import ratings_file

    chosen = rubrics.load(rubric)
    session = ratings_file.load(ratings, chosen)
    reference = ratings_file.take_out(session, agreed) if agreed else {}
    if agreed and not any(reference.values()):
        raise fail(f"{ratings}: there is no rater '{agreed}'", Exit.USAGE)
    levels = {name: [float(level) for level in chosen.scale] for name in session}
    results = evaluate(session, levels, reference)
    if as_json:
        typer.echo(msgspec.json.encode(results).decode())
        return
    for criterion, result in results.items():
        for line in _lines(criterion, result):
            typer.echo(line)


@app.command()
def load(file: _File, config: ConfigOption = None) -> None:
    """Check a rubric (TOML) and store it, so that levels that were given by it have a scale.

    A version is stored once: to change a rubric, raise its version.

    Exit codes: 0 stored, or there already; 1 refused, with all reasons; 2 it cannot be read as a
    rubric, or another content has its id and version.
    """
    from sinks.clickhouse.client import Store
    from uptake.rubrics.load import RubricRefused
    from uptake.rubrics.load import load as read
    from uptake.rubrics.store import save

    try:
        rubric = read(file)
    except RubricRefused as refused:
        raise fail(str(refused), Exit.FAILED) from None
    with Store(client_settings(config).settings.clickhouse) as store:
        stored = save(store, rubric)
    told = "is stored" if stored else "was there already"
    typer.echo(f"{rubric.id}, version {rubric.version} ({rubric.fingerprint()}), {told}")


@app.command()
def agreement(
    rubric: Annotated[str, typer.Argument(help="Id of a stored rubric.")],
    version: Annotated[int, typer.Option(help="Its version; 0: the newest.")] = 0,
    since: Annotated[str, typer.Option(help=f"From {TIME_HELP}")] = "90d",
    until: Annotated[str, typer.Option(help=f"Before {TIME_HELP}")] = "",
    as_json: _Json = False,
    config: ConfigOption = None,
) -> None:
    """Say how far raters agree, from the scores in the store.

    By criterion: percent agreement, weighted kappa, alpha, ICC, severity of each rater, and a
    verdict; over all criteria: drift. Raters are shown by the beginning of their pseudonym.

    Exit codes: 0 told, whatever the verdict; 2 there is no such rubric.
    """
    from datetime import UTC, datetime

    import msgspec

    from reports.scores.calibration import evaluate
    from reports.scores.ratings import raters
    from reports.scores.severity import drift_of
    from sinks.clickhouse.client import Store
    from uptake.rubrics import store as stored

    now = datetime.now(UTC)
    end = moment(until, now)
    with Store(client_settings(config).settings.clickhouse) as store:
        by = stored.scale(store, rubric, version)
        times = (moment(since, now) or 0, ms(now) if end is None else end)
        found = stored.ratings(store, by, *times)
    results = evaluate(found.session, dict.fromkeys(found.session, by.levels))
    overall = stored.overall(found.session)
    drifts = {rater: drift_of(overall, rater) for rater in raters(overall)}
    if as_json:
        told = {"criteria": results, "drift": drifts}
        left = {"outside": found.outside, "again": found.again}
        typer.echo(msgspec.json.encode({**told, **left}).decode())
        return
    if not results:
        typer.echo(f"Nothing was rated by {by.rubric}, version {by.version}, in this time.")
    for criterion, result in results.items():
        for line in _lines(criterion, result):
            typer.echo(line)
    for rater, one in drifts.items():
        where = f" from item {one.first_out} on" if one.first_out else ""
        typer.echo(f"{rater}: {one.word}{where} ({one.points} items behind the baseline)")
    if found.outside:
        typer.echo(f"{found.outside} ratings name no criterion or level of the rubric: left out")


def _lines(criterion: str, result: "CriterionResult") -> Iterator[str]:
    yield f"{criterion}: {result.agreement.verdict.text}"
    yield from _of_all(result.agreement)
    for rater, found in result.raters.items():
        yield from _of_rater(rater, found)
    for item in result.apart:
        yield f"  talk about {item.item}: from {item.low:g} to {item.high:g}"


def _of_all(found: "Agreement") -> Iterator[str]:
    reach = found.ordinal_range
    between = f", {reach.low:.2f} to {reach.high:.2f}" if reach else ""
    yield (
        f"  {found.items} items with two ratings or more; alpha ordinal {_shown(found.ordinal)}"
        f"{between}; nominal {_shown(found.nominal)}, interval {_shown(found.interval)}"
    )
    yield (
        f"  {found.icc_items} items rated by all {found.raters}: ICC(2,1) "
        f"{_shown(found.icc_single)}{_word(found.icc_verdict)}, ICC(2,k) {_shown(found.icc_mean)}"
    )
    for pair in found.pairs:
        yield (
            f"  {pair.first} and {pair.second}: {pair.items} items, same level "
            f"{_share(pair.exact)}, at most one apart {_share(pair.adjacent)}; kappa "
            f"{_shown(pair.kappa)}, linear {_shown(pair.linear)}{_word(pair.verdict)}, "
            f"quadratic {_shown(pair.quadratic)}"
        )


def _of_rater(rater: str, found: "RaterResult") -> Iterator[str]:
    severity = found.severity
    if severity is not None:
        within = "" if severity.margin is None else f", limits -/+{severity.margin:.2f}"
        yield f"  {rater}: {severity.word} ({severity.mean:+.2f} levels{within})"
    if found.reference is not None:
        yield f"  {rater} against the agreed levels: {found.reference.verdict.text}"


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def _word(verdict: "Verdict | None") -> str:
    return f" ({verdict.word})" if verdict else ""


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.0%}"
