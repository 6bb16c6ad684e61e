"""The ways in, by name."""

from threading import Event
from typing import Literal, get_args

from uptake.feed.errors import FeedError
from uptake.feed.http import HttpSender
from uptake.feed.item import Sender
from uptake.feed.kafka import KafkaSender
from uptake.feed.target import Target

Way = Literal["http", "kafka"]
WAYS: tuple[str, ...] = get_args(Way)


def sender(way: Way, target: Target, source: str, stop: Event) -> Sender:
    """A sender of events of `source`. Raises FeedError for a way that there is not."""
    if way == "http":
        return HttpSender(target, source, stop)
    if way == "kafka":
        return KafkaSender(target, source, stop)
    raise FeedError(f"{way} is no way in; there are {', '.join(WAYS)}")
