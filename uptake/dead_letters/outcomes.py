"""What became of records that were sent again, as the store tells it."""

from collections.abc import Callable, Collection
from time import monotonic, sleep
from typing import Final, NamedTuple

from schemas.topics import EVENTS, SOURCES
from sinks.clickhouse.client import Store
from uptake.local.settle import Unsettled

_LOOK_SECONDS: Final = 0.3
_NAMED: Final = "concatWithSeparator('/', source, generation, partition, offset)"
_OUTCOMES: Final = f"""
SELECT kind, source, generation, partition, offset FROM set_aside
WHERE {_NAMED} IN {{at:Array(String)}}
UNION ALL
SELECT 'stored', source, generation, partition, offset FROM events_log
WHERE source IN {{sources:Array(String)}} AND {_NAMED} IN {{at:Array(String)}}
"""


class Sent(NamedTuple):
    """A place on an events topic."""

    source: str
    generation: int
    partition: int
    offset: int


def source_of(topic: str) -> str:
    """The source of an events topic; empty: it is none."""
    return SOURCES[EVENTS.index(topic)] if topic in EVENTS else ""


def wait(
    store: Store, sent: Collection[Sent], seconds: float, tick: Callable[[str], None]
) -> dict[Sent, str]:
    """How each ended: stored, duplicate or dead. Raises StoreError, and Unsettled when not all of
    them have ended in that time."""
    found: dict[Sent, str] = {}
    limit = monotonic() + seconds
    while waiting := [one for one in sent if one not in found]:
        for kind, *place in store.query(_OUTCOMES, _asked(waiting)):
            found[Sent(*place)] = kind
        left = len(sent) - len(found)
        if left and monotonic() > limit:
            raise Unsettled(
                f"{left:,} of {len(sent):,} records that were sent again have not arrived within "
                f"{seconds:.0f} s; they are on their way, and are not sent twice"
            )
        if left:
            tick(f"{left:,} records that were sent again")
            sleep(_LOOK_SECONDS)
    return found


def _asked(waiting: list[Sent]) -> dict[str, object]:
    return {
        "at": ["/".join(map(str, one)) for one in waiting],
        "sources": sorted({one.source for one in waiting}),
    }
