"""Small parts of the worker: its logs, how it enters a cluster, whether it is awake."""

import logging

import pytest

from streams.agents.heartbeat import Heartbeat
from streams.agents.quiet import OnceInAWhile
from streams.agents.security import SecurityError, credentials
from streams.state.errors import Guard, StoodStill


def _record(message: str) -> logging.LogRecord:
    return logging.LogRecord("x", logging.WARNING, "x.py", 1, message, (1,), None)


def test_a_repeated_message_is_logged_once_in_a_while() -> None:
    sparse = OnceInAWhile(60)
    assert [sparse.filter(_record(text)) for text in ("%d away", "%d away", "%d back")] == [
        True,
        False,
        True,
    ]


def test_an_open_cluster_needs_no_credentials() -> None:
    assert credentials({}) is None
    assert credentials({"security.protocol": "plaintext"}) is None


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_a_name_and_a_password(protocol: str, mechanism: str) -> None:
    found = credentials(
        {
            "security.protocol": protocol,
            "sasl.mechanism": mechanism,
            "sasl.username": "uptake",
            "sasl.password": "secret",
        }
    )
    assert found.protocol.value == protocol
    assert found.mechanism.value == mechanism
    assert (found.ssl_context is not None) is (protocol == "SASL_SSL")


@pytest.mark.parametrize(
    "properties",
    [
        {"security.protocol": "KERBEROS"},
        {"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"},
        {"security.protocol": "SSL", "ssl.endpoint.identification.algorithm": "none"},
    ],
)
def test_what_is_not_supported_is_refused(properties: dict[str, str]) -> None:
    with pytest.raises(SecurityError):
        credentials(properties)


def test_a_process_that_stood_still_notices() -> None:
    heartbeat = Heartbeat(0.0)
    heartbeat.check()
    heartbeat.beat()
    with pytest.raises(StoodStill):
        heartbeat.beat()


def test_an_error_in_a_guarded_block_is_told_and_ends_there() -> None:
    told: list[Exception] = []
    with Guard(told.append):
        raise OSError("gone")
    assert [str(error) for error in told] == ["gone"]


def test_an_end_of_the_process_is_no_error() -> None:
    told: list[Exception] = []
    with pytest.raises(KeyboardInterrupt), Guard(told.append):
        raise KeyboardInterrupt
    assert told == []
