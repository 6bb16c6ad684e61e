"""What was found, as tables for people. Each target of the design stands beside its number."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich.table import Table

from benchmarks.exactness import Exactness
from benchmarks.freshness import Freshness
from benchmarks.over_http import OverHttp
from benchmarks.recovery import Recovery
from benchmarks.stage import Stage
from benchmarks.where import Where
from benchmarks.whole import Whole
from schemas.topics import AGENTS

_PROCESSES = ("broker", "store", "collector", "intake", "worker", "sink", "loop")
_ROWS = ("events_log", "panes", "rolling")


def of(part: str, results: Sequence[Any]) -> Iterable[Table]:
    """The tables of one part."""
    return _TABLES[part](results)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    return table


def _whole(results: Sequence[Whole]) -> Iterable[Table]:
    rates = _table(
        "Whole way (target: 0.55, then 0.9 of the bare loop)",
        "broker, shape",
        "events/s",
        "bare, before and after",
        "of bare",
    )
    cpu = _table("CPU, microseconds an event", "", *_PROCESSES, "all")
    memory = _table("Peak memory, MiB", "", *_PROCESSES[:-1])
    volume = _table("Rows stored an event, and epochs", "", *_ROWS, *AGENTS)
    for each in results:
        name = f"{each.broker}, {each.shape}"
        bare = " ".join(f"{one.rate:,.0f}" for one in each.bare)
        rates.add_row(name, f"{each.rate:,.0f}", bare, f"{each.ratio:.2f}")
        cpu.add_row(name, *_by_process(each.cpu_us), f"{sum(each.cpu_us.values()):.1f}")
        one = each.bare[0].cpu_us
        cpu.add_row("  bare loop", *_by_process(one), f"{sum(one.values()):.1f}")
        memory.add_row(name, *(str(each.peak_mib.get(one, "")) for one in _PROCESSES[:-1]))
        volume.add_row(
            name,
            *(f"{each.rows.get(one, 0):.2f}" for one in _ROWS),
            *(f"{each.epochs.get(one, 0):.0f}" for one in AGENTS),
        )
    return rates, cpu, memory, volume


def _by_process(values: dict[str, float]) -> list[str]:
    return [f"{values[name]:.1f}" if name in values else "" for name in _PROCESSES]


def _stage(results: Sequence[Stage]) -> Iterable[Table]:
    table = _table(
        "Learners stage in Faust (targets: 20 x naive, 0.7 of bare)",
        "broker, shape",
        "events/s",
        "naive Faust",
        "x naive",
        "bare",
        "of bare",
        "bare, no store",
        "intake alone",
        "CPU us/event",
    )
    for each in results:
        table.add_row(
            f"{each.broker}, {each.shape}",
            f"{each.learners:,.0f}",
            f"{each.naive:,.0f}",
            f"{each.to_naive:.1f}",
            f"{each.bare:,.0f}",
            f"{each.to_bare:.2f}",
            f"{each.bare_without_store:,.0f}",
            f"{each.intake:,.0f}",
            f"{each.learners_cpu_us:.1f}",
        )
    return (table,)


def _exactness(results: Sequence[Exactness]) -> Iterable[Table]:
    table = _table(
        "What exactness costs: the worker alone, as it is and without checks and durability",
        "broker, way",
        "events/s",
        "worker us/event",
        "broker us/event",
        *(f"epochs of {agent}" for agent in AGENTS),
        "load",
    )
    for each in results:
        table.add_row(
            f"{each.broker}, {each.way}",
            f"{each.rate:,.0f}",
            f"{each.worker_us:.1f}",
            f"{each.broker_us:.1f}",
            *(f"{each.epochs.get(agent, 0):.0f}" for agent in AGENTS),
            each.load,
        )
    return (table,)


def _http(results: Sequence[OverHttp]) -> Iterable[Table]:
    table = _table(
        "HTTP, acknowledged by the broker (targets: 20 x and 5 x ralph, which was measured "
        "earlier on a like machine: 75 and 3,900 statements/s)",
        "broker",
        "a request",
        "connections",
        "statements/s",
        "x ralph",
        "ms p50",
        "p95",
        "p99",
        "collector us",
        "refused",
    )
    for each in results:
        table.add_row(
            each.broker,
            str(each.batch),
            str(each.connections),
            f"{each.rate:,.0f}",
            f"{each.to_ralph:.1f}",
            f"{each.p50:.1f}",
            f"{each.p95:.1f}",
            f"{each.p99:.1f}",
            f"{each.collector_cpu_us:.0f}",
            str(each.refused),
        )
    return (table,)


def _freshness(results: Sequence[Freshness]) -> Iterable[Table]:
    table = _table(
        "Freshness in seconds (target: p95 within 2)",
        "broker, way",
        "wanted/s",
        "sent/s",
        "p50",
        "p95",
        "p99",
        "200 to found: p50",
        "p95",
        "worst",
        "probes",
        "settled after",
    )
    for each in results:
        table.add_row(
            f"{each.broker}, {each.way}",
            f"{each.wanted_rate:,.0f}",
            f"{each.rate:,.0f}",
            f"{each.p50:.2f}",
            f"{each.p95:.2f}",
            f"{each.p99:.2f}",
            f"{each.probe_p50:.2f}",
            f"{each.probe_p95:.2f}",
            f"{each.probe_worst:.2f}",
            str(each.probes),
            f"{each.settled_after:.1f}",
        )
    return (table,)


def _recovery(results: Sequence[Recovery]) -> Iterable[Table]:
    table = _table(
        "Worker after kill -9 (targets: back within 15 s, a million learners under 1 GB)",
        "broker, member",
        "learners",
        "built/s",
        "ready, s",
        "first new pack, s",
        "MiB before (peak)",
        "MiB after (peak)",
        "log records",
    )
    for each in results:
        table.add_row(
            f"{each.broker}, {'named' if each.named else 'not named'}",
            f"{each.learners:,}",
            f"{each.build_rate:,.0f}",
            f"{each.ready_seconds:.1f}",
            f"{each.back_seconds:.1f}",
            f"{each.rss_before} ({each.peak_before})",
            f"{each.rss_after} ({each.peak_after})",
            str(each.log_records),
        )
    return (table,)


def _profile(results: Sequence[Where]) -> Iterable[Table]:
    for each in results:
        for kind, shares in (("alone", each.alone), ("with what it calls", each.total)):
            table = _table(f"Profile, {each.broker}, {each.shape}: {kind}", "function", "share")
            for process, functions in shares.items():
                table.add_section()
                table.add_row(f"[bold]{process}[/bold]", "")
                for name, share in functions.items():
                    table.add_row(f"  {name}", f"{100 * share:.1f}%")
            yield table


_TABLES: dict[str, Callable[[Any], Iterable[Table]]] = {
    "whole": _whole,
    "stage": _stage,
    "exactness": _exactness,
    "http": _http,
    "freshness": _freshness,
    "recovery": _recovery,
    "profile": _profile,
}
