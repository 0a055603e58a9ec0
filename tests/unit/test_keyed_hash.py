"""The keyed hash is HMAC-SHA256, whatever the length of key and content."""

from __future__ import annotations

import hmac

import pytest

from fr_recorder.keyed_hash import KeyedHash


@pytest.mark.parametrize("key", [b"", b"k", bytes(range(32)), bytes(64), bytes(range(65)), bytes(200)], ids=len)
@pytest.mark.parametrize("data", [b"", b"a", bytes(55), bytes(64), b"x" * 1500], ids=len)
def test_digest_is_that_of_the_standard_library(key: bytes, data: bytes) -> None:
    """RFC 2104: a key longer than a block is hashed first. Asked twice, it answers the same."""
    keyed = KeyedHash(key)
    assert keyed.digest(data) == keyed.digest(data) == hmac.digest(key, data, "sha256")
