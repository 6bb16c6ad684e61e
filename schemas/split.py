"""A request body that holds one event or a list of them -> the JSON text of each."""

from typing import Final

import msgspec

from schemas.xapi.errors import Invalid
from schemas.xapi.read import invalid

_decode: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


def split(body: bytes, maximum: int) -> tuple[list[bytes], bool]:
    """-> (texts, whether it was a list). Raises Invalid: empty, no JSON list, more than maximum.

    The texts are cut out, not decoded: a fault inside one shows when it is read.
    """
    text = body.strip(b" \t\r\n")
    if not text:
        raise Invalid("empty", "", "one event or a list of events")
    if text[0] != ord("["):
        return [text], False
    try:
        parts = _decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise invalid(error) from None
    if len(parts) > maximum:
        raise Invalid("too-many", "", f"at most {maximum} events in one request")
    return [bytes(part) for part in parts], True
