"""UUIDs as senders write them."""

from schemas.xapi.errors import Invalid


def uuid_bytes(text: str, field: str) -> bytes:
    """The 16 bytes of a UUID in its canonical form, in either case. Raises Invalid."""
    if len(text) == 36 and text[8] == text[13] == text[18] == text[23] == "-":
        try:
            value = bytes.fromhex(text.replace("-", ""))
        except ValueError:
            value = b""
        if len(value) == 16:
            return value
    raise Invalid("bad-id", field, "a UUID")


def uuid_text(value: bytes) -> str:
    """16 bytes -> a UUID in lower case."""
    digits = value.hex()
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return "-".join(parts)
