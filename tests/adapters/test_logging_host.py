"""Whoever makes sure that a server runs tells it what to log."""

import pytest

from fakes.server_host import MemoryServerHost
from fakes.server_log import MemoryServerLog
from titlebout.adapters.logging_host import LoggingHost
from titlebout.core.errors import ConnectionSettingsError, UnavailableError
from titlebout.core.specs.serving_spec import ColumnPolicy, LogSection

HASHING = LogSection(enabled=True, columns={"weather": "hash"})
KEY = "a key that nobody knows"


def unasked() -> str:
    message = "nobody needs the key"
    raise AssertionError(message)


def host_of(section: LogSection, key=unasked) -> tuple[LoggingHost, MemoryServerHost, MemoryServerLog]:
    inner, log = MemoryServerHost(), MemoryServerLog()
    return LoggingHost(inner, log, section, key), inner, log


def test_a_server_is_told_what_to_log_before_anything_is_pushed_to_it():
    host, inner, log = host_of(HASHING, lambda: KEY)
    assert host.ensure_running("demand") == inner.find("demand")
    [policy] = log.policies
    assert (policy.enabled, policy.columns, policy.key) == (True, {"weather": ColumnPolicy.HASH}, KEY)


def test_a_log_that_was_switched_off_is_switched_off_on_the_server_too():
    host, _, log = host_of(LogSection())
    host.ensure_running("demand")
    assert [policy.enabled for policy in log.policies] == [False]


def test_finding_and_stopping_a_server_tells_it_nothing_and_needs_no_key():
    host, inner, log = host_of(HASHING)
    assert host.find("demand") is None
    inner.ensure_running("demand")
    assert host.find("demand") == inner.find("demand")
    host.stop("demand")
    assert inner.find("demand") is None
    assert host.image_id() == inner.image_id()
    assert log.policies == []


@pytest.mark.parametrize("key", ["", "short"])
def test_a_key_that_could_be_guessed_is_refused_and_a_champions_server_runs_all_the_same(key):
    host, inner, log = host_of(HASHING, lambda: key)
    with pytest.raises(ConnectionSettingsError, match=r"'titlebout_log_key': its password .* needs 16 characters"):
        host.ensure_running("demand")
    assert inner.find("demand")
    assert log.policies == []


def test_a_server_that_takes_no_policy_serves_no_new_release():
    host, _, log = host_of(LogSection())
    log.is_down = True
    with pytest.raises(UnavailableError):
        host.ensure_running("demand")
