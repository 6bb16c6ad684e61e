"""What a form of the board's pages sent: `application/x-www-form-urlencoded`, nothing else."""

from urllib.parse import parse_qsl

from starlette.requests import Request

_MOST_BYTES = 10_000
_MOST_FIELDS = 20


async def fields(request: Request) -> dict[str, str]:
    """Name -> value, the last where one comes twice; empty when it is no such form or longer than
    any of the board's can be."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            return {}
    try:
        return dict(parse_qsl(body.decode(), max_num_fields=_MOST_FIELDS))
    except ValueError:
        return {}
