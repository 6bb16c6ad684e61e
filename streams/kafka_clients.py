"""librdkafka properties of our consumers and producers, and the reasons for them."""

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.settings import KafkaSettings
from streams.membership import MAX_POLL_MS

MAX_RECORD_BYTES = 8 * 1024 * 1024
"""The largest record of an internal topic."""

_EMBEDDED_SESSION_MS = 6_000
_SESSION_MS = 10_000
_LOG_SECONDS = 10.0
_RETRY_SECONDS = 0.1
_ASK_SECONDS = 3.0
_NO_LEADER = frozenset(
    {
        # Asked was one that has died: the next question goes to the new leader.
        KafkaError._TIMED_OUT,
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        # The client has just given up on that one, for the cluster no longer names it.
        KafkaError._DESTROY_BROKER,
        # A node that has just started knows neither all topics nor all leaders.
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.NETWORK_EXCEPTION,
    }
)
_NO_COORDINATOR = frozenset(
    {
        # The topic of the groups is made when somebody first asks; on a busy machine that takes
        # longer than one question.
        KafkaError._TIMED_OUT,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
    }
)
T = TypeVar("T")
_log = logging.getLogger(__name__)
_logged: dict[str, float] = {}
"""Kind of error -> when it was logged last, by the monotonic clock."""


def log_error(error: KafkaError) -> None:
    """What librdkafka says of a broker or of itself. It goes on by itself unless fatal.

    While a broker is away it says so many times a second: each kind is logged now and then.
    """
    if error.fatal():
        _log.critical("Kafka: %s: %s", error.name(), error.str())
    elif time.monotonic() - _logged.get(error.name(), -_LOG_SECONDS) >= _LOG_SECONDS:
        _logged[error.name()] = time.monotonic()
        _log.warning("Kafka: %s: %s", error.name(), error.str())


def client_config(settings: KafkaSettings, client: str) -> dict[str, Any]:
    """What every client needs: where the cluster is and how to get in."""
    return {
        "client.id": client,
        "socket.keepalive.enable": True,
        # A broker that comes back is met soon; the default waits up to 10 s.
        "reconnect.backoff.max.ms": 1_000,
        # Only what is critical: the rest comes through `log_error`, where it can be held back.
        "log_level": 2,
        **settings.security,
        "bootstrap.servers": settings.bootstrap,
        "error_cb": log_error,
    }


def consumer_config(settings: KafkaSettings, group: str, client: str) -> dict[str, Any]:
    """A consumer that commits only what it is told to, and never skips on its own."""
    return {
        # The embedded broker holds the first join of a group for half the session timeout.
        "session.timeout.ms": _EMBEDDED_SESSION_MS if settings.memory_only else _SESSION_MS,
        "max.poll.interval.ms": MAX_POLL_MS,
        # A full queue is looked at again after this time; the default of 1 s halves throughput.
        "fetch.queue.backoff.ms": 10,
        # The embedded broker answers a waiting fetch after about half of this time, also when a
        # record came meanwhile: at the default of 500 ms every record is 200 ms late.
        "fetch.wait.max.ms": 100,
        # Bounds what is read ahead: the defaults hold 64 MB and 100,000 records a partition.
        "queued.min.messages": 20_000,
        "queued.max.messages.kbytes": 32_768,
        "fetch.message.max.bytes": 2 * 1024 * 1024,
        "partition.assignment.strategy": "roundrobin",
        **client_config(settings, client),
        "group.id": group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "allow.auto.create.topics": False,
        # Records of aborted transactions do not exist for us.
        "isolation.level": "read_committed",
    }


def producer_config(settings: KafkaSettings, client: str) -> dict[str, Any]:
    """A producer that writes each record once, in order, without a gap, or dies."""
    return {
        "linger.ms": 5,
        "batch.size": 1_000_000,
        "compression.type": "zstd",
        "compression.level": 1,
        "queue.buffering.max.messages": 100_000,
        "queue.buffering.max.kbytes": 262_144,
        **client_config(settings, client),
        "message.max.bytes": MAX_RECORD_BYTES,
        "acks": "all",
        "enable.idempotence": True,
        # A record that can not be written makes the producer unusable, so that none behind it is.
        "enable.gapless.guarantee": True,
        # For ever: giving up on one record would leave a gap before the next.
        "message.timeout.ms": 0,
    }


def once_coordinated(ask: Callable[[], T], seconds: float) -> T:
    """What `ask` returns; asked again for so many seconds while a broker that has just started
    does not know the groups yet. Raises KafkaException."""
    limit = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in _NO_COORDINATOR or time.monotonic() > limit:
                raise
            time.sleep(_RETRY_SECONDS)


def watermarks(consumer: Consumer, partition: TopicPartition, seconds: float) -> tuple[int, int]:
    """First offset of a partition and the one after its last.

    A partition that was just made may have no leader yet, and one whose leader has died gets
    another: asked again for so many seconds. Raises KafkaException after that. The end that the
    embedded broker names is that of the last batch's beginning.
    """
    limit = time.monotonic() + seconds
    while True:
        try:
            low, high = consumer.get_watermark_offsets(
                partition, timeout=min(seconds, _ASK_SECONDS)
            )
            return low, high
        except KafkaException as error:
            if error.args[0].code() not in _NO_LEADER or time.monotonic() > limit:
                raise
            time.sleep(_RETRY_SECONDS)
