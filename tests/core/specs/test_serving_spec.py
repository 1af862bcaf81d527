"""The section `serving`."""

import pytest
from pydantic import ValidationError

from fakes.specs import demand_spec
from titlebout.core.specs.serving_spec import ColumnPolicy


def test_nothing_is_logged_unless_a_spec_says_so():
    log = demand_spec().serving.log
    assert not log.enabled
    assert log.retention_days is None


def test_columns_have_policies_and_default_stands_for_the_others():
    log = demand_spec(serving__log={"enabled": True, "columns": {"default": "drop", "weather": "hash"}}).serving.log
    assert (log.of_others, log.of_named) == (ColumnPolicy.DROP, {"weather": ColumnPolicy.HASH})
    assert log.has_hashes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"serving__log": {"enabled": True, "columns": {"wether": "drop"}}}, r"wether is no feature.*hour, temp"),
        ({"serving__log": {"enabled": True, "columns": {"rentals": "drop"}}}, "rentals is no feature"),
        ({"serving__log": {"enabled": True, "columns": {"weather": "encrypt"}}}, "value.*hash.*drop"),
        ({"serving__log": {"enabled": True}, "deployment__target": "none"}, "target none has no server that could log"),
        ({"serving__log": {"retention_days": 30}}, "log says how to log but not to log; add enabled: true"),
        ({"serving__log": {"enabled": True, "sample_rate": 0}}, "greater than 0"),
    ],
)
def test_a_policy_that_would_do_nothing_is_a_mistake(changes, message):
    with pytest.raises(ValidationError, match=message):
        demand_spec(**changes)
