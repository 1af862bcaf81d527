"""What is wrong with a spec is said as a person would say it."""

import pytest
import yaml
from pydantic import ValidationError

from fakes.specs import demand_document
from titlebout.core.spec_mistakes import mistakes_of, yaml_mistake
from titlebout.core.specs.spec import ModelSpec


def mistakes(**changes: object) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        ModelSpec.model_validate(demand_document(**changes))
    return [*mistakes_of(caught.value)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"training__window_days": "ninety"}, "training.window_days: give a whole number (found 'ninety')"),
        ({"training__window_days": 1.5}, "training.window_days: give a whole number (found 1.5)"),
        ({"training__window_days": 0}, "training.window_days: must be at least 1 (found 0)"),
        ({"comparison__min_gain": "much"}, "comparison.min_gain: give a number (found 'much')"),
        ({"release__approval": {"required": "perhaps"}}, "release.approval.required: give true or false (found"),
        (
            {"schedule__start_date": "yesterday"},
            "schedule.start_date: give a day such as 2024-02-01 (found 'yesterday')",
        ),
        ({"alerts__mail_to": "me"}, "alerts.mail_to: give a list, such as [one, two] (found 'me')"),
        ({"owner": 5}, "owner: give a text, in quotes where it looks like something else (found 5)"),
        ({"training": None}, "training: give keys with values below it (found None)"),
        ({"comparison__metric": "maee"}, "comparison.metric: 'maee' is not allowed; did you mean 'mae'?"),
        ({"dataset__columns": {"hour": "datetime"}}, "dataset.columns.hour: 'datetime' is not allowed; did you mean "),
        (
            {"dataset__source": {"kind": "file", "path": "a.csv"}},
            "dataset.source.kind: 'file' is not allowed; did you mean 'files'? valid: ",
        ),
        ({"dataset__source": {"path": "a.csv"}}, "dataset.source.kind: required key is missing"),
        ({"dataset__source": {"kind": "files"}}, "dataset.source.path: required key is missing"),
        ({"dataset__target": "rental"}, "dataset.target: rental is not among dataset.columns; did you mean 'rentals'?"),
        (
            {"schedule__timezone": "Europa/Berlin"},
            "schedule.timezone: 'Europa/Berlin' is no IANA time zone; did you mean 'Europe/Berlin'?",
        ),
    ],
)
def test_a_mistake_is_named_with_what_to_write_instead(change: dict[str, object], said: str):
    (found,) = mistakes(**change)
    assert found.startswith(said), found


def test_every_mistake_is_named():
    assert len(mistakes(training__window_days=0, training__holdout_days=0)) == 2


@pytest.mark.parametrize(("text", "said"), [("a: [1\n", "line 2, column 1: expected"), ("a: \x01", "unacceptable")])
def test_a_text_that_is_no_yaml_is_told_by_line_and_column(text: str, said: str):
    with pytest.raises(yaml.YAMLError) as caught:
        yaml.safe_load(text)
    assert said in yaml_mistake(caught.value)
    assert "\n" not in yaml_mistake(caught.value)
