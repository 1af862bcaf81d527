"""An S3 server in this process, and one that answers every request with a fault."""

import functools
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from titlebout.adapters.s3_bucket import S3Bucket, S3Settings


@functools.cache
def s3_settings() -> S3Settings:
    """Start the server on first use; it ends with the test process."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return S3Settings(f"http://{host}:{port}", "us-east-1", "key", "secret")


def fresh_s3_client():
    import boto3

    settings = s3_settings()
    return boto3.client(
        "s3",
        endpoint_url=settings.endpoint_url,
        region_name=settings.region_name,
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=settings.secret_key,
    )


s3_client = functools.cache(fresh_s3_client)
"""One client for all tests: to make one takes longer than most tests."""


def new_bucket() -> S3Bucket:
    """Make an empty bucket on the server."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    s3_client().create_bucket(Bucket=name)
    return S3Bucket(name, s3_settings(), s3_client())


@contextmanager
def faulty_server(status: int, code: str, *, delay_seconds: float = 0) -> Iterator[tuple[str, list[str]]]:
    """Answer every request alike; yields the server's URL and the list of requests it has seen."""
    requests: list[str] = []
    ends = threading.Event()

    class Faulty(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            requests.append(f"{self.command} {self.path}")
            ends.wait(delay_seconds)
            body = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)

        do_GET = do_PUT = do_HEAD = answer  # noqa: N815 (the base class looks for these names)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Faulty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        ends.set()
        server.shutdown()
        server.server_close()
