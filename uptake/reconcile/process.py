"""`uptake reconcile --every`: the comparison again and again, with metrics."""

import logging
import signal
from collections.abc import Callable
from threading import Event
from time import monotonic, time

from confluent_kafka import KafkaException

from schemas import health
from schemas.metrics import (
    RECONCILE_DIFFERENCES,
    RECONCILE_EQUAL,
    RECONCILE_LAST_EQUAL,
    RECONCILE_ROWS,
    RECONCILE_RUNS,
    RECONCILE_SECONDS,
    RECONCILE_TWICE,
)
from schemas.settings import Settings
from sinks.clickhouse.errors import StoreError
from uptake.local.settle import Unsettled
from uptake.reconcile.check import Report

_log = logging.getLogger(__name__)


class _Interrupted(Exception):
    """Told to end in the middle of a comparison."""


def run(
    settings: Settings, seconds: float, compare: Callable[[Callable[[str], None]], Report]
) -> int:
    """Compare at once and then every so many seconds until SIGTERM or SIGINT; return 0.

    A comparison that cannot be done (Kafka or the store is away) is logged and counted, and done
    again at the next time. Raises OSError when the metrics port is taken.
    """
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    done = Event()
    port = health.serve(settings.metrics, "reconcile", done.is_set)
    _log.info("Reconcile: metrics on port %d", port)

    def tick(_: str) -> None:
        if stop.is_set():
            raise _Interrupted

    while not stop.is_set():
        try:
            measured(compare, tick)
            done.set()
        except _Interrupted:
            break
        stop.wait(seconds)
    return 0


def measured(
    compare: Callable[[Callable[[str], None]], Report], tick: Callable[[str], None]
) -> None:
    """One comparison, told in the log and the metrics."""
    began = monotonic()
    try:
        report = compare(tick)
    except (StoreError, KafkaException, Unsettled) as error:
        RECONCILE_RUNS.labels("failed").inc()
        _log.error("Nothing could be compared: %s", error)
        return
    RECONCILE_SECONDS.set(monotonic() - began)
    RECONCILE_ROWS.set(report.rows)
    RECONCILE_DIFFERENCES.set(report.differing)
    RECONCILE_TWICE.set(report.twice)
    RECONCILE_EQUAL.set(int(report.equal))
    RECONCILE_RUNS.labels("equal" if report.equal else "different").inc()
    if report.equal:
        RECONCILE_LAST_EQUAL.set(time())
    for line in report.lines():
        _log.log(logging.INFO if report.equal else logging.ERROR, "%s", line)
