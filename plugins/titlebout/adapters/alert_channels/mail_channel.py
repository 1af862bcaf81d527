"""Messages by mail."""

import logging
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from titlebout.core.alerts.alerts import Alert
from titlebout.core.errors import UnavailableError, bounded

TIMEOUT_SECONDS = 15

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class MailServer:
    """How to reach an SMTP server; `security` is `starttls`, `tls` or `none`."""

    host: str
    port: int
    security: str
    sender: str
    login: str = ""
    password: str = field(default="", repr=False)


class MailChannel:
    """Sends each message to all recipients at once."""

    name = "mail"

    def __init__(self, server: MailServer, recipients: Sequence[str]) -> None:
        """Take the server and who is told."""
        self._server, self._recipients = server, recipients

    def send(self, alert: Alert) -> None:
        """Send one message; see the port."""
        server = self._server
        try:
            with self._connected() as connection:
                if server.login:
                    connection.login(server.login, server.password)
                refused = connection.send_message(self._message(alert))
        except (smtplib.SMTPException, OSError, ValueError) as error:
            # A ValueError is about odd characters in a header or a log-in. What a server says may quote a password that
            # was sent; its class and code do not.
            code = getattr(error, "smtp_code", None)
            what = f"{type(error).__name__}{f' {code}' if code else ''}"
            detail = f": {bounded(str(error), 120)}" if isinstance(error, OSError) and code is None else ""
            message = f"mail server {server.host}:{server.port}: {what}{detail}; check the connection and the server"
            raise UnavailableError(message) from None
        if refused:  # not all of them: that would have been an error
            _logger.warning(
                "mail server %s:%d did not take it for %s; look at alerts.mail_to",
                server.host,
                server.port,
                ", ".join(refused),
            )

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        if server.security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_SECONDS, context=context)
        connection = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_SECONDS)
        if server.security == "starttls":
            try:
                connection.starttls(context=ssl.create_default_context())
            except BaseException:
                connection.close()
                raise
        return connection

    def _message(self, alert: Alert) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = f"[titlebout] {alert.subject}"
        message["From"] = self._server.sender
        message["To"] = ", ".join(self._recipients)
        message["Date"] = formatdate(localtime=False)
        message["Message-ID"] = make_msgid(domain="titlebout.invalid")
        message["Auto-Submitted"] = "auto-generated"  # so that nobody's holiday message answers (RFC 3834)
        message.set_content(alert.text)
        return message
