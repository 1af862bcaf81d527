"""The section `validation`: defaults, switches, and limits out of range."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from fakes.specs import demand_spec
from titlebout.core.specs.validation_spec import CheckSeverity, ChecksSection, ValidationSection

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "validation.md").read_text(encoding="utf-8")


def test_every_check_is_on_by_default():
    checks = demand_spec().validation.checks
    severities = {
        name: getattr(checks, name).severity for name in type(checks).model_fields if name != "min_history_days"
    }
    assert {name for name, severity in severities.items() if severity is CheckSeverity.WARNING} == {
        "target_varies",
        "new_category",
    }
    assert CheckSeverity.OFF not in severities.values()


@pytest.mark.parametrize("word", ["off", "'off'", "no"])
def test_off_may_be_written_without_quotes(word):
    document = yaml.safe_load(f"{{suite: x, checks: {{leak: {{severity: {word}}}}}}}")
    assert ValidationSection.model_validate(document).checks.leak.severity is CheckSeverity.OFF


@pytest.mark.parametrize(
    ("checks", "problem"),
    [
        ({"leek": {}}, "leek"),
        ({"leak": {"maximum": 0.9}}, "maximum"),
        ({"leak": {"severity": "fatal"}}, "severity"),
        ({"leak": {"severity": True}}, "severity"),
        ({"leak": {"limit": 0.5}}, "limit"),
        ({"row_count": {"tolerance": 1.0}}, "tolerance"),
        ({"row_count": {"spreads": 0}}, "spreads"),
        ({"null_share": {"tolerance": 0}}, "tolerance"),
        ({"unseen_share": {"limit": 1.1}}, "limit"),
        ({"frozen_column": {"usual_values": 1}}, "usual_values"),
        ({"min_history_days": 2}, "min_history_days"),
        ({"min_history_days": 29}, "min_history_days"),
    ],
)
def test_a_mistake_names_its_key(checks, problem):
    with pytest.raises(ValidationError, match=problem):
        ValidationSection.model_validate({"suite": "x", "checks": checks})


def test_the_page_lists_every_check_with_its_default():
    rows = re.findall(r"^\| `(\w+)` \|.*\| (critical|warning) \|(.*)\|$", PAGE, re.MULTILINE)
    documented = {name: severity for name, severity, _ in rows}
    assert documented.pop("leak_over_days") == documented["leak"]
    checks = ChecksSection().model_dump(mode="json", exclude={"min_history_days"})
    assert documented == {name: check["severity"] for name, check in checks.items()}
    limits = {(name, *limit) for name, _, text in rows for limit in re.findall(r"`(\w+): ([\d.]+)`", text)}
    defaults = {
        (name, key, f"{value:g}") for name, check in checks.items() for key, value in check.items() if key != "severity"
    }
    assert limits == defaults


def test_the_example_on_the_page_is_valid():
    (example,) = re.findall(r"^```yaml\nvalidation:\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    checks = ValidationSection.model_validate(yaml.safe_load(f"x:\n{example}")["x"]).checks
    assert checks.new_category.severity is CheckSeverity.OFF
    assert checks.min_history_days == 14
