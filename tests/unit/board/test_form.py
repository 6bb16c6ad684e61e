"""Forms of the board, as a browser sends them."""

import asyncio
from urllib.parse import urlencode

import pytest
from starlette.requests import Request

from reports.board.form import fields


def sent(body: bytes) -> dict[str, str]:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}
    return asyncio.run(fields(Request(scope, receive)))


def test_a_form_comes_back_as_it_was_filled_in() -> None:
    given = {"key": "a key & more=é", "suggestion": "https://x.example/?a=b"}
    assert sent(urlencode(given).encode()) == given


@pytest.mark.parametrize("body", [b"", b"\xff=\xff", b"a=" + b"x" * 10_000, b"a=1&" * 50])
def test_what_no_form_of_ours_sends_is_empty(body: bytes) -> None:
    assert sent(body) == {}
