import pytest
from pydantic import ValidationError

from fakes.specs import demand_spec
from titlebout.adapters.alert_channels.webhook_channel import WebhookChannel
from titlebout.channel_wiring import build_channels, mail_server, webhook_address
from titlebout.connection_fields import ConnectionFields, environment_connection
from titlebout.core.alerts.alerts import Alert
from titlebout.core.errors import ConnectionSettingsError
from titlebout.core.specs.alerts_spec import AlertCause


def mail(**change):
    fields = {"conn_id": "titlebout_mail", "host": "mail.example.org", "extra": {"from": "t@example.org"}}
    return ConnectionFields(**fields | change)


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_port_follows_the_security(security, port):
    assert mail_server(mail(extra={"from": "t@example.org", "security": security})).port == port
    assert mail_server(mail(extra={"from": "t@example.org", "security": security}, port=2525)).port == 2525


def test_mail_is_encrypted_unless_said_otherwise():
    assert mail_server(mail()).security == "starttls"
    assert "s3cret" not in repr(mail_server(mail(password="s3cret")))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"extra": {}}, "from is missing"),
        ({"extra": {"from": "t@example.org", "security": "ssl"}}, "security is 'ssl'; give starttls, tls, none"),
        ({"host": ""}, "give the SMTP server's host"),
        (
            {"extra": {"from": "t@example.org", "security": "none"}, "password": "s3cret"},
            "the password would go over the network as it is",
        ),
    ],
)
def test_a_wrong_mail_connection_is_named(change, problem):
    with pytest.raises(ConnectionSettingsError, match=problem) as refused:
        mail_server(mail(**change))
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ({"host": "https://hooks.example.org/services", "password": "T0/x"}, "https://hooks.example.org/services/T0/x"),
        ({"host": "https://hooks.example.org/x/"}, "https://hooks.example.org/x"),
        ({"host": "http://127.0.0.1", "port": 8099}, "http://127.0.0.1:8099"),
    ],
)
def test_a_webhook_is_its_host_and_its_secret(fields, address):
    assert webhook_address(ConnectionFields("titlebout_webhook", **fields)) == address


@pytest.mark.parametrize("host", ["", "hooks.example.org", "ftp://hooks.example.org", "http://hooks.example.org/x"])
def test_a_webhook_that_is_none_or_in_the_clear_is_refused(host):
    with pytest.raises(ConnectionSettingsError, match="connection 'titlebout_webhook': "):
        webhook_address(ConnectionFields("titlebout_webhook", host=host))


def test_only_the_channels_that_are_asked_for_are_built():
    def connect(conn_id):
        return mail() if conn_id == "titlebout_mail" else ConnectionFields(conn_id, host="https://hooks.example.org")

    both = {"mail_to": ["ann@example.org"], "webhook": True}
    assert [channel.name for channel in build_channels(demand_spec(alerts=both).alerts, connect)] == ["mail", "webhook"]
    assert build_channels(demand_spec().alerts, connect) == []


def test_a_wrong_connection_is_told_where_its_channel_is_used_and_silences_no_other_one():
    """A mistake in one connection would else keep the message about it, and all others, from everybody."""

    def connect(conn_id):
        if conn_id == "titlebout_mail":
            raise ConnectionSettingsError("connection 'titlebout_mail' is not defined")
        return ConnectionFields(conn_id, host="https://hooks.example.org")

    both = {"mail_to": ["ann@example.org"], "webhook": True}
    mails, posts = build_channels(demand_spec(alerts=both).alerts, connect)
    assert (mails.name, posts.name) == ("mail", "webhook")
    assert isinstance(posts, WebhookChannel)
    with pytest.raises(ConnectionSettingsError, match="'titlebout_mail' is not defined"):
        mails.send(Alert(model="demand", cause=AlertCause.DRIFT_FOUND, about=("entry 1",), lines=("drift",)))


@pytest.mark.parametrize(("conn_id", "read"), [("titlebout_mail", mail_server), ("titlebout_webhook", webhook_address)])
def test_what_to_set_for_a_missing_connection_can_be_read(conn_id, read, monkeypatch):
    with pytest.raises(ConnectionSettingsError) as missing:
        environment_connection(conn_id)
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", str(missing.value).partition("='")[2].rstrip("'"))
    assert read(environment_connection(conn_id))


@pytest.mark.parametrize(
    "section",
    [
        {"mail_to": ["ann"]},
        {"mail_to": ["ann@example.org\nBcc: eve@example.org"]},
        {"mail_to": ["Ann <ann@example.org>"]},
        {"causes": []},
        {"quiet_hours": -1},
        {"stale_after_days": 3, "causes": ["drift_found"]},
    ],
)
def test_a_section_that_cannot_be_meant_is_refused(section):
    with pytest.raises(ValidationError):
        demand_spec(alerts=section)
