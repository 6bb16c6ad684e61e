"""Another writer on the topics of the sources, that uses transactions."""

from collections.abc import Sequence
from typing import Final

from confluent_kafka import KafkaException, Producer

_SECONDS: Final = 15.0


class Transactions:
    """Writes in transactions. What an earlier producer left open is aborted by the next."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: Producer | None = None

    def write(self, topic: str, values: Sequence[bytes], aborted: Sequence[bytes]) -> bool:
        """Write and abort `aborted`, then write and commit `values`; whether that was
        acknowledged. If not, it may have been committed all the same."""
        try:
            producer = self._open()
            producer.begin_transaction()
            for value in aborted:
                producer.produce(topic, value)
            producer.flush(_SECONDS)
            producer.abort_transaction(_SECONDS)
            producer.begin_transaction()
            for value in values:
                producer.produce(topic, value)
            producer.commit_transaction(_SECONDS)
        except KafkaException:
            self.close()
            return False
        return True

    def close(self) -> None:
        """Drop what is open."""
        if self._producer is not None:
            self._producer.purge()
            self._producer = None

    def _open(self) -> Producer:
        if self._producer is None:
            producer = Producer(
                {
                    "bootstrap.servers": self._bootstrap,
                    "transactional.id": "chaos-tool",
                    # Readers wait for a transaction that is open: not for long.
                    "transaction.timeout.ms": 10_000,
                    "message.timeout.ms": 8_000,
                    "log_level": 0,
                }
            )
            producer.init_transactions(_SECONDS)
            self._producer = producer
        return self._producer
