"""From a model's section `alerts` and its connections to the ways by which messages leave."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from titlebout.connection_fields import ConnectionFields, named_extra
from titlebout.core.errors import ConnectionSettingsError, TitleboutError
from titlebout.core.specs.alerts_spec import AlertsSection

if TYPE_CHECKING:
    from titlebout.adapters.alert_channels.mail_channel import MailServer
    from titlebout.core.alerts.alerts import Alert, AlertChannel

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class _UnusableChannel:
    """A channel that cannot be built."""

    name: str
    problem: TitleboutError

    def send(self, alert: "Alert") -> None:
        """Say why not; see the port."""
        del alert
        raise self.problem


def build_channels(section: AlertsSection, connect: Callable[[str], ConnectionFields]) -> "list[AlertChannel]":
    """Return the channels that a model's messages leave by.

    A channel whose connection is not defined, or would send a secret in the clear, says so when it is used: what is
    wrong with one must not silence the other.
    """
    from titlebout.adapters.alert_channels.mail_channel import MailChannel
    from titlebout.adapters.alert_channels.webhook_channel import WebhookChannel

    channels: list[AlertChannel] = []
    if section.mail_to:
        channels.append(
            _built(MailChannel.name, lambda: MailChannel(mail_server(connect(section.mail_conn_id)), section.mail_to))
        )
    if section.webhook:
        channels.append(
            _built(WebhookChannel.name, lambda: WebhookChannel(webhook_address(connect(section.webhook_conn_id))))
        )
    return channels


def _built(name: str, build: "Callable[[], AlertChannel]") -> "AlertChannel":
    try:
        return build()
    except TitleboutError as error:
        return _UnusableChannel(name, error)


def mail_server(connection: ConnectionFields) -> "MailServer":
    """Read a connection of an SMTP server: host, port, log-in; `from` and `security` in its extra."""
    from titlebout.adapters.alert_channels.mail_channel import MailServer

    where = f"connection {connection.conn_id!r}"
    extra = named_extra(connection, required=("from",), optional=("security",))
    security = extra.get("security", "starttls")
    if security not in _PORTS:
        message = f"{where}: security is {security!r}; give {', '.join(_PORTS)}"
        raise ConnectionSettingsError(message)
    if not connection.host:
        message = f"{where}: give the SMTP server's host"
        raise ConnectionSettingsError(message)
    if connection.password and security == "none":
        message = f"{where}: the password would go over the network as it is; set security to starttls or tls"
        raise ConnectionSettingsError(message)
    return MailServer(
        host=connection.host,
        port=connection.port or _PORTS[security],
        security=security,
        sender=extra["from"],
        login=connection.login,
        password=connection.password,
    )


def webhook_address(connection: ConnectionFields) -> str:
    """Read a connection of a webhook: its address as host, and the secret end of its path as password."""
    where = f"connection {connection.conn_id!r}"
    parts = urlsplit(connection.host)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        message = f"{where}: host must be the webhook's address, such as https://hooks.example.org/services"
        raise ConnectionSettingsError(message)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        message = f"{where}: whoever listens on the network could read what goes there; give an https address"
        raise ConnectionSettingsError(message)
    netloc = f"{parts.netloc}:{connection.port}" if connection.port else parts.netloc
    secret = f"/{connection.password.lstrip('/')}" if connection.password else ""
    return f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}{secret}"
