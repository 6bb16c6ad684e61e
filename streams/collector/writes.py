"""The routes that take events and directory lines in. A route answers 2xx only after Kafka has
acknowledged every record of the request."""

import time
from collections.abc import Sequence

from schemas import ids
from schemas.codec import Codec, RegistryUnavailable
from schemas.event import PreparedEvent, parse_events
from schemas.metrics import BATCH_SIZE, EVENTS_IN, EVENTS_OUT
from schemas.settings import KeySettings, Settings
from schemas.topics import DIRECTORY
from schemas.xapi.errors import Invalid
from schemas.xapi.request import parse_statement, parse_statements
from streams.collector.body import BodyReader
from streams.collector.keys import Keys, require_any_source, require_source, xapi_source
from streams.collector.limits import ByteBudget, RequestLimit
from streams.collector.observations import Observations
from streams.collector.producer import NotAcknowledged, QueueFull, RecordLog
from streams.collector.request import (
    Request,
    check_content_type,
    check_no_parameters,
    check_xapi_version,
    statement_id,
)
from streams.collector.responses import Answer, Refusal, json_answer, retry_after
from streams.intake import directory
from streams.intake.pseudonym import pseudonymiser

Records = Sequence[tuple[bytes | None, bytes]]

_PROCESS = "collector"
_HELD_BODIES = 16
_NO_CONTENT = Answer(204)


class Writes:
    """The handlers; each takes a request and gives its answer or raises a Refusal.

    Making it raises NoKey without a pseudonym key (ids made here need it) and ValueError for
    write keys that cannot be told apart.
    """

    def __init__(self, settings: Settings, log: RecordLog) -> None:
        collector = settings.collector
        self._log = log
        self._keys = Keys(collector.keys)
        self._limit = RequestLimit(collector.requests_per_second)
        budget = ByteBudget(_HELD_BODIES * collector.max_body_bytes)
        self._bodies = BodyReader(collector.max_body_bytes, budget)
        self._max_statements = collector.max_statements
        self._privacy = settings.privacy
        self._pseudonym = pseudonymiser(settings.privacy)
        self._names = ids.namespace(self._pseudonym)
        self._codec = Codec(settings.kafka.registry)
        self._max_event_bytes = settings.intake.max_event_bytes
        self._observations = Observations(settings.privacy, self._names, self._codec)

    async def post_statements(self, request: Request) -> Answer:
        """POST /xapi/statements: one statement or an array -> their ids, in order."""
        key = self.key(request)
        source = xapi_source(key)
        with _Refused(source):
            check_xapi_version(request)
            check_no_parameters(request)
            check_content_type(request)
            body = await self._bodies.read(request)
            statements = parse_statements(body, self._max_statements, self._names)
        given = [statement.id for statement in statements]
        await self._accept(source, [(None, statement.value) for statement in statements], key)
        return json_answer(given)

    async def put_statement(self, request: Request) -> Answer:
        """PUT /xapi/statements?statementId=: one statement under that id -> nothing."""
        key = self.key(request)
        source = xapi_source(key)
        with _Refused(source):
            check_xapi_version(request)
            wanted = statement_id(request)
            check_content_type(request)
            body = await self._bodies.read(request)
            statement = parse_statement(body, wanted)
        await self._accept(source, [(None, statement.value)], key)
        return _NO_CONTENT

    async def post_events(self, request: Request) -> Answer:
        """POST /events/{source}: one event of our compact form or an array -> their ids."""
        key = self.key(request)
        source = request.path.rpartition("/")[2]
        with _Refused(source):
            require_source(key, source)
            check_no_parameters(request)
            check_content_type(request)
            body = await self._bodies.read(request)
            events = self._parse_events(source, body)
        given = [event.id for event in events]
        await self._accept(source, [(None, event.value) for event in events], key)
        return json_answer({"ids": given})

    async def post_directory(self, request: Request) -> Answer:
        """POST /directory: lines of the learner or asset directory -> how many were taken."""
        key = self.key(request)
        require_any_source(key)
        check_no_parameters(request)
        body = await self._bodies.read(request)
        changed_at = int(time.time() * 1000)
        try:
            lines = directory.entries(body, self._privacy, self._pseudonym, changed_at)
        except Invalid as error:
            raise _invalid(error) from error
        await self._append(DIRECTORY, [directory.record(line) for line in lines], key)
        return json_answer({"accepted": len(lines)})

    async def post_consent(self, request: Request) -> Answer:
        """POST /consent: what people decided about data on them -> how many lines were taken."""
        key = self.key(request)
        require_any_source(key)
        check_no_parameters(request)
        body = await self._bodies.read(request)
        try:
            lines = directory.consents(body, self._pseudonym, int(time.time() * 1000))
        except Invalid as error:
            raise _invalid(error) from error
        await self._append(DIRECTORY, [directory.record(line) for line in lines], key)
        return json_answer({"accepted": len(lines)})

    async def post_observation(self, request: Request) -> Answer:
        """POST /observations: what a manager saw -> its id, and what was kept of the note.

        The answer does not say whether the person opted out: nobody is told that.
        """
        key = self.key(request)
        source = xapi_source(key)
        with _Refused(source):
            check_no_parameters(request)
            check_content_type(request)
            body = await self._bodies.read(request)
            try:
                taken = self._observations.take(body, source)
            except RegistryUnavailable as error:
                raise _no_registry() from error
        await self._accept(source, [(None, taken.value)], key)
        told = {"id": taken.id, "tags": taken.tags, "text_length": taken.text_length}
        return json_answer(told)

    def _parse_events(self, source: str, body: bytes) -> list[PreparedEvent]:
        try:
            return parse_events(source, body, self._max_statements, self._names, self._codec)
        except RegistryUnavailable as error:
            raise _no_registry() from error

    def key(self, request: Request) -> KeySettings:
        """Whose request this is; a Refusal with status 401 or 429 when it may not be made."""
        key = self._keys.authenticate(request.headers.get(b"authorization"))
        self._limit.check(key.name, time.monotonic())
        return key

    async def _accept(self, source: str, records: Records, key: KeySettings) -> None:
        """Write the events of one request, and count them."""
        count = len(records)
        EVENTS_IN.labels(_PROCESS, source).inc(count)
        BATCH_SIZE.labels(_PROCESS, "request").observe(count)
        try:
            await self._append(f"events.{source}", records, key)
        except Refusal:
            EVENTS_OUT.labels(_PROCESS, source, "refused").inc(count)
            raise
        EVENTS_OUT.labels(_PROCESS, source, "accepted").inc(count)

    async def _append(self, topic: str, records: Records, key: KeySettings) -> None:
        for position, (_, value) in enumerate(records):
            if len(value) > self._max_event_bytes:
                message = f"One event may have {self._max_event_bytes} bytes."
                raise Refusal(413, "event-too-large", message, position=position)
        try:
            await self._log.append(topic, records, key.name)
        except QueueFull as error:
            message = "More is on its way to Kafka than may be; send this again."
            raise Refusal(503, "busy", message, headers=retry_after(1)) from error
        except NotAcknowledged as error:
            message = (
                "Kafka did not acknowledge everything in time; send this again. Events that have "
                "an id, or a time to make one from, are recognised and do not count twice."
            )
            raise Refusal(503, "not-acknowledged", message, headers=retry_after(5)) from error


class _Refused:
    """Counts a request that is refused inside as one event, since nobody knows how many it had,
    and turns what the parser says into an answer."""

    def __init__(self, source: str) -> None:
        self._source = source

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Refusal | Invalid):
            EVENTS_IN.labels(_PROCESS, self._source).inc()
            EVENTS_OUT.labels(_PROCESS, self._source, "refused").inc()
        if isinstance(error, Invalid):
            raise _invalid(error) from error


def _no_registry() -> Refusal:
    message = "The schema registry does not answer; send this again."
    return Refusal(503, "registry", message, headers=retry_after(5))


def _invalid(error: Invalid) -> Refusal:
    status = 413 if error.reason in ("too-large", "too-many") else 400
    return Refusal(
        status, error.reason, error.detail, field=error.field or None, position=error.position
    )
