"""Ids as Flue makes them: a prefix and a ULID."""

from __future__ import annotations

import hashlib
import secrets
import time

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def make_id(prefix: str) -> str:
    """An id such as ``run_01M83TZSJPHJDJ3DMV544RP15Q``: 48 bits of time, 80 of chance."""
    return f"{prefix}_{_base32((time.time_ns() // 1_000_000) << 80 | secrets.randbits(80))}"


def stable_id(prefix: str, name: str) -> str:
    """An id that is always the same for a name."""
    return f"{prefix}_{_base32(int.from_bytes(hashlib.sha256(name.encode()).digest()[:16]))}"


def _base32(number: int) -> str:
    """128 bits in Crockford's alphabet."""
    return "".join(ALPHABET[number >> shift & 31] for shift in range(125, -5, -5))
