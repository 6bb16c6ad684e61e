"""/metrics, /healthz and /readyz of a process, served by a thread."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from schemas.metrics import INFO
from schemas.settings import MetricsSettings
from schemas.version import VERSION

_TEXT = "text/plain; charset=utf-8"


def serve(settings: MetricsSettings, process: str, ready: Callable[[], bool]) -> int:
    """Serve until the process ends; return the bound port.

    `ready` is called for each request of /readyz, from another thread. Raises OSError when the
    port is in use.
    """
    server = ThreadingHTTPServer((settings.host, settings.port), _handler(ready))
    server.daemon_threads = True
    INFO.labels(process, VERSION).set(1)
    Thread(target=server.serve_forever, name="health", daemon=True).start()
    return int(server.server_address[1])


def answer(path: str, ready: Callable[[], bool]) -> tuple[int, str, bytes]:
    """Status, content type and body for one request path."""
    match path.partition("?")[0]:
        case "/metrics":
            return 200, CONTENT_TYPE_LATEST, generate_latest()
        case "/healthz":
            return 200, _TEXT, b"ok\n"
        case "/readyz":
            return (200, _TEXT, b"ready\n") if ready() else (503, _TEXT, b"not ready\n")
    return 404, _TEXT, b"not found; there are /metrics, /healthz and /readyz\n"


def _handler(ready: Callable[[], bool]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer one request."""
            status, content_type, body = answer(self.path, ready)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Scrapes are no news."""

    return Handler
