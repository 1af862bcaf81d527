"""Short names for findings, so that the same finding is recorded and acted on once."""

import hashlib


def fingerprint_of(*parts: str) -> str:
    """Return 12 hex digits that depend on all parts and on their order.

    >>> fingerprint_of("v1", "2024-01-02", "temperature")
    'c578cbffbab7'
    """
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
