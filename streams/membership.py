"""Notices that a consumer is left without its group.

librdkafka waits for the answer to a JoinGroup as long as `max.poll.interval.ms`, and the answer may
never come: a broker that was frozen while its group was rebalanced, and has lost the group to a new
start of its own, was seen to leave a member so for minutes, with all else going on.
"""

from time import monotonic

from confluent_kafka import Consumer, KafkaError, KafkaException

MAX_POLL_MS = 60_000
"""`max.poll.interval.ms`: also how long a rebalance waits for a member that does not answer."""
_SECONDS = 90.0
"""Longer than librdkafka waits by itself."""
_ANSWER_SECONDS = 5.0


class Membership:
    """To be told by the consumer's callbacks, and asked again and again."""

    def __init__(self, consumer: Consumer, seconds: float = _SECONDS) -> None:
        """`seconds`: how long a member may be without an assignment, be it an empty one."""
        self._consumer = consumer
        self._seconds = seconds
        self._since: float | None = monotonic()

    def assigned(self) -> None:
        """Partitions were given, or it was said that there are none for us."""
        self._since = None

    def revoked(self) -> None:
        """Partitions were taken; a new assignment has to follow."""
        self._since = monotonic()

    def check(self) -> None:
        """Raises KafkaException when nothing was assigned for too long though the cluster answers:
        only another start helps."""
        if self._since is None or monotonic() - self._since < self._seconds:
            return
        self._since = monotonic()
        try:
            self._consumer.list_topics(timeout=_ANSWER_SECONDS)
        except KafkaException:
            return
        told = f"the group has assigned nothing for {self._seconds:.0f} s"
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, told))
