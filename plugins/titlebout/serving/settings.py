"""What a model server needs to know before it starts."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path

MEBIBYTE = 2**20


@dataclass(frozen=True)
class ServingSettings:
    """Settings of one server; it serves one model.

    Attributes:
        model: Name of the model; releases of another one are refused.
        state_dir: Folder that only this server writes to: releases and the newest fencing token.
        admin_token: Secret that a push has to present.
        max_release_bytes: Largest body of a push. Base64 makes a booster a third larger.
        max_predict_bytes: Largest body of a prediction. Parsed JSON takes about ten times its size in memory.
        max_buffered_bytes: Largest sum of all large bodies that are being read, wait, or are scored.
        max_rows: Most rows of one prediction.
        body_timeout_seconds: A body that has not arrived completely by then is refused.
        admin_token_file: Where the admin tokens stand, if in a file: they can change there, and several are valid.
        predict_tokens: Secrets of callers, besides those of the state folder.
        needs_token: Whether a prediction needs one even as long as there are none: only the admin token is good then.
        instance: Random name of this run of the server: tells it from whatever else may answer on its port.
    """

    model: str
    state_dir: Path
    admin_token: str = field(repr=False)
    max_release_bytes: int = 256 * MEBIBYTE
    max_predict_bytes: int = 32 * MEBIBYTE
    max_buffered_bytes: int = 256 * MEBIBYTE
    max_rows: int = 100_000
    body_timeout_seconds: float = 30.0
    admin_token_file: Path | None = None
    predict_tokens: tuple[str, ...] = field(default=(), repr=False)
    needs_token: bool = False
    instance: str = field(default_factory=lambda: secrets.token_hex(8))
