"""Health as clients of the Open Inference Protocol V2 ask for it."""

from pathlib import Path

from starlette.testclient import TestClient

from titlebout.serving.application import create_app
from titlebout.serving.settings import ServingSettings


def test_an_empty_server_is_live_and_not_ready_in_v2_too(tmp_path: Path) -> None:
    client = TestClient(create_app(ServingSettings(model="demo", state_dir=tmp_path, admin_token="secret")))

    assert client.get("/v2/health/live").status_code == 200
    answer = client.get("/v2/health/ready")
    assert answer.status_code == 503
    assert "error" in answer.json()
