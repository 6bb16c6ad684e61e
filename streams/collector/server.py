"""Runs the collector: one process, one event loop, until SIGTERM."""

import asyncio
import logging

import uvicorn
import uvloop
from confluent_kafka import KafkaException

from schemas import health
from schemas.serving import Server, listen
from schemas.settings import Settings
from schemas.stopping import Exit
from schemas.topics import DIRECTORY, EVENTS, EXPERIMENTS
from streams.collector.app import Collector
from streams.collector.producer import KafkaLog
from streams.experiments import Follower

_LOOK_SECONDS = 10.0
_LOOK_SECONDS_NOT_READY = 1.0
_METADATA_SECONDS = 3.0
_KEEP_ALIVE_SECONDS = 75
_CLOSE_SECONDS = 1.0
_MORE_SECONDS = 4.0
"""An end takes no longer than a request may wait for Kafka and so many seconds."""

_log = logging.getLogger(__name__)


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, then finish what is in flight. 0: ended cleanly; 1: the
    Kafka producer broke; 4: records stayed unacknowledged, as their senders were told.

    Raises OSError when the port is taken and ValueError for settings that cannot work."""
    return uvloop.run(_Process(settings).run())


class _Process:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._not_ready = "Kafka has not been reached yet."

    async def run(self) -> int:
        collector = self._settings.collector
        log = KafkaLog(
            self._settings.kafka,
            collector.acknowledge_seconds,
            self._settings.intake.max_event_bytes,
        )
        experiments = Follower(self._settings.kafka)
        app = Collector(self._settings, log, self._reason, experiments.book)
        server = self._server(app)
        listener = listen(collector.host, collector.port)
        port = listener.getsockname()[1]
        health.serve(self._settings.metrics, "collector", lambda: not self._not_ready)
        server.stop_on_signals(collector.acknowledge_seconds + _MORE_SECONDS)
        log.fatal.add_done_callback(lambda _: server.stop())
        experiments.start()
        look = asyncio.create_task(self._look_at_kafka(log))
        _log.info("The collector listens on http://%s:%d", collector.host, port)
        await server.serve(sockets=[listener])
        look.cancel()
        left = await log.close(_CLOSE_SECONDS)
        if log.fatal.done():
            return Exit.FAILED
        if left:
            _log.error("%d records stayed unacknowledged; their senders were told", left)
        return Exit.TIMEOUT if left else Exit.DONE

    def _reason(self) -> str:
        return self._not_ready

    def _server(self, app: Collector) -> Server:
        config = uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=int(self._settings.collector.acknowledge_seconds) + 1,
        )
        return Server(config)

    async def _look_at_kafka(self, log: KafkaLog) -> None:
        """Keep `_not_ready` true: the brokers answer, and all topics are there."""
        loop = asyncio.get_running_loop()
        topics = (*EVENTS, DIRECTORY, EXPERIMENTS)
        while True:
            try:
                missing = await loop.run_in_executor(
                    None, log.missing_topics, topics, _METADATA_SECONDS
                )
                names = ", ".join(missing)
                self._not_ready = f"Topics are missing: {names}. Make them with `uptake topics`."
                if not missing:
                    self._not_ready = ""
            except KafkaException as error:
                self._not_ready = f"Kafka does not answer: {error.args[0].str()}"
            await asyncio.sleep(_LOOK_SECONDS_NOT_READY if self._not_ready else _LOOK_SECONDS)
