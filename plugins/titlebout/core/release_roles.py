"""In which role a release of a model scores requests: the word in the server's answers, metrics and inference log."""

from enum import StrEnum


class ReleaseRole(StrEnum):
    """What a release is to the request that it scored."""

    CHAMPION = "champion"
    """It answers, and nothing is on trial against it here."""
    CANDIDATE = "candidate"
    """It answers a share of the requests, on trial against the champion."""
    SHADOW = "shadow"
    """It scores what the champion answers; nobody gets its score."""
