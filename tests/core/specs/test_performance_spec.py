import pytest
from pydantic import ValidationError

from fakes.specs import demand_spec


def test_without_the_section_estimates_only_warn():
    performance = demand_spec().performance
    assert (performance.act_on_estimates, performance.newest_partitions, performance.lost_partitions) == (False, 3, 2)


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ({"newest_partitions": 2, "lost_partitions": 3}, "lost_partitions must not exceed newest_partitions"),
        ({"request_id_column": "weather"}, r"weather is not among dataset.key_columns \(day, hour\)"),
        ({"act_on_estimate": True}, "act_on_estimate"),
        ({"smallest_loss": -0.1}, "greater than or equal to 0"),
    ],
)
def test_mistakes_are_named(section, problem):
    with pytest.raises(ValidationError, match=problem):
        demand_spec(performance=section)
