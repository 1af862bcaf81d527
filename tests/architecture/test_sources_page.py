"""The examples in docs/sources.md are sections of a model spec that hold, and queries that pass the checks."""

import re
from pathlib import Path

import pytest
import yaml

from fakes.specs import demand_document
from titlebout.core.reading.partition_query import PARAMETERS, parse_query
from titlebout.core.specs.dataset_spec import DatasetSection

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", blocks("yaml"))
def test_an_example_is_a_dataset_section_that_holds(text: str):
    written = yaml.safe_load(text)
    section = DatasetSection.model_validate({**demand_document()["dataset"], **written})
    assert section.source.kind == written["source"]["kind"]


@pytest.mark.parametrize("text", blocks("sql"))
def test_an_example_of_a_query_passes_the_checks(text: str):
    assert parse_query("rides", text, "docs/sources.md").parameters == {"start", "end"}


def test_every_kind_of_source_every_section_and_every_parameter_is_explained():
    kinds = re.findall(r"^## `(\w+)`$", PAGE, re.MULTILINE)
    schema = DatasetSection.model_json_schema()
    assert set(kinds) == set(schema["properties"]["source"]["discriminator"]["mapping"])
    assert all(f"`:{name}`" in PAGE for name in PARAMETERS)
    for key in ("parsing", "derived", "keep", "arrival"):
        assert re.search(rf"^{key}:", PAGE, re.MULTILINE), key
