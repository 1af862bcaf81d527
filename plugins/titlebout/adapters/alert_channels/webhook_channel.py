"""Messages to a webhook that takes JSON with a key `text`, as Slack, Mattermost and others do."""

import logging

import httpx

from titlebout.core.alerts.alerts import Alert
from titlebout.core.errors import UnavailableError

TIMEOUT_SECONDS = 15
MOST_PARTS = 100
"""A month of bad hours would make a body that services refuse for its size; then it would stay due, and grow."""


class WebhookChannel:
    """Posts each message as JSON."""

    name = "webhook"

    def __init__(self, url: str) -> None:
        """Take the address; its path may be a secret, so no message shows it."""
        self._url = url

    def send(self, alert: Alert) -> None:
        """Post one message; see the port."""
        document = {
            "text": f"*{alert.subject}*\n{_plain(alert.text)}",
            "model": alert.model,
            "cause": alert.cause.value,
            "lines": list(alert.lines[:MOST_PARTS]),
            "links": list(alert.pages[:MOST_PARTS]),
        }
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells the whole address of each request
        try:
            # The status says that it was taken; a body that never ends would hold the task, and tell it once more.
            with httpx.stream(
                "POST", self._url, json=document, timeout=TIMEOUT_SECONDS, follow_redirects=False
            ) as answer:
                pass
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            message = f"webhook at {self._host()}: {type(error).__name__}; check the connection and the service"
            raise UnavailableError(message) from None
        if not answer.is_success:
            message = f"webhook at {self._host()}: answered {answer.status_code}; check the connection's address"
            raise UnavailableError(message)

    def _host(self) -> str:
        try:
            return httpx.URL(self._url).host
        except httpx.InvalidURL:
            return "an address that is none"


def _plain(text: str) -> str:
    """Write a text so that a chat shows it as it is: what it tells may hold values of the data.

    Slack reads `<!channel>` and `<address|words>`, Mattermost `@channel` and `[words](address)`.
    """
    for read, shown in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("@", "@\u200b"), ("](", "] (")):
        text = text.replace(read, shown)
    return text
