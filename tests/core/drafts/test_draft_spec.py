"""The drafted spec: valid, commented, and the same as a parser reads it."""

from datetime import date

import pytest
import yaml

from fakes.sampled import hourly, raw_rows
from titlebout.core.drafts.draft_model import DraftChoices, find_model
from titlebout.core.drafts.draft_spec import Origin, checked_spec, spec_entries, spec_text
from titlebout.core.errors import SpecError
from titlebout.core.specs.spec import ModelSpec

ORIGIN = Origin({"kind": "files", "path": "rides/{partition}.csv", "format": "csv"}, "as found", "rides/*.csv")
TODAY = date(2024, 3, 1)


def drafted(choices=None, **changes):
    draft = find_model(raw_rows(**{**hourly(), **changes}), choices or DraftChoices())
    return draft, spec_entries("rides", ORIGIN, draft, TODAY)


def test_what_is_written_is_what_was_checked():
    draft, entries = drafted()
    spec = checked_spec(entries)
    assert ModelSpec.model_validate(yaml.safe_load(spec_text(entries, ORIGIN, draft))) == spec
    assert spec.dataset.target == "sales"
    assert spec.schedule.start_date == date(2024, 2, 10)


def test_every_choice_says_how_it_was_found():
    draft, entries = drafted()
    text = spec_text(entries, ORIGIN, draft)
    for said in ("# yaml-language-server: $schema=./schema.json", "as found", "found by trying", "GUESS", "40 days"):
        assert said in text


def test_a_finished_data_set_is_not_scheduled():
    draft = find_model(raw_rows(**hourly()), DraftChoices())
    entries = spec_entries("rides", ORIGIN, draft, date(2026, 1, 1))
    assert checked_spec(entries).schedule.start_date == date(2100, 1, 1)


def test_only_what_differs_from_the_defaults_of_parsing_is_written():
    draft, entries = drafted()
    assert "parsing" not in spec_text(entries, ORIGIN, draft)
    days = [f"{day:%d.%m.%Y}" for day in hourly()["day"]]
    draft, entries = drafted(day=days, price=[f"1.{n:03},5" for n in range(960)])
    parsing = checked_spec(entries).dataset.parsing
    assert (parsing.decimal_separator, parsing.thousands_separator) == (",", ".")
    assert parsing.date_formats == {"day": "%d.%m.%Y"}


def test_a_key_that_repeats_only_warns():
    draft, entries = drafted(DraftChoices(key=("day", "zone")))
    assert checked_spec(entries).validation.checks.unique_key.severity == "warning"
    assert "sampled rows share their key" in spec_text(entries, ORIGIN, draft)


def test_names_that_need_quotes_survive():
    names = ['a "quoted"', "line\nbreak", "größe: #1", "- dash", "null", "1e3", "\u2028", "tab\t"]
    draft, entries = drafted(**{name: hourly()["noise"] for name in names})
    spec = ModelSpec.model_validate(yaml.safe_load(spec_text(entries, ORIGIN, draft)))
    assert set(names) <= set(spec.dataset.columns)


def test_an_impossible_draft_is_an_error_and_no_file():
    draft = find_model(raw_rows(**hourly()), DraftChoices())
    bad = Origin({"kind": "s3", "bucket": "b", "prefix": "x"}, "", "")
    with pytest.raises(SpecError, match=r"the draft is no valid spec: dataset\.source"):
        checked_spec(spec_entries("rides", bad, draft, TODAY))


def test_a_target_of_few_texts_gives_classes_whose_names_survive_any_parser():
    loads = ["no", "low", "1", "high: 3"] * 240
    draft, entries = drafted(DraftChoices(target="load"), load=loads)
    text = spec_text(entries, ORIGIN, draft)
    spec = ModelSpec.model_validate(yaml.safe_load(text))
    assert spec == checked_spec(entries)
    assert spec.training.classes == ("1", "high: 3", "low", "no")
    assert spec.comparison.metric == "log_loss"
    assert "goes into quarantine until it is added here" in text


def test_a_column_that_tells_every_class_is_no_feature():
    loads = [("low", "middle", "high")[n % 7 % 3] for n in range(960)]
    draft, _ = drafted(DraftChoices(target="load"), load=loads, level=[f"is {name}" for name in loads])
    assert "mean AUC of the classes 1.00" in draft.features.excluded["level"]
    assert "noise" not in draft.features.excluded
