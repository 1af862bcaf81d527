"""Messages arrive at a real mail server and a real HTTP endpoint, and secrets do not leak on the way."""

import pytest

from fakes.post_office import mail_server, self_signed, webhook
from titlebout.adapters.alert_channels.mail_channel import MailChannel, MailServer
from titlebout.adapters.alert_channels.webhook_channel import WebhookChannel
from titlebout.core.alerts.alerts import Alert
from titlebout.core.errors import UnavailableError
from titlebout.core.specs.alerts_spec import AlertCause

ALERT = Alert(
    model="demand",
    cause=AlertCause.PARTITION_REJECTED,
    about=("entry 1", "entry 2"),
    lines=("2024-05-01 is in quarantine: größer 5", "2024-05-02 is in quarantine\r\nBcc: eve@example.org"),
    pages=("http://airflow/titlebout/demand/partitions/2024-05-01",),
)


def server(letters, **change):
    return MailServer(**{"host": "127.0.0.1", "port": letters.port, "security": "none", "sender": "t@x.org"} | change)


def test_a_letter_says_what_happened_and_where_to_look():
    with mail_server() as letters:
        MailChannel(server(letters), ["ann@example.org", "bob@example.org"]).send(ALERT)
    (letter,) = letters.received
    assert letters.recipients == ["ann@example.org", "bob@example.org"]
    assert letter["subject"] == "[titlebout] demand: data in quarantine (2)"
    assert letter["from"] == "t@x.org"
    assert letter["auto-submitted"] == "auto-generated"
    assert letter["bcc"] is None
    text = letter.get_content().replace("\r\n", "\n")
    assert text.startswith("2024-05-01 is in quarantine: größer 5\n")
    assert "titlebout quarantine --help\nhttp://airflow/titlebout/demand/partitions/2024-05-01" in text


def test_with_starttls_the_certificate_has_to_be_good(tmp_path, monkeypatch):
    certificate = self_signed(tmp_path)
    with mail_server(certificate=certificate, password="s3cret") as letters:
        secured = server(letters, security="starttls", login="ann", password="s3cret")
        with pytest.raises(UnavailableError, match="SSLCertVerificationError"):
            MailChannel(secured, ["ann@example.org"]).send(ALERT)
        assert not letters.received
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        MailChannel(secured, ["ann@example.org"]).send(ALERT)
        assert len(letters.received) == 1
        wrong = server(letters, security="starttls", login="ann", password="oth3r")
        with pytest.raises(UnavailableError, match=r"SMTPAuthenticationError 535") as refused:
            MailChannel(wrong, ["ann@example.org"]).send(ALERT)
    assert "oth3r" not in str(refused.value)


def test_a_server_that_refuses_or_is_away_is_named():
    with mail_server() as letters:
        letters.refuse_with = "552 mailbox full"
        with pytest.raises(UnavailableError, match=r"mail server 127\.0\.0\.1:\d+: SMTPDataError 552"):
            MailChannel(server(letters), ["ann@example.org"]).send(ALERT)
    with pytest.raises(UnavailableError, match="ConnectionRefusedError"):
        MailChannel(server(letters), ["ann@example.org"]).send(ALERT)


@pytest.mark.parametrize("change", [{"password": "s3crét"}, {"sender": "t@x.org\nBcc: eve@example.org"}])
def test_what_no_letter_can_hold_is_named_and_leaves_the_secret_out(change, tmp_path, monkeypatch):
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with mail_server(certificate=certificate, password="s3cret") as letters:
        fields = {"security": "starttls", "login": "ann", "password": "s3cret"} | change
        with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:\d+: .*Error; check the connection") as refused:
            MailChannel(server(letters, **fields), ["ann@example.org"]).send(ALERT)
    assert not letters.received
    assert "s3cr" not in str(refused.value)


def test_a_recipient_whom_the_server_does_not_know_is_named_in_the_log(caplog):
    """The others have been told, so the message counts as sent: else nobody would ever learn of the slip."""
    with mail_server() as letters:
        letters.unknown = ("ana@example.org",)
        MailChannel(server(letters), ["ann@example.org", "ana@example.org"]).send(ALERT)
        assert letters.recipients == ["ann@example.org"]
        (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert "ana@example.org" in warning
        assert "ann@example.org" not in warning
        assert "alerts.mail_to" in warning


def test_a_webhook_gets_text_and_parts():
    with webhook() as posts:
        WebhookChannel(f"{posts.url}/services/T0/s3cret").send(ALERT)
    ((path, document),) = posts.received
    assert path == "/services/T0/s3cret"
    assert document["text"].startswith("*demand: data in quarantine (2)*\n2024-05-01 is in quarantine")
    assert (document["model"], document["cause"]) == ("demand", "partition_rejected")
    assert document["links"] == ["http://airflow/titlebout/demand/partitions/2024-05-01"]


def test_a_month_of_bad_hours_fits_into_a_message_that_any_service_takes():
    about = tuple(f"entry {number}" for number in range(744))
    pages = tuple(f"http://airflow/titlebout/demand/partitions/{number}" for number in range(744))
    many = {"about": about, "lines": tuple(400 * "ü" for _ in about), "pages": pages}
    with webhook() as posts:
        WebhookChannel(posts.url).send(ALERT.model_copy(update=many))
    ((_, document),) = posts.received
    assert (len(document["lines"]), len(document["links"])) == (100, 100)
    assert "and 734 more" in document["text"]


def test_the_secret_of_a_webhook_is_in_no_log_however_talkative_it_is(caplog):
    caplog.set_level("DEBUG")
    with webhook() as posts:
        WebhookChannel(f"{posts.url}/services/T0/s3cret").send(ALERT)
    assert posts.received
    assert "s3cret" not in caplog.text


def test_a_webhook_that_takes_it_and_never_ends_its_answer_has_taken_it(monkeypatch):
    monkeypatch.setattr("titlebout.adapters.alert_channels.webhook_channel.TIMEOUT_SECONDS", 60)
    with webhook() as posts:
        posts.body_bytes = 5
        WebhookChannel(posts.url).send(ALERT)
    assert len(posts.received) == 1


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_webhook_that_does_not_take_it_is_named_without_its_secret(status):
    with webhook() as posts:
        posts.status = status
        with pytest.raises(UnavailableError, match=f"127.0.0.1: answered {status}") as refused:
            WebhookChannel(f"{posts.url}/services/s3cret").send(ALERT)
    with pytest.raises(UnavailableError, match="ConnectError") as away:
        WebhookChannel(f"{posts.url}/services/s3cret").send(ALERT)
    assert "s3cret" not in f"{refused.value}{away.value}"


HOSTILE = "weather=<!channel> & <http://evil.example|see here> [see](http://evil.example) @channel"


def test_what_comes_from_the_data_is_text_in_a_chat():
    """Slack reads angle brackets, Mattermost brackets and the at sign."""
    with webhook() as posts:
        WebhookChannel(posts.url).send(ALERT.model_copy(update={"lines": (HOSTILE,)}))
    ((_, document),) = posts.received
    text = document["text"]
    assert "weather=&lt;!channel&gt; &amp; &lt;http://evil.example|see here&gt;" in text
    assert "](" not in text
    assert "@channel" not in text
    assert ALERT.pages[0] in text
    assert document["lines"] == [HOSTILE]  # for programs, as it is
