"""Patience and refusals of the HTTP sender."""

from unittest.mock import patch

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.feed.fakes import TARGET, FakeCollector, NoWaiting, items, refusal
from uptake.feed import http
from uptake.feed.errors import FeedError, Stopped, Unavailable


def test_a_batch_is_one_request_with_the_key() -> None:
    collector = FakeCollector()
    assert collector.sender("crm").send(items("a", "b")) == []
    (request,) = collector.requests
    assert request.url.path == "/events/crm"
    assert request.headers["authorization"] == "Bearer secret"
    assert [event["id"] for event in collector.taken] == ["a", "b"]


def test_statements_go_to_the_xapi_door_with_its_version() -> None:
    collector = FakeCollector()
    collector.sender("lms").send(items("a"))
    assert collector.requests[0].url.path == "/xapi/statements"
    assert collector.requests[0].headers["x-experience-api-version"] == "1.0.3"


@given(st.lists(st.sampled_from(["good", "bad"]), max_size=20), st.booleans())
def test_what_is_refused_is_taken_out_and_the_rest_arrives(
    kinds: list[str], tells_position: bool
) -> None:
    names = [f"{kind}-{number}" for number, kind in enumerate(kinds)]
    collector = FakeCollector()
    collector.tells_position = tells_position
    refused = collector.sender().send(items(*names))
    good = [name for name in names if name.startswith("good")]
    assert sorted(str(event["id"]) for event in collector.taken) == sorted(good)
    assert len(refused) == len(names) - len(good)
    assert all(each.reason == "bad: not known" for each in refused)


def test_busy_answers_are_tried_again_after_the_time_they_ask_for() -> None:
    collector = FakeCollector()
    collector.first_answers = [
        httpx.Response(429, headers={"retry-after": "7"}),
        httpx.Response(503),
        httpx.Response(503, headers={"retry-after": "100000"}),
    ]
    stop = NoWaiting()
    assert collector.sender(stop=stop).send(items("a")) == []
    assert stop.waits == [7.0, 2 * http.FIRST_WAIT, http.LONGEST_WAIT]
    assert len(collector.taken) == 1


def test_it_gives_up_after_a_bounded_number_of_tries() -> None:
    collector = FakeCollector()
    collector.first_answers = [httpx.Response(503) for _ in range(http.ATTEMPTS)]
    with pytest.raises(Unavailable, match="503"):
        collector.sender().send(items("a"))
    assert len(collector.requests) == http.ATTEMPTS


def test_a_collector_that_is_away_is_tried_again() -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    sender = http.HttpSender(TARGET, "crm", NoWaiting(), transport=httpx.MockTransport(away))
    with pytest.raises(Unavailable, match="ConnectError"):
        sender.send(items("a"))


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_key_or_address_is_told_at_once(status: int) -> None:
    collector = FakeCollector()
    collector.first_answers = [httpx.Response(status, json={"error": {"message": "no"}})]
    with pytest.raises(FeedError):
        collector.sender().send(items("a"))
    assert len(collector.requests) == 1


def test_stop_ends_the_tries() -> None:
    collector = FakeCollector()
    stop = NoWaiting()
    stop.set()
    with pytest.raises(Stopped):
        collector.sender(stop=stop).send(items("a"))
    assert collector.requests == []


def test_a_body_is_cut_before_it_grows_too_large() -> None:
    collector = FakeCollector()
    with patch.object(http, "BODY_BYTES", 30):
        collector.sender().send(items("a", "b", "c", "d", "e"))
    assert [event["id"] for event in collector.taken] == ["a", "b", "c", "d", "e"]
    assert len(collector.requests) > 1


def test_an_event_that_comes_again_goes_into_another_request() -> None:
    collector = FakeCollector()
    again = items("a", "b")
    assert collector.sender().send([*again, *again[:1], *items("c"), *again[1:]]) == []
    bodies = [msgspec.json.decode(request.content) for request in collector.requests]
    assert [[event["id"] for event in body] for body in bodies] == [["a", "b"], ["a", "c", "b"]]


def test_a_single_refusal_needs_no_position() -> None:
    collector = FakeCollector()
    collector.first_answers = [refusal(None)]
    assert len(collector.sender().send(items("a"))) == 1
