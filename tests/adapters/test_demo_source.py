"""Generated partitions: the same for the same seed, without files and without a connection."""

import io

import pyarrow as pa
import pytest

from fakes.specs import demand_spec
from fakes.whole_tables import all_rows, canonical_table
from titlebout.adapters.demo_source import DemoSourceReader
from titlebout.core.errors import PartitionKeyError, PartitionMissingError, PartitionUnreadableError, SpecError
from titlebout.core.reading.casting import arrow_schema
from titlebout.core.reading.decoding import decode
from titlebout.core.specs.dataset_spec import DatasetSection
from titlebout.demo.generator import SEED, DemandFeed
from titlebout.project import load_model_spec


def section(seed: int = 0, **changes) -> DatasetSection:
    dataset = load_model_spec("demand_demo").dataset.model_dump(mode="json", exclude_defaults=True)
    return DatasetSection.model_validate({**dataset, "source": {"kind": "demo", "seed": seed}, **changes})


def test_a_day_has_its_hours_in_declared_columns_and_types():
    table = all_rows(DemoSourceReader(section()).read("2024-05-01"))
    assert table.schema == arrow_schema(section().columns)
    assert table.num_rows == 96
    assert {str(moment.date()) for moment in table["hour"].to_pylist()} == {"2024-05-01"}


def test_the_same_seed_gives_the_same_rows_whatever_was_asked_before():
    reader = DemoSourceReader(section())
    first = all_rows(reader.read("2024-05-01"))
    all_rows(reader.read("2030-01-01"))
    assert all_rows(DemoSourceReader(section()).read("2024-05-01")) == first
    assert all_rows(DemoSourceReader(section(seed=1)).read("2024-05-01")) != first


def test_the_seed_of_the_demo_gives_the_rows_of_its_files():
    files = load_model_spec("demand_demo").dataset
    content = DemandFeed().day("2024-05-01")
    delivered = pa.Table.from_batches(decode(io.BytesIO(content), files, "2024-05-01.csv"))
    generated = all_rows(DemoSourceReader(section(seed=SEED)).read("2024-05-01"))
    assert canonical_table(generated, files) == canonical_table(delivered, files)


def test_the_rows_never_end():
    table = all_rows(DemoSourceReader(section()).read("2031-12-31"))
    assert {str(moment.date()) for moment in table["hour"].to_pylist()} == {"2031-12-31"}


def test_the_source_is_named_with_seed_and_day():
    raw = DemoSourceReader(section(seed=7)).read("2024-05-01")
    assert (raw.source_uri, raw.source_etag) == ("demo://demand/seed=7/2024-05-01", "seed:7")


def test_before_the_first_day_there_is_nothing():
    with pytest.raises(PartitionMissingError, match="begins on 2021-01-01"):
        DemoSourceReader(section()).read("2020-12-31")


def test_a_column_that_is_not_generated_is_named():
    columns = {**section().columns, "humidity": "number"}
    with pytest.raises(PartitionUnreadableError, match=r"column 'humidity' is missing .*humidity_percent"):
        DemoSourceReader(section(columns=columns)).read("2024-05-01")


def test_a_key_that_is_no_day_is_refused():
    with pytest.raises(PartitionKeyError):
        DemoSourceReader(section()).read("2024-02-30")


def test_another_kind_of_source_is_refused():
    with pytest.raises(SpecError, match="kind 'files' is not generated"):
        DemoSourceReader(demand_spec().dataset)
