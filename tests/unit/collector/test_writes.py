"""What the collector answers, and what it writes, without a network."""

import gzip
import json
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.collector.producer import NotAcknowledged, QueueFull
from tests.unit.collector.client import EVENT, STATEMENT, Client, Log, basic, settings

STATEMENTS = "/xapi/statements"


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def client(log: Log) -> Client:
    return Client(log)


def test_a_single_statement_goes_to_the_topic_of_its_key(client: Client, log: Log) -> None:
    reply = client.send("POST", STATEMENTS, STATEMENT)
    assert reply.status == 200
    (written,) = log.written
    assert (written.topic, written.key_name) == ("events.lms", "lms")
    assert [json.loads(written.value)["id"]] == reply.json()


def test_ids_come_back_in_order(client: Client, log: Log) -> None:
    ids = [str(uuid4()) for _ in range(5)]
    reply = client.send("POST", STATEMENTS, [{**STATEMENT, "id": each} for each in ids])
    assert reply.json() == ids
    assert [json.loads(each.value)["id"] for each in log.written] == ids


def test_a_resend_without_id_gets_the_same_id(client: Client) -> None:
    first, second = (client.send("POST", STATEMENTS, STATEMENT).json() for _ in range(2))
    assert first == second


def test_ids_made_here_cannot_be_guessed_without_the_key(log: Log) -> None:
    from msgspec.structs import replace

    from schemas.settings import PrivacySettings

    other = replace(settings(), privacy=PrivacySettings(pseudonym_key="another-key-for-tests"))
    first = Client(log).send("POST", STATEMENTS, STATEMENT).json()
    assert first != Client(log, other).send("POST", STATEMENTS, STATEMENT).json()


def test_one_bad_statement_refuses_all(client: Client, log: Log) -> None:
    bad = {**STATEMENT, "actor": {"mbox": "ann@example.com"}}
    reply = client.send("POST", STATEMENTS, [STATEMENT, bad])
    assert reply.status == 400
    assert (reply.error["field"], reply.error["position"]) == ("actor.mbox", 1)
    assert reply.error["rule"] == "bad-actor"
    assert not log.written


@pytest.mark.parametrize("version", ["1.0", "1.0.0", "1.0.3", "1.0.9"])
def test_versions_that_are_spoken(client: Client, version: str) -> None:
    reply = client.send("POST", STATEMENTS, STATEMENT, x_experience_api_version=version)
    assert reply.status == 200


@pytest.mark.parametrize("version", [None, "", "1", "0.95", "1.1.0", "1.0.", "2.0.0", "1.0.3x"])
def test_other_versions_are_refused(client: Client, version: str | None) -> None:
    reply = client.send("POST", STATEMENTS, STATEMENT, x_experience_api_version=version)
    assert reply.status == 400
    assert reply.error["field"] == "X-Experience-API-Version"


@pytest.mark.parametrize("status", [200, 400, 401, 405, 501])
def test_every_answer_about_statements_has_the_headers_of_xapi(client: Client, status: int) -> None:
    reply = {
        200: lambda: client.send("POST", STATEMENTS, STATEMENT),
        400: lambda: client.send("POST", STATEMENTS, b"{"),
        401: lambda: client.send("POST", STATEMENTS, STATEMENT, authorization=None),
        405: lambda: client.send("DELETE", STATEMENTS),
        501: lambda: client.send("GET", STATEMENTS),
    }[status]()
    assert reply.status == status
    assert reply.headers["x-experience-api-version"] == "1.0.3"
    assert reply.headers["x-experience-api-consistent-through"].endswith("Z")


def test_put_stores_under_the_id_of_the_parameter(client: Client, log: Log) -> None:
    wanted = str(uuid4())
    reply = client.send("PUT", f"{STATEMENTS}?statementId={wanted.upper()}", STATEMENT)
    assert (reply.status, reply.body) == (204, b"")
    assert json.loads(log.written[0].value) == {"id": wanted, **STATEMENT}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "statementId"),
        ("?statementid=9dc99b37-e920-4a68-a066-917faca28949", "statementid"),
        ("?statementId=9dc99b37-e920-4a68-a066-917faca28949&x=1", "x"),
        ("?statementId=9dc99b37", "statementId"),
        ("?statementId={9dc99b37-e920-4a68-a066-917faca28949}", "statementId"),
        ("?" + "statementId=9dc99b37-e920-4a68-a066-917faca28949&" * 2, "statementId"),
        ("?%ff", "parameters"),
    ],
)
def test_put_refuses_other_parameters(client: Client, log: Log, query: str, field: str) -> None:
    reply = client.send("PUT", STATEMENTS + query, STATEMENT)
    assert reply.status == 400
    assert reply.error["field"] in (field, None)
    assert not log.written


def test_put_refuses_another_id_and_an_array(client: Client) -> None:
    target = f"{STATEMENTS}?statementId={uuid4()}"
    other = client.send("PUT", target, {**STATEMENT, "id": str(uuid4())})
    assert (other.status, other.error["field"]) == (400, "id")
    assert client.send("PUT", target, [STATEMENT]).status == 400


def test_post_refuses_parameters(client: Client) -> None:
    reply = client.send("POST", f"{STATEMENTS}?method=PUT", STATEMENT)
    assert (reply.status, reply.error["field"]) == (400, "method")


def test_compact_events(client: Client, log: Log) -> None:
    reply = client.send("POST", "/events/ticketing", [EVENT, {**EVENT, "learner": "b"}], key="any")
    assert reply.status == 200
    assert len(set(reply.json()["ids"])) == 2
    assert {each.topic for each in log.written} == {"events.ticketing"}
    assert all(each.value[0] == 0 for each in log.written)


def test_a_key_of_another_source_is_refused(client: Client, log: Log) -> None:
    assert client.send("POST", "/events/crm", EVENT).status == 403
    assert client.send("POST", "/directory", [{"learner": "a@example.com"}]).status == 403
    assert not log.written


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic ???",
        basic("lms", "wrong"),
        basic("nobody", ""),
        basic("", ""),
        basic("nobody", "lms-secret"),
        "Bearer wrong",
        "Bearer ",
        "Digest lms-secret",
        "Basic é",
    ],
)
def test_no_key_no_entry(client: Client, log: Log, authorization: str | None) -> None:
    reply = client.send("POST", STATEMENTS, STATEMENT, authorization=authorization)
    assert reply.status == 401
    assert reply.headers["www-authenticate"].startswith("Basic ")
    assert not log.written


def test_a_bearer_key(client: Client) -> None:
    reply = client.send("POST", "/events/crm", EVENT, authorization="bearer crm-secret")
    assert reply.status == 200


def test_directory_lines_are_pseudonymised(client: Client, log: Log) -> None:
    body = b"learner,team\nann@example.com,red\nbob@example.com,blue\n"
    reply = client.send("POST", "/directory", body, key="any", content_type="text/csv")
    assert reply.json() == {"accepted": 2}
    assert {each.topic for each in log.written} == {"uptake.directory"}
    assert not any(b"ann" in (each.key or b"") + each.value for each in log.written)


def test_a_wrong_directory_line_is_named(client: Client, log: Log) -> None:
    body = [{"learner": "ann@example.com"}, {"learner": "b@example.com", "eligible": "perhaps"}]
    reply = client.send("POST", "/directory", body, key="any")
    assert (reply.status, reply.error["position"], reply.error["field"]) == (400, 1, "eligible")
    assert not log.written


def test_packed_bodies(client: Client) -> None:
    packed = gzip.compress(json.dumps(STATEMENT).encode())
    assert client.send("POST", STATEMENTS, packed, content_encoding="gzip").status == 200
    for broken in (packed[:-1], packed + packed, b"no gzip", packed + b"x"):
        reply = client.send("POST", STATEMENTS, broken, content_encoding="gzip")
        assert (reply.status, reply.error["rule"]) == (400, "encoding")
    assert client.send("POST", STATEMENTS, packed, content_encoding="br").status == 415


def test_too_large(log: Log) -> None:
    client = Client(log, settings(max_body_bytes=1_000))
    big = b" " * 1_001
    announced = client.send("POST", STATEMENTS, big, content_length="1001")
    assert (announced.status, announced.headers["connection"]) == (413, "close")
    assert client.send("POST", STATEMENTS, big, chunk=100).status == 413
    bomb = gzip.compress(b" " * 100_000)
    assert client.send("POST", STATEMENTS, bomb, content_encoding="gzip").status == 413


def test_what_a_refused_client_still_sends_is_read_but_not_for_ever(log: Log) -> None:
    client = Client(log, settings(max_body_bytes=1_000))
    assert client.send("POST", STATEMENTS, b" " * 50_000_000).status == 413
    assert client.unread


def test_too_many_statements(log: Log) -> None:
    client = Client(log, settings(max_statements=2))
    assert client.send("POST", STATEMENTS, [STATEMENT] * 2).status == 200
    reply = client.send("POST", STATEMENTS, [STATEMENT] * 3)
    assert (reply.status, reply.error["rule"]) == (413, "too-many")


def test_an_event_that_kafka_would_not_take(client: Client, log: Log) -> None:
    # Refused before the first of its request is written.
    name = {"en": "x" * 1_000_001}
    large = {**STATEMENT, "verb": {**STATEMENT["verb"], "display": name}}  # type: ignore[dict-item]
    reply = client.send("POST", STATEMENTS, [STATEMENT, large])
    assert (reply.status, reply.error["position"]) == (413, 1)
    assert not log.written


def test_too_fast(log: Log) -> None:
    client = Client(log, settings(requests_per_second=1))
    assert client.send("POST", STATEMENTS, STATEMENT).status == 200
    reply = client.send("POST", STATEMENTS, STATEMENT)
    assert (reply.status, reply.headers["retry-after"]) == (429, "1")
    assert client.send("POST", "/events/crm", EVENT, key="crm").status == 200


@pytest.mark.parametrize("failure", [NotAcknowledged(), QueueFull()])
def test_what_kafka_does_not_take_is_answered_503(
    client: Client, log: Log, failure: Exception
) -> None:
    log.failure = failure
    reply = client.send("POST", STATEMENTS, STATEMENT)
    assert reply.status == 503
    assert int(reply.headers["retry-after"]) >= 1


def test_our_own_fault_says_nothing_of_the_request(
    client: Client, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    log.failure = RuntimeError("ann@example.com")
    reply = client.send("POST", STATEMENTS, STATEMENT)
    assert (reply.status, reply.error["rule"]) == (500, "our-bug")
    assert "RuntimeError" in caplog.text
    assert "ann" not in caplog.text


@pytest.mark.parametrize(
    "content_type", ["multipart/mixed; boundary=x", "text/plain", "application/xml"]
)
def test_only_json(client: Client, content_type: str) -> None:
    reply = client.send("POST", STATEMENTS, STATEMENT, content_type=content_type)
    assert (reply.status, reply.error["field"]) == (415, "Content-Type")


def test_pages(client: Client) -> None:
    assert b"first event" in client.send("GET", "/", authorization=None).body
    assert "1.0.3" in client.send("GET", "/xapi/about", authorization=None).json()["version"]
    assert client.send("GET", "/healthz").status == 200
    assert b"uptake_request_seconds" in client.send("GET", "/metrics").body
    assert client.send("GET", "/openapi.json").json()["openapi"] == "3.1.0"
    assert client.send("GET", "/nowhere").error["rule"] == "path"
    wrong = client.send("DELETE", "/events/crm")
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")


def test_readiness_says_why(log: Log) -> None:
    assert Client(log).send("GET", "/readyz").status == 200
    reply = Client(log, not_ready="Kafka does not answer").send("GET", "/readyz")
    assert (reply.status, reply.error["message"]) == (503, "Kafka does not answer")


@given(st.binary(max_size=300), st.sampled_from([STATEMENTS, "/events/lms", "/directory"]))
def test_any_bytes_are_answered(body: bytes, path: str) -> None:
    log = Log()
    reply = Client(log).send("POST", path, body, key="any")
    assert reply.status in (200, 400)
    assert (reply.status == 200) == bool(log.written)


@given(st.integers(1, 50), st.binary(min_size=1, max_size=200))
def test_any_cut_of_a_body_is_the_same_body(chunk: int, tail: bytes) -> None:
    body = json.dumps(STATEMENT).encode() + tail
    whole, cut = (Client(Log()).send("POST", STATEMENTS, body, chunk=c) for c in (9_999, chunk))
    assert whole == cut
