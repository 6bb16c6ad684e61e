"""A collector and a sender that keep what they are sent."""

from collections.abc import Callable, Sequence
from threading import Event

import httpx
import msgspec

from uptake.feed.http import HttpSender
from uptake.feed.item import Item, Refusal
from uptake.feed.target import Target

TARGET = Target(pid=1, collector="http://collector.test", key="secret", kafka="127.0.0.1:1")


class NoWaiting(Event):
    """A stop event whose waits end at once and are remembered."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return self.is_set()


class FakeCollector:
    """Takes whole requests or nothing, like the real one. Events with `bad` are refused."""

    def __init__(self) -> None:
        self.taken: list[dict[str, object]] = []
        self.requests: list[httpx.Request] = []
        self.first_answers: list[httpx.Response] = []
        self.tells_position = True

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.first_answers:
            return self.first_answers.pop(0)
        events = msgspec.json.decode(request.content, type=list[dict[str, object]])
        for position, event in enumerate(events):
            if "bad" in event:
                return refusal(position if self.tells_position else None)
        self.taken += events
        return httpx.Response(200, json=[])

    def sender(self, source: str = "crm", stop: Event | None = None) -> HttpSender:
        return HttpSender(TARGET, source, stop or NoWaiting(), transport=httpx.MockTransport(self))


def refusal(position: int | None) -> httpx.Response:
    error = {"field": "bad", "rule": "unknown", "position": position, "message": "not known"}
    return httpx.Response(400, json={"error": error})


def items(*events: str) -> list[Item]:
    """One compact event a name; a name that begins with `bad` will be refused."""
    made = []
    for line, name in enumerate(events, 1):
        event: dict[str, object] = {"id": name}
        if name.startswith("bad"):
            event["bad"] = True
        made.append(Item(line, line * 1000, event))
    return made


class FakeSender:
    """Keeps what it is sent; `before` is called with each batch and may raise."""

    def __init__(self, batch: int = 3) -> None:
        self.batch = batch
        self.batches: list[list[int]] = []
        self.before: Callable[[Sequence[Item]], None] = lambda _: None

    def send(self, items: Sequence[Item]) -> list[Refusal]:
        self.before(items)
        self.batches.append([item.line for item in items])
        return []

    def close(self) -> None:
        pass
