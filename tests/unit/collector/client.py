"""The collector without a network: requests go straight into the ASGI application."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from schemas.experiments.book import Book
from schemas.settings import CollectorSettings, KeySettings, PrivacySettings, Settings
from streams.collector.app import Collector

STATEMENT = {
    "actor": {"mbox": "mailto:ann@example.com"},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
    "object": {"id": "https://lms.example.com/module/3"},
    "timestamp": "2026-01-05T09:30:00Z",
}
EVENT = {
    "occurred_at": "2026-01-05T09:30:00Z",
    "learner": "agent-17",
    "verb": "as:resolve",
    "object": {"id": "https://tickets.example.com/4711", "type": "as:issue"},
}
KEYS = [
    KeySettings("any", "any-secret", "*"),
    KeySettings("lms", "lms-secret", "lms"),
    KeySettings("crm", "crm-secret", "crm"),
]


def settings(**collector: Any) -> Settings:
    """Settings with KEYS and these values of `CollectorSettings`."""
    return Settings(
        collector=CollectorSettings(keys=KEYS, **collector),
        privacy=PrivacySettings(pseudonym_key="a-key-for-tests-only"),
    )


class Written(NamedTuple):
    topic: str
    key: bytes | None
    value: bytes
    key_name: str


@dataclass
class Log:
    """A RecordLog in memory. `failure` is raised instead of writing."""

    written: list[Written] = field(default_factory=list)
    failure: Exception | None = None

    async def append(
        self, topic: str, records: Sequence[tuple[bytes | None, bytes]], key_name: str
    ) -> None:
        if self.failure is not None:
            raise self.failure
        self.written += [Written(topic, key, value, key_name) for key, value in records]


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body decoded."""
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        """What the answer says is wrong."""
        assert set(self.json()) == {"error"}
        assert set(self.json()["error"]) == {"field", "rule", "position", "message"}
        return self.json()["error"]


class Client:
    """Sends requests with the key `lms`, the xAPI version and JSON unless told otherwise."""

    def __init__(
        self,
        log: Log,
        given: Settings | None = None,
        not_ready: str = "",
        experiments: Callable[[], Book | None] = Book,
    ) -> None:
        self._app = Collector(given or settings(), log, lambda: not_ready, experiments)

    def send(
        self,
        method: str,
        target: str,
        body: object = b"",
        *,
        key: str = "lms",
        chunk: int = 1 << 20,
        **headers: str | None,
    ) -> Reply:
        """One request. A `body` that is no bytes is sent as JSON, in parts of `chunk` bytes.
        Headers: `content_type="text/csv"`; None leaves a default one out."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        all_headers: dict[str, str | None] = {
            "authorization": basic(key, f"{key}-secret"),
            "x_experience_api_version": "1.0.3",
            "content_type": "application/json",
            **headers,
        }
        return asyncio.run(self._exchange(method, target, raw, chunk, all_headers))

    async def _exchange(
        self, method: str, target: str, body: bytes, chunk: int, headers: dict[str, str | None]
    ) -> Reply:
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [
                (name.replace("_", "-").encode(), value.encode())
                for name, value in headers.items()
                if value is not None
            ],
        }
        parts = [body[start : start + chunk] for start in range(0, len(body), chunk)] or [b""]
        self.unread = parts
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts)}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        start = sent[0]
        answer = {name.decode(): value.decode() for name, value in start["headers"]}
        text = b"".join(message.get("body", b"") for message in sent[1:])
        assert int(answer.get("content-length", 0)) == len(text)
        return Reply(start["status"], answer, text)


def basic(name: str, secret: str) -> str:
    """The value of an Authorization header."""
    return "Basic " + b64encode(f"{name}:{secret}".encode()).decode()
