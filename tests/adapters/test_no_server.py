"""The host of models that nobody serves."""

import pytest

from titlebout.adapters.no_server import NoServer
from titlebout.core.errors import DeploymentError


def test_it_knows_no_server_and_starts_none():
    host = NoServer()
    assert host.find("demand") is None
    host.stop("demand")
    with pytest.raises(DeploymentError, match=r"'demand' has deployment\.target none"):
        host.ensure_running("demand")
