"""Who may write what: the write keys of the collector.

A key is sent as `Authorization: Basic base64(name:secret)` or `Authorization: Bearer secret` and is
bound to one source (`*`: any). Secrets are compared in constant time.
"""

import secrets
from base64 import b64decode
from binascii import Error as Base64Error
from hashlib import blake2b
from hmac import compare_digest

from schemas.settings import KeySettings
from streams.collector.responses import Refusal

_CHALLENGE = ((b"www-authenticate", b'Basic realm="uptake", charset="UTF-8"'),)
_ANY_SOURCE = "*"
_XAPI_DEFAULT = "lms"


class Keys:
    """The keys in force. Raises ValueError for keys that could be mistaken for each other."""

    def __init__(self, keys: list[KeySettings]) -> None:
        # A secret is looked up by a hash that nobody outside can compute, so that the time of the
        # look-up says nothing about it.
        self._hash_key = secrets.token_bytes(32)
        self._by_name = {key.name.encode(): key for key in keys}
        self._by_hash = {self._hash(key.secret.encode()): key for key in keys}
        if not all(key.name and key.secret for key in keys):
            raise ValueError("collector.keys: every key needs a name and a secret")
        if any(":" in key.name for key in keys):
            raise ValueError("collector.keys: a name may not contain a colon")
        if len(self._by_name) < len(keys) or len(self._by_hash) < len(keys):
            raise ValueError("collector.keys: names and secrets must differ from each other")

    def authenticate(self, authorization: bytes | None) -> KeySettings:
        """The key of an `Authorization` header; a Refusal with status 401 when there is none."""
        if authorization is None:
            raise _unauthorized("No key: send Authorization: Basic name:secret, or Bearer secret.")
        scheme, _, credentials = authorization.partition(b" ")
        credentials = credentials.strip()
        key = None
        if scheme.lower() == b"bearer":
            key = self._by_hash.get(self._hash(credentials))
        elif scheme.lower() == b"basic":
            key = self._basic(credentials)
        if key is None:
            raise _unauthorized("This key is not known here.")
        return key

    def _basic(self, credentials: bytes) -> KeySettings | None:
        try:
            name, _, secret = b64decode(credentials, validate=True).partition(b":")
        except (Base64Error, ValueError):
            return None
        key = self._by_name.get(name)
        expected = b"" if key is None else key.secret.encode()
        return key if compare_digest(expected, secret) else None

    def _hash(self, secret: bytes) -> bytes:
        return blake2b(secret, key=self._hash_key, digest_size=32).digest()


def xapi_source(key: KeySettings) -> str:
    """The source of the statements that come with `key`; lms for a key that may write any."""
    return _XAPI_DEFAULT if key.source == _ANY_SOURCE else key.source


def require_source(key: KeySettings, source: str) -> None:
    """A Refusal with status 403 unless `key` may write events of `source`."""
    if key.source not in (source, _ANY_SOURCE):
        raise Refusal(403, "key-source", f"This key writes {key.source} events, not {source}.")


def require_any_source(key: KeySettings) -> None:
    """A Refusal with status 403 unless `key` may write everything."""
    if key.source != _ANY_SOURCE:
        message = 'Directories need a key with source "*"; this one is bound to one source.'
        raise Refusal(403, "key-source", message)


def _unauthorized(message: str) -> Refusal:
    return Refusal(401, "credentials", message, field="Authorization", headers=_CHALLENGE)
