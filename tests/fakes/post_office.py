"""Real receivers of messages: a mail server, with or without TLS, and an HTTP endpoint."""

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

PATIENCE_SECONDS = 60


@dataclass
class Letters:
    """What a mail server took."""

    port: int
    received: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    refuse_with: str = ""
    unknown: tuple[str, ...] = ()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802  # aiosmtpd's name
        if address in self.unknown:
            return "550 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        if self.refuse_with:
            return self.refuse_with
        self.received.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        self.recipients += envelope.rcpt_tos
        return "250 OK"


class _Office(Controller):
    """Listens on a socket that is open already: nobody can get its port in between."""

    def __init__(self, listener: socket.socket, letters: Letters, **options: Any) -> None:
        self._listener = listener
        super().__init__(
            letters, hostname="127.0.0.1", port=letters.port, ready_timeout=2 * PATIENCE_SECONDS, **options
        )

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self._listener)

    def _trigger_server(self) -> None:
        """Ask once, so that faults of the server are seen at its start; the base class waits for a second only."""
        with socket.create_connection((self.hostname, self.port), PATIENCE_SECONDS) as connection:
            connection.recv(1024)


@contextmanager
def mail_server(*, certificate: Path | None = None, password: str = "") -> Iterator[Letters]:
    """Run a mail server on a free port; with a certificate it asks for STARTTLS, with a password for a log-in."""
    listener = socket.create_server(("127.0.0.1", 0))
    letters = Letters(port=listener.getsockname()[1])
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)

    def authenticator(server, session, envelope, mechanism, data):
        is_right = isinstance(data, LoginPassword) and data.password == password.encode()
        return AuthResult(success=is_right, handled=is_right)

    controller = _Office(
        listener,
        letters,
        tls_context=context,
        require_starttls=bool(context),
        authenticator=authenticator if password else None,
        auth_required=bool(password),
    )
    controller.start()
    try:
        yield letters
    finally:
        controller.stop()


def self_signed(folder: Path) -> Path:
    """Write a certificate for 127.0.0.1 and its key into one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(tz=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "certificate.pem"
    path.write_bytes(private + certificate.public_bytes(pem))
    return path


@dataclass
class Posts:
    """What an HTTP endpoint took, and how it answers."""

    url: str = ""
    received: list[tuple[str, Any]] = field(default_factory=list)
    status: int = 200
    body_bytes: int = 0
    """Promised in the answer's head, and never sent."""


@contextmanager
def webhook() -> Iterator[Posts]:
    """Run an HTTP endpoint on a free port."""
    posts = Posts()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            posts.received.append((self.path, json.loads(body)))
            self.send_response(posts.status)
            if posts.body_bytes:
                self.send_header("content-length", str(posts.body_bytes))
            self.end_headers()
            if posts.body_bytes:
                self.rfile.read(1)  # until the other side has gone

        def log_message(self, *arguments: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    posts.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield posts
    finally:
        server.shutdown()
        server.server_close()
