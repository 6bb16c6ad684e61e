"""One HTTP request as the routes see it, and the checks of its head that several routes share."""

import re
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from streams.collector.responses import Receive, Refusal

_XAPI_VERSION = re.compile(rb"1\.0(\.\d+)?")
_JSON_TYPE = b"application/json"


class Request:
    """Method, path and headers; the body is still to be read from `receive`."""

    __slots__ = ("headers", "method", "path", "query", "receive", "unread")

    def __init__(self, scope: MutableMapping[str, Any], receive: Receive) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        """Names in lower case; the last of several headers of one name."""
        self.receive = receive
        self.unread = False
        """The body was refused while more of it was to come."""


def check_xapi_version(request: Request) -> None:
    """A Refusal with status 400 unless the request says a version of xAPI that is spoken here."""
    version = request.headers.get(b"x-experience-api-version")
    if version is None:
        message = "Send the header X-Experience-API-Version, for example 1.0.3."
    elif _XAPI_VERSION.fullmatch(version) is None:
        message = "X-Experience-API-Version must be 1.0 or 1.0.x."
    else:
        return
    raise Refusal(400, "version", message, field="X-Experience-API-Version")


def check_content_type(request: Request) -> None:
    """A Refusal with status 415 unless the body is said to be JSON (or nothing is said)."""
    content_type = request.headers.get(b"content-type")
    if content_type is None:
        return
    kind = content_type.partition(b";")[0].strip().lower()
    if kind == _JSON_TYPE:
        return
    if kind.startswith(b"multipart/"):
        message = (
            "Attachments inside the request are not taken here. Send application/json; an "
            "attachment may be given by its fileUrl."
        )
    else:
        message = "Send the body as Content-Type: application/json."
    raise Refusal(415, "content-type", message, field="Content-Type")


def check_no_parameters(request: Request) -> None:
    """A Refusal with status 400 when there is any query parameter."""
    if request.query:
        names = [name for name, _ in parameters(request)]
        field = names[0] if names else None
        raise Refusal(400, "parameter", "No query parameter is known here.", field=field)


def statement_id(request: Request) -> str:
    """The one query parameter of PUT /xapi/statements, in lower case; Refusals with status 400."""
    given = parameters(request)
    for name, _ in given:
        if name != "statementId":
            message = "PUT knows one query parameter, statementId; case matters."
            raise Refusal(400, "parameter", message, field=name)
    if len(given) != 1:
        message = "Say which statement, once: PUT /xapi/statements?statementId=..."
        raise Refusal(400, "parameter", message, field="statementId")
    text = given[0][1]
    try:
        parsed = str(UUID(text))
    except ValueError:
        parsed = ""
    if parsed != text.lower():
        raise Refusal(400, "bad-id", "statementId must be a UUID.", field="statementId")
    return parsed


def parameters(request: Request) -> list[tuple[str, str]]:
    """Names and values of the query; a Refusal with status 400 when it cannot be read."""
    try:
        return parse_qsl(
            request.query.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=20,
            errors="strict",
        )
    except ValueError as error:
        raise Refusal(400, "parameter", "The query cannot be read.") from error
