"""The spec on the page about training is searched and climbed as it stands there."""

import re
from pathlib import Path

import yaml

from fakes.demand_days import DemandWorld, run_of
from fakes.specs import demand_spec
from titlebout.adapters.optuna_search import OptunaSearch
from titlebout.core.learning.ladder_report import LadderReport
from titlebout.core.learning.search_report import SearchReport
from titlebout.core.specs.search_spec import SearchSection
from titlebout.steps.train_challenger import train_challenger

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "training.md").read_text(encoding="utf-8")


def test_the_spec_on_the_page_does_what_the_page_says():
    section = yaml.safe_load(re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1])["training"]
    world = DemandWorld(demand_spec(**{f"training__{name}": value for name, value in section.items()}))
    world.deliver_days("2024-01-01", "2024-01-15")
    challenger = train_challenger(
        world.spec,
        run_of("2024-01-15"),  # a Monday
        **world.stores,
        search=OptunaSearch(),
    )
    folder = f"demand/versions/{challenger.version}"
    report = SearchReport.model_validate_json(world.lake.objects[f"{folder}/search.json"])
    assert (len(report.trials), len(report.validation)) == (section["search"]["trials"], 3)
    rungs = LadderReport.model_validate_json(world.lake.objects[f"{folder}/ladder.json"]).rungs
    assert [rung.name for rung in rungs] == re.findall(
        r"^\| `(\w+)` \| (?:the|ridge)", PAGE.partition("## Ladder")[2], re.M
    )


def test_the_table_names_every_key_with_its_default():
    defaults = SearchSection()
    found = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", PAGE.partition("## Ladder")[0], re.MULTILINE))
    assert found.keys() == SearchSection.model_fields.keys()
    for name in ("trials", "validation_days", "when", "max_rows"):
        assert found[name].strip("`") == str(getattr(defaults, name))
