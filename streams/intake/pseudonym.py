"""Keyed pseudonyms: who a learner is, for as long as the key is kept, without saying who."""

from hashlib import blake2b

from schemas.ids import Pseudonym
from schemas.settings import PrivacySettings

DIGEST_BYTES = 16
_MAX_KEY_BYTES = 64


class NoKey(Exception):
    """Never valid: the setting privacy.pseudonym_key is empty."""


def pseudonymiser(settings: PrivacySettings) -> Pseudonym:
    """The function (issuer, identifier) -> pseudonym of 16 bytes.

    It remembers nothing: the decoder keeps the people met lately. Raises NoKey when there is no
    key: without one, anybody could try identifiers out.
    """
    if not settings.pseudonym_key:
        raise NoKey(
            "privacy.pseudonym_key is not set: pseudonyms need a secret of at least 16 characters"
            " (UPTAKE_PRIVACY_PSEUDONYM_KEY)"
        )
    key = settings.pseudonym_key.encode()
    if len(key) > _MAX_KEY_BYTES:
        key = blake2b(key).digest()
    keyed = blake2b(key=key, digest_size=DIGEST_BYTES)

    def pseudonym(issuer: str, identifier: str) -> bytes:
        # A copy of the keyed state is cheaper than to take the key in again.
        state = keyed.copy()
        state.update(f"{issuer}\0{identifier}".encode())
        return state.digest()

    return pseudonym
