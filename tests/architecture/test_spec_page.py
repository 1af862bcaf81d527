"""docs/spec.md is made from the code, and says something about every key."""

import json
import re
from pathlib import Path

from titlebout.cli.main import main
from titlebout.core.specs.spec import ModelSpec

PAGE = Path(__file__).resolve().parents[2] / "docs" / "spec.md"


def test_the_page_is_current(capsys):
    assert main(["schema", "--page"]) == 0
    assert capsys.readouterr().out == PAGE.read_text(encoding="utf-8"), "run `make schema`"


def test_every_key_has_a_row_and_every_row_a_meaning():
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert all(meaning.strip() and value.strip() for _, value, _, meaning in rows)
    shown = {name for name, *_ in rows}
    sections = ModelSpec.model_json_schema()["$defs"].values()
    keys = {key for section in sections for key in section.get("properties", {}) if len(section["properties"]) > 1}
    assert keys <= shown


def test_a_default_and_a_range_of_the_code_stand_on_the_page():
    schema = ModelSpec.model_json_schema()["$defs"]["TrainingSection"]["properties"]["window_days"]
    row = next(line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `window_days`"))
    for said in (f"≥ {schema['minimum']}", f"≤ {schema['maximum']}", f"`{json.dumps(schema['default'])}`"):
        assert said in row
