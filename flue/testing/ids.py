"""Ids as Flue makes them: a prefix and a ULID."""

from __future__ import annotations

import secrets
import time

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def make_id(prefix: str) -> str:
    """An id such as ``run_01M83TZSJPHJDJ3DMV544RP15Q``: 48 bits of time, 80 of chance, in Crockford's base 32."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return f"{prefix}_" + "".join(ALPHABET[number >> shift & 31] for shift in range(125, -5, -5))
