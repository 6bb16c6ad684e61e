"""How soon an event can be asked for, at about half of the rate that the whole way takes.

By the store's own clock for all events of the middle of the run (from the time Kafka has of the
record to the insert), and by asking: a statement is posted, and from its 200 on the store is asked
for it until it is there.
"""

import time
from collections.abc import Callable, Sequence
from http.client import HTTPConnection
from threading import Event, Thread
from typing import Literal
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from confluent_kafka import Producer
from msgspec import Struct

from benchmarks.machine import load_average
from benchmarks.rig import PIPELINE, Rig, running
from benchmarks.whole import TOPIC, Say, ready_with_directory
from benchmarks.workload import MINUTE, Workload, statements
from sinks.clickhouse.client import Store
from uptake.local.folder import BrokerKind

Way = Literal["http", "kafka"]

_BATCH = 100
_SENDERS = 4
_STEP_SECONDS = 0.02
_EDGE_SECONDS = 3.0
"""Left out at the beginning."""
_PROBES = 3
"""Statements looked for at once."""
_PROBE_EVERY_SECONDS = 0.3
_ASK_EVERY_SECONDS = 0.02
_LOST_SECONDS = 30.0
_SETTLE_SECONDS = 300.0


class Freshness(Struct):
    """Seconds."""

    broker: str
    way: Way
    wanted_rate: float
    rate: float
    """Events a second that were sent."""
    p50: float
    p95: float
    p99: float
    probes: int
    probe_p50: float
    probe_p95: float
    probe_worst: float
    settled_after: float
    load: str


def measure(
    kind: BrokerKind, way: Way, rate: float, seconds: float, learners: int, say: Say
) -> Freshness:
    """One run: `rate` events a second for `seconds`."""
    load = load_average()
    count = int(rate * seconds)
    end = int((time.time() + seconds) * 1000) + MINUTE // 2
    made = list(statements(Workload(count, learners, int(seconds * 1000), end)))
    with running(kind) as rig:
        ready_with_directory(rig, learners, say)
        rig.launch(*PIPELINE, "collector")
        say(f"{seconds:.0f} s at {rate:,.0f} events a second over {way}")
        probe = _Probe(rig)
        began = time.time()
        (_over_http if way == "http" else _over_kafka)(rig, made, rate)
        sent = time.time() - began
        waits = probe.close()
        rig.settle(_SETTLE_SECONDS)
        settled = time.time() - began - sent
        with Store(rig.settings.clickhouse) as store:
            ages = store.query(_AGES.format(began=int(1e3 * (began + _EDGE_SECONDS))))[0][0]
    p50, p95, p99 = (each / 1e3 for each in ages)
    return Freshness(
        kind,
        way,
        rate,
        count / sent,
        p50,
        p95,
        p99,
        len(waits),
        _share(waits, 0.5),
        _share(waits, 0.95),
        _share(waits, 1.0),
        settled,
        load,
    )


_AGES = (
    "SELECT quantilesExact(0.5, 0.95, 0.99)(dateDiff('millisecond', received_at, stored_at)) "
    "FROM events_log WHERE toUnixTimestamp64Milli(received_at) > {began}"
)


def _share(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


class _Probe:
    """Posts statements of its own and asks for each until it is there."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._waits: list[float] = []
        self._stop = Event()
        self._threads = [Thread(target=self._run, daemon=True) for _ in range(_PROBES)]
        for thread in self._threads:
            thread.start()

    def close(self) -> list[float]:
        """Stop; seconds from 200 to found, one a statement."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return self._waits

    def _run(self) -> None:
        post = poster(self._rig)
        (sample,) = statements(Workload(1, 1, 1, int(time.time() * 1000)))
        with Store(self._rig.settings.clickhouse) as store:
            while not self._stop.wait(_PROBE_EVERY_SECONDS):
                event_id = uuid4()
                post([sample.replace(sample[7:43], str(event_id).encode())])
                self._waits.append(_wait_for_row(store, event_id))


def _wait_for_row(store: Store, event_id: UUID) -> float:
    began = time.monotonic()
    sql = f"SELECT count() FROM events_log WHERE event_id = unhex('{event_id.hex}')"
    while store.query(sql)[0][0] == 0:
        if time.monotonic() - began > _LOST_SECONDS:
            raise RuntimeError(f"an event was not queryable after {_LOST_SECONDS:.0f} s")
        time.sleep(_ASK_EVERY_SECONDS)
    return time.monotonic() - began


def poster(rig: Rig) -> Callable[[Sequence[bytes]], None]:
    """A function that posts statements over a connection of its own and wants a 200."""
    run = rig.plan.run(0)
    connection = HTTPConnection(urlsplit(run.collector).netloc, timeout=30)
    headers = {
        "Authorization": f"Bearer {run.key}",
        "Content-Type": "application/json",
        "X-Experience-API-Version": "1.0.3",
    }

    def post(values: Sequence[bytes]) -> None:
        connection.request("POST", "/xapi/statements", b"[" + b",".join(values) + b"]", headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the collector answered {answer.status}")

    return post


def _over_http(rig: Rig, made: Sequence[bytes], rate: float) -> None:
    """Batches in time; later where the collector takes less."""
    parts = [made[place : place + _BATCH] for place in range(0, len(made), _BATCH)]
    began = time.monotonic()
    broken: list[Exception] = []

    def send(number: int) -> None:
        try:
            post = poster(rig)
            for place in range(number, len(parts), _SENDERS):
                _sleep_until(began + place * _BATCH / rate)
                post(parts[place])
        except (OSError, RuntimeError) as error:
            broken.append(error)

    threads = [Thread(target=send, args=(number,)) for number in range(_SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if broken:
        raise broken[0]


def _over_kafka(rig: Rig, made: Sequence[bytes], rate: float) -> None:
    producer = Producer(
        {"bootstrap.servers": rig.settings.kafka.bootstrap, "linger.ms": 5, "acks": "all"}
    )
    began = time.monotonic()
    step = max(1, int(rate * _STEP_SECONDS))
    for place in range(0, len(made), step):
        _sleep_until(began + place / rate)
        for value in made[place : place + step]:
            producer.produce(TOPIC, value)
        producer.poll(0)
    producer.flush()


def _sleep_until(moment: float) -> None:
    left = moment - time.monotonic()
    if left > 0:
        time.sleep(left)
