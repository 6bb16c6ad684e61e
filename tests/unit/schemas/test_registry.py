"""The registry's client against a small registry of our own on loopback."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from schemas.codec import Codec, RegistryUnavailable
from schemas.compact import CompactEvent
from schemas.xapi.errors import Invalid

pytest.importorskip(
    "confluent_kafka.schema_registry", reason="confluent-kafka[schemaregistry] is not installed"
)
pytestmark = pytest.mark.integration
EVENT = CompactEvent(5, "a", "as:x", "o")


class Registry(BaseHTTPRequestHandler):
    """Gives each schema the id 5, knows 5 and not 9, and fails at 8."""

    registered = ""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        Registry.registered = body["schema"]
        self.answer(200, {"id": 5})

    def do_GET(self) -> None:
        if "/ids/5" in self.path:
            self.answer(200, {"schema": Registry.registered})
        elif "/ids/8" in self.path:
            self.answer(500, {"error_code": 500, "message": "out of order"})
        else:
            self.answer(404, {"error_code": 40403, "message": "Schema not found"})

    def answer(self, status: int, body: dict[str, object]) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def registry() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_writer_registers_and_reader_looks_up(registry: str) -> None:
    value = Codec(registry).encode(EVENT)
    assert value[:5] == b"\0\0\0\0\5"
    assert Codec(registry).decode(value) == EVENT


def test_unknown_is_invalid_and_out_of_order_is_not(registry: str) -> None:
    record = Codec().encode(EVENT)[5:]
    with pytest.raises(Invalid) as caught:
        Codec(registry).decode(b"\0\0\0\0\x09" + record)
    assert caught.value.reason == "unknown-schema"
    with pytest.raises(RegistryUnavailable):
        Codec(registry).decode(b"\0\0\0\0\x08" + record)


def test_nobody_there() -> None:
    with pytest.raises(RegistryUnavailable):
        Codec("http://127.0.0.1:1").decode(b"\0\0\0\0\x05" + Codec().encode(EVENT)[5:])
