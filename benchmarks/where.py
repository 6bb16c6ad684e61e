"""Where the time of intake, worker and sink goes: a run of the whole way, each process sampled."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from msgspec import Struct

from benchmarks.profiled import Shares
from benchmarks.rig import PIPELINE
from benchmarks.whole import Say, measure
from uptake.local.folder import BrokerKind

_TOP = 15


class Where(Struct):
    """Shares of the samples of each process's main thread, the largest first."""

    broker: str
    shape: str
    alone: dict[str, dict[str, float]]
    total: dict[str, dict[str, float]]
    cpu_us: dict[str, float]
    """With the cost of sampling."""


def profile(kind: BrokerKind, shape: str, events: int, learners: int, say: Say) -> Where:
    """One run."""
    with TemporaryDirectory(prefix="uptake-bench-") as folder:
        run = measure(
            kind,
            shape,
            events,
            learners,
            say,
            module="benchmarks.profiled",
            arguments=(folder,),
        )
        found = {
            name: msgspec.json.decode(Path(folder, f"{name}.json").read_bytes(), type=Shares)
            for name in PIPELINE
        }
    return Where(
        kind,
        shape,
        {name: _top(shares.alone) for name, shares in found.items()},
        {name: _top(_ours(shares.total)) for name, shares in found.items()},
        run.cpu_us,
    )


def _ours(shares: Mapping[str, float]) -> dict[str, float]:
    """Functions of the product, not what only calls them."""
    packages = ("streams/", "schemas/", "sinks/")
    return {name: share for name, share in shares.items() if name.startswith(packages)}


def _top(shares: Mapping[str, float]) -> dict[str, float]:
    ordered = sorted(shares.items(), key=lambda each: -each[1])
    return dict(ordered[:_TOP])
