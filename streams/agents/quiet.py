"""Keeps the logs of Faust and aiokafka readable."""

import logging
from time import monotonic

from streams.agents import patches
from streams.state import table

_WARNINGS_ONLY = ("faust", "mode", "aiokafka", patches.__name__, table.__name__)
"""Faust's services log each step of theirs under the name of the module they are made in."""

_REPEATING = (
    "aiokafka",
    "aiokafka.conn",
    "aiokafka.consumer.fetcher",
    "aiokafka.consumer.group_coordinator",
    "aiokafka.producer.sender",
)
"""While a broker is away these say so a hundred times a second."""

_AGAIN_SECONDS = 10.0


class OnceInAWhile(logging.Filter):
    """Lets a message through again only after `seconds`, whatever its arguments."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._next: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be logged."""
        now = monotonic()
        if now < self._next.get(str(record.msg), 0.0):
            return False
        self._next[str(record.msg)] = now + self._seconds
        return True


def quieten() -> None:
    """Warnings only, each once in a while."""
    for name in _WARNINGS_ONLY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _REPEATING:
        logging.getLogger(name).addFilter(OnceInAWhile(_AGAIN_SECONDS))
