"""The proxy: passes everything on, or resets, or holds back."""

import socket
from collections.abc import Iterator
from threading import Thread

import pytest

from tests.chaos.proxy import Proxy
from uptake.local.ports import LOOPBACK


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that answers with what it got."""
    listener = socket.create_server((LOOPBACK, 0))
    Thread(target=_serve, args=(listener,), daemon=True).start()
    yield int(listener.getsockname()[1])
    listener.close()


@pytest.fixture
def proxy(echo: int) -> Iterator[Proxy]:
    made = Proxy(echo)
    yield made
    made.close()


def test_passes_on(proxy: Proxy) -> None:
    with _client(proxy) as client:
        assert _echoed(client, b"x" * 300_000)


def test_a_cut_resets_what_there_is_and_what_comes(proxy: Proxy) -> None:
    with _client(proxy) as client:
        assert _echoed(client, b"before")
        proxy.cut()
        assert _gone(client)
    assert _refused(proxy)
    proxy.mend()
    with _client(proxy) as client:
        assert _echoed(client, b"after")


def test_silence_holds_back_and_loses_nothing(proxy: Proxy) -> None:
    with _client(proxy) as client:
        assert _echoed(client, b"before")
        proxy.silence()
        client.sendall(b"meanwhile")
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(5.0)
        proxy.mend()
        assert client.recv(100) == b"meanwhile"


def _client(proxy: Proxy) -> socket.socket:
    return socket.create_connection((LOOPBACK, proxy.port), timeout=5.0)


def _echoed(client: socket.socket, data: bytes) -> bool:
    client.sendall(data)
    got = b""
    while len(got) < len(data):
        got += client.recv(65_536)
    return got == data


def _gone(client: socket.socket) -> bool:
    """Whether the connection ends, one way or the other."""
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True


def _refused(proxy: Proxy) -> bool:
    """Whether a new connection ends at once, perhaps before it was made."""
    try:
        with _client(proxy) as client:
            return _gone(client)
    except ConnectionError:
        return True


def _serve(listener: socket.socket) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        Thread(target=_answer, args=(client,), daemon=True).start()


def _answer(client: socket.socket) -> None:
    try:
        while data := client.recv(65_536):
            client.sendall(data)
    except OSError:
        return
    finally:
        client.close()
