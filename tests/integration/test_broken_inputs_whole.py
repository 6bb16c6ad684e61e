"""10,000 broken inputs over HTTP and Kafka: each is answered or explained, nothing crashes, and
every good event between them arrives."""

import re
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from confluent_kafka import KafkaError, Message, Producer

from schemas.xapi.errors import REASONS
from tests.fixtures.broken_inputs import Call, Inputs, Record
from tests.fixtures.exact import settle
from tests.fixtures.running import Running, cli

_EACH_WAY = 5_000
_GOOD_EVERY = 10
_CUT_OFF = 50
_FLUSH_SECONDS = 60.0

Place = tuple[str, int, int]
"""(topic, partition, offset)."""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    config = tmp_path / "uptake.toml"
    config.write_text("[intake]\nbreaker_share = 1.0\n")
    with Running(tmp_path / "data", "embedded", "--config", str(config)) as up:
        yield up


class Log:
    """Writes records straight to Kafka, and knows where each lies."""

    def __init__(self, bootstrap: str) -> None:
        self.places: set[Place] = set()
        self.errors: list[str] = []
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "message.max.bytes": 8_000_000,
                "linger.ms": 5,
                "log_level": 0,
            }
        )

    def write(self, record: Record) -> None:
        """Write without waiting."""
        self._producer.produce(
            record.topic,
            record.value,
            record.key,
            headers=record.headers,
            timestamp=record.timestamp,
            on_delivery=self._delivered,
        )
        self._producer.poll(0)

    def finish(self) -> None:
        """Wait until all of it was acknowledged."""
        assert self._producer.flush(_FLUSH_SECONDS) == 0
        assert not self.errors, self.errors[:3]

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        if error is not None or topic is None or partition is None or offset is None:
            self.errors.append(str(error))
        else:
            self.places.add((topic, partition, offset))


class Door:
    """Sends requests to the collector, and looks at each answer."""

    def __init__(self, running: Running) -> None:
        run = running.run()
        self.accepted = 0
        """Events that were answered 2xx."""
        self.rules: Counter[str] = Counter()
        headers = {
            "authorization": f"Bearer {run['key']}",
            "content-type": "application/json",
            "x-experience-api-version": "1.0.3",
        }
        self._client = httpx.Client(
            base_url=run["collector"], headers=headers, timeout=30, trust_env=False
        )

    def send(self, call: Call) -> int:
        """The status of the answer, which must be one that a client can do something with."""
        answer = self._client.request(
            call.method, call.path, content=call.body, headers=call.headers
        )
        status = answer.status_code
        if answer.is_success:
            self.accepted += _count(answer, call)
            return status
        assert 400 <= status < 500, f"{status} for {call.method} {call.path} {call.body[:300]!r}"
        _check_error(answer.json())
        self.rules[answer.json()["error"]["rule"]] += 1
        return status

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


def test_broken_inputs(running: Running, seed: int) -> None:
    before = running.processes()
    inputs = Inputs(seed)
    log = Log(running.run()["kafka"])
    door = Door(running)
    good = _send_all(inputs, log, door)
    _cut_off(running)
    running.post("ada", 1)
    account = settle(running)
    print(account, door.rules)

    received = len(log.places) + door.accepted + 1
    assert f"all: {received:,} received" in account
    assert running.processes() == before
    _check_outcomes(running, log)
    _check_good(running, good)
    _check_cli(running, received)
    assert running.end() == 0, running.told.read_text()
    _check_logs(running)


def _send_all(inputs: Inputs, log: Log, door: Door) -> set[str]:
    """Send everything; return the ids of the good events."""
    good = set()
    for number in range(_EACH_WAY):
        log.write(inputs.broken_record())
        door.send(inputs.broken_call())
        if number % _GOOD_EVERY == 0:
            by_kafka, record = inputs.good_record()
            by_http, call = inputs.good_call()
            log.write(record)
            assert door.send(call) == 200
            good |= {by_kafka, by_http}
    log.finish()
    door.close()
    return good


def _count(answer: httpx.Response, call: Call) -> int:
    """How many events an answer of success speaks for."""
    if call.method == "PUT":
        assert answer.status_code == 204
        return 1
    body = answer.json()
    ids = body if call.path == "/xapi/statements" else body["ids"]
    return len(ids)


def _check_error(body: Any) -> None:
    error = body["error"]
    assert set(error) == {"field", "rule", "position", "message"}
    assert re.fullmatch(r"[a-z-]+", error["rule"])
    assert error["message"]
    assert error["field"] is None or error["field"]
    assert error["position"] is None or error["position"] >= 0


def _cut_off(running: Running) -> None:
    """Requests that end in the middle, and what is no HTTP at all."""
    address = urlsplit(running.run()["collector"])
    head = b"POST /events/crm HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n[{"
    for sent in [head, head[:40], b"\0" * 100, b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00"] * (
        _CUT_OFF // 5
    ):
        with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
            connection.sendall(sent)


def _check_outcomes(running: Running, log: Log) -> None:
    """Each Kafka record is one event, one dead letter with a reason, or one counted duplicate."""
    stored = _places(running, "SELECT topic, partition, offset FROM events")
    dead = _places(running, "SELECT topic, partition, offset FROM dead_letters")
    aside = _places(
        running,
        "SELECT concat('events.', source), partition, offset FROM set_aside FINAL"
        " WHERE kind = 'duplicate'",
    )
    assert not stored & dead
    assert not aside & (stored | dead)
    assert log.places <= stored | dead | aside
    reasons = {
        str(row[0]): row[1]
        for row in running.rows(
            "SELECT reason, count() FROM dead_letters WHERE detail != '' GROUP BY reason"
        )
    }
    print("dead letters by reason:", reasons)
    assert set(reasons) <= REASONS
    assert sum(int(str(count)) for count in reasons.values()) == len(dead)
    assert len(dead) > _EACH_WAY // 2


def _places(running: Running, sql: str) -> set[Place]:
    rows = running.rows(sql)
    places = {(str(topic), int(str(part)), int(str(offset))) for topic, part, offset in rows}
    assert len(places) == len(rows)
    return places


def _check_good(running: Running, good: set[str]) -> None:
    found = {str(row[0]) for row in running.rows("SELECT toString(event_id) FROM events")}
    assert good <= found


def _check_cli(running: Running, received: int) -> None:
    """Dead letters are listed, shown, and replayed: these are dead once more."""
    config = ("--config", running.config)
    listed = _run("dead-letters", "list", "--reason", "not-json", *config)
    place = listed.split()[0]
    assert re.fullmatch(r"events\.\w+/\d+/\d+", place), listed
    assert "not-json" in _run("dead-letters", "show", place, *config)
    again = ("dead-letters", "replay", "--policy", "re-insert", *config)
    assert "1 dead letters: 1 dead again" in _run(*again, place)
    empty = _run("dead-letters", "list", "--reason", "empty", "--limit", "9999", *config)
    count = len(empty.splitlines())
    told = _run(*again, "--reason", "empty", "--limit", "9999")
    assert f"{count:,} dead letters: {count:,} dead again" in told
    account = settle(running)
    assert f"all: {received + 1 + count:,} received" in account
    dead = len(_run("dead-letters", "list", "--all", "--limit", "99999", *config).splitlines())
    assert f"stored + {dead:,} dead +" in account.splitlines()[-1]


def _run(*arguments: str) -> str:
    done = cli(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def _check_logs(running: Running) -> None:
    """No process has met anything that it did not expect."""
    for path in (running.data / "logs").glob("*.log"):
        text = path.read_text(errors="replace")
        assert "Traceback" not in text, f"{path.name}: {text[-3000:]}"
        assert not re.search(r"\b(ERROR|CRITICAL)\b", text), f"{path.name}: {text[-3000:]}"
