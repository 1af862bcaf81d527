"""Who is answered by the candidate of a trial: a share of all keys that grows and never changes its members."""

import hashlib
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

BUCKETS = 10_000
STICKY_KINDS = ("str:", "int:")
"""How keys of texts and of whole numbers begin."""


def bucket_of(key: str, salt: str) -> int:
    """Return the bucket of a key, the same in every process.

    The salt differs from trial to trial, so that it is not always the same keys that are tried on.

    >>> bucket_of("customer 7", "demand:12") == bucket_of("customer 7", "demand:12")
    True
    """
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8, key=salt.encode()[:64]).digest()
    return int.from_bytes(digest, "big") % BUCKETS


def is_in_share(key: str, salt: str, percent: int) -> bool:
    """Whether a key belongs to a share: who is among 5 percent is among 25 percent too."""
    return bucket_of(key, salt) * 100 < percent * BUCKETS


def sticky_keys(rows: Sequence[Mapping[str, JsonValue]], field: str) -> set[str]:
    """Return the keys of a request's rows; a number is the same key however JSON writes it, as 7 or 7.0."""
    return {_text(row.get(field)) for row in rows}


def _text(value: JsonValue) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"{type(value).__name__}:{value}"
