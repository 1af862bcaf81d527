"""What only the HTTP conversation about a server's log has to cope with."""

import httpx
import pytest

from titlebout.adapters.http_server import HttpServerLog
from titlebout.core.errors import DeploymentError, UnavailableError
from titlebout.core.inference_log.log_policy import LogPolicy
from titlebout.core.inference_log.log_port import WaitingSegment
from titlebout.core.ports import ServerAddress

ADDRESS = ServerAddress("http://server", "token")


@pytest.fixture
def answer(monkeypatch):
    asked = []

    def set_answer(status: int, **content) -> list[httpx.Request]:
        def respond(client: httpx.Client, method: str, url: str, **options) -> httpx.Response:
            asked.append((method, url, options))
            return httpx.Response(status, request=httpx.Request(method, url), **content)

        monkeypatch.setattr(httpx.Client, "request", respond)
        return asked

    return set_answer


def test_an_old_server_is_fine_as_long_as_nothing_is_to_be_logged(answer):
    answer(404, json={"error": "Not Found"})
    HttpServerLog().configure(ADDRESS, LogPolicy())
    with pytest.raises(DeploymentError, match="http://server is too old to log; build its image again"):
        HttpServerLog().configure(ADDRESS, LogPolicy(enabled=True))


def test_the_admin_token_is_presented(answer):
    asked = answer(200, json={"segments": []})
    assert HttpServerLog().seal(ADDRESS) == ()
    [(method, url, options)] = asked
    assert (method, url) == ("POST", "http://server/admin/log/segments")
    assert options["headers"] == {"authorization": "Bearer token"}


def test_a_segment_that_another_run_was_quicker_with_is_no_reason_to_end_the_server(answer):
    answer(404, json={"error": "no segment of that name waits; ask for those that do"})
    segment = WaitingSegment(name=f"{'a' * 16}-00000001", sha256="0" * 64, size_bytes=1)
    with pytest.raises(DeploymentError, match=r"another run has collected it; collect again$"):
        HttpServerLog().fetch(ADDRESS, segment)


@pytest.mark.parametrize(
    ("status", "content", "error"),
    [
        (401, {"json": {"error": "send the admin token"}}, DeploymentError),
        (302, {"content": b""}, DeploymentError),
        (507, {"json": {"error": "the disk does not take the policy"}}, UnavailableError),
        (500, {"content": b"<html>"}, UnavailableError),
        (200, {"content": b"<html>"}, DeploymentError),
    ],
)
def test_strange_answers_are_errors_of_ours(answer, status, content, error):
    answer(status, **content)
    with pytest.raises(error):
        HttpServerLog().seal(ADDRESS)


def test_a_silent_server_is_worth_a_retry(monkeypatch):
    def times_out(*_, **__):
        message = "no"
        raise httpx.ReadTimeout(message)

    monkeypatch.setattr(httpx.Client, "request", times_out)
    with pytest.raises(UnavailableError, match="did not answer in time"):
        HttpServerLog().seal(ADDRESS)
