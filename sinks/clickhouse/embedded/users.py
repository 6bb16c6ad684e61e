"""The two users of the embedded store: `default` may do all, `reader` may only read. Pure."""

from base64 import b64decode
from binascii import Error
from collections.abc import Mapping
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

from sinks.clickhouse.embedded.errors import AUTHENTICATION_FAILED, refused

WRITER: Final = "default"
READER: Final = "reader"


def reader_password(password: str) -> str:
    """The password of `reader`, made from that of `default`, but not the other way round.

    Empty when there is none.
    """
    if not password:
        return ""
    return blake2b(b"reader", key=password.encode()[:64], digest_size=16).hexdigest()


def authenticate(
    headers: Mapping[str, str], query: Mapping[str, str], passwords: Mapping[str, str]
) -> str:
    """The name of the user of a request. Raises Refused."""
    user, password = _credentials(headers, query)
    expected = passwords.get(user)
    known = expected is not None
    if not compare_digest((expected or "").encode(), password.encode()) or not known:
        raise refused(
            AUTHENTICATION_FAILED,
            "Authentication failed: password is incorrect, or there is no user with such name",
        )
    return user


def _credentials(headers: Mapping[str, str], query: Mapping[str, str]) -> tuple[str, str]:
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        return headers.get("x-clickhouse-user", WRITER), headers.get("x-clickhouse-key", "")
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = b64decode(value, validate=True).decode().partition(":")
        except (Error, UnicodeDecodeError) as error:
            raise refused(AUTHENTICATION_FAILED, "Invalid HTTP Basic credentials") from error
        return user or WRITER, password
    return query.get("user", WRITER), query.get("password", "")
