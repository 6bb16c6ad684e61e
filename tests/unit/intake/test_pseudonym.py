"""Pseudonyms are keyed, stable and of 16 bytes."""

from hashlib import blake2b

import pytest

from schemas.settings import PrivacySettings
from streams.intake.pseudonym import NoKey, pseudonymiser


def test_a_pseudonym_is_the_keyed_hash_of_issuer_and_identifier() -> None:
    made = pseudonymiser(PrivacySettings(pseudonym_key="0123456789abcdef"))
    expected = blake2b(b"crm\0Ann", key=b"0123456789abcdef", digest_size=16).digest()
    assert made("crm", "Ann") == made("crm", "Ann") == expected
    assert len({made("crm", "Ann"), made("lms", "Ann"), made("crm", "Bo")}) == 3


def test_long_keys_differ_to_their_end() -> None:
    one, other = (pseudonymiser(PrivacySettings(pseudonym_key="x" * 100 + end)) for end in "ab")
    assert one("crm", "Ann") != other("crm", "Ann")


def test_no_key_is_refused() -> None:
    with pytest.raises(NoKey, match="UPTAKE_PRIVACY_PSEUDONYM_KEY"):
        pseudonymiser(PrivacySettings())
