"""An S3 server in this process."""

import functools
import uuid
from datetime import UTC, datetime
from typing import Any

from titlebout.adapters.s3.s3_access import S3Settings, open_client
from titlebout.adapters.s3.s3_bucket import S3Bucket


@functools.cache
def s3_settings() -> S3Settings:
    """Start the server on first use; it ends with the test process."""
    from moto.server import ThreadedMotoServer

    _date_uploads()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return S3Settings(f"http://{host}:{port}", "us-east-1", "key", "secret", pause_seconds=0.01)


def _date_uploads() -> None:
    """Let moto tell when an upload began; it names a day in 2010, which makes each one look abandoned."""
    from moto.s3.responses import S3Response

    answer = S3Response.list_multipart_uploads

    def dated_answer(self: S3Response) -> Any:
        status, headers, body = answer(self)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return status, headers, body.replace("2010-11-10T20:48:33.000Z", now)

    S3Response.list_multipart_uploads = dated_answer


def fresh_s3_client():
    """Make a client beside the adapter's: for tests that do what other tools do."""
    return open_client(s3_settings())


s3_client = functools.cache(fresh_s3_client)
"""One client for all tests: to make one takes longer than most tests."""


def new_bucket(settings: S3Settings | None = None) -> S3Bucket:
    """Make an empty bucket, on another server where its settings are given."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    client = _client_of(settings) if settings else s3_client()
    client.create_bucket(Bucket=name)
    return S3Bucket(name, settings or s3_settings(), client)


_client_of = functools.cache(open_client)
