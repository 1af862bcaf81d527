from pathlib import Path

from fakes.live_server import live_server
from titlebout.serving.healthcheck import main


def test_a_server_that_answers_is_healthy_and_silence_is_not(tmp_path: Path):
    with live_server(tmp_path) as address:
        port = address.url.rsplit(":", 1)[1]
        assert main([port]) == 0
    assert main([port]) == 1
