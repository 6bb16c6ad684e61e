"""What the collector takes: single statements and batches, each answered when Kafka has them."""

import time

import uvloop
from msgspec import Struct

from benchmarks.http_load import Load
from benchmarks.http_load import measure as load_it
from benchmarks.machine import cpu_seconds, load_average
from benchmarks.rig import PIPELINE, running
from benchmarks.whole import Say
from uptake.local.folder import BrokerKind

RALPH = {1: 75.0, 100: 3_900.0}
"""Statements a second of openfun/ralph 5.1 on ClickHouse, single and in batches of 100, measured
earlier on a like machine; not in the same run."""

_CONNECTIONS = {1: 64, 100: 16}
_SETTLE_SECONDS = 300.0


class OverHttp(Struct):
    """Latencies in ms."""

    broker: str
    batch: int
    connections: int
    rate: float
    """Acknowledged statements a second, the load generator on the same machine."""
    p50: float
    p95: float
    p99: float
    collector_cpu_us: float
    refused: int
    load: str

    @property
    def to_ralph(self) -> float:
        """In multiples of ralph."""
        return self.rate / RALPH[self.batch]


def measure(kind: BrokerKind, seconds: float, say: Say) -> list[OverHttp]:
    """Everything runs, as in `uptake up`; what was taken has to be settled in the end."""
    results = []
    with running(kind) as rig:
        rig.launch(*PIPELINE, "collector")
        for batch, connections in _CONNECTIONS.items():
            say(f"{seconds:.0f} s of statements by {batch}")
            pid = rig.pids()["collector"]
            cpu = cpu_seconds(pid)
            load = Load(
                rig.plan.run(0).collector,
                "local",
                rig.plan.secrets.write_key,
                connections,
                batch,
                seconds,
            )
            result = uvloop.run(load_it(load))
            used = cpu_seconds(pid) - cpu
            p50, p95, p99 = (1e3 * result.quantile(share) for share in (0.5, 0.95, 0.99))
            refused = sum(result.statuses.values()) - result.statuses[200]
            results.append(
                OverHttp(
                    kind,
                    batch,
                    connections,
                    result.rate,
                    p50,
                    p95,
                    p99,
                    1e6 * used / max(1, result.statements),
                    refused,
                    load_average(),
                )
            )
        say("settling")
        began = time.time()
        rig.settle(_SETTLE_SECONDS)
        say(f"settled after {time.time() - began:.1f} s")
    return results
