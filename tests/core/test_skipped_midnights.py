"""Where clocks jump over a midnight."""

import pytest

from titlebout.core.skipped_midnights import skips_midnight


@pytest.mark.parametrize(
    "timezone", ["America/Santiago", "America/Asuncion", "Africa/Cairo", "Asia/Beirut", "America/Havana"]
)
def test_clocks_that_jump_at_midnight_are_known(timezone):
    assert skips_midnight(timezone)


@pytest.mark.parametrize(
    "timezone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Auckland"]
)
def test_clocks_that_jump_at_another_hour_or_never_skip_no_midnight(timezone):
    assert not skips_midnight(timezone)
